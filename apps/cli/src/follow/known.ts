import type { FollowOptions, GivenPhb } from '@spapr-dma/trace';
import { CallError } from '../call-error.js';
import { nearest } from '../text/nearest.js';
import { enumerated, excerpt } from '../text/words.js';
import type { FollowCall } from './follow-call.js';

const refuse = (message: string): never => {
  throw new CallError(`${message}; see spapr-dma follow --help`, 'follow');
};

/** Properties of a PHB as QEMU's command line names them, and what they are called by the follower. */
const numbers = {
  dma_win_addr: 'dmaWinAddr',
  dma_win_size: 'dmaWinSize',
  dma64_win_addr: 'dma64WinAddr',
  pgsz: 'pgsz',
} as const satisfies Record<string, keyof GivenPhb>;

const isNumberName = (name: string): name is keyof typeof numbers => Object.hasOwn(numbers, name);

const phbNames = ['index', ...Object.keys(numbers), 'ddw'];

function numberOf(name: string, text: string): bigint {
  const value = /^(?:0x[0-9a-f]+|[0-9]+)$/i.test(text) ? BigInt(text) : undefined;
  if (value === undefined)
    return refuse(`--phb: ${name} is a number, decimal or 0x…, not '${excerpt(text, 80)}'`);
  if (value >= 1n << 64n)
    return refuse(`--phb: ${name} has at most 64 bits, and ${excerpt(text, 80)} has more`);
  return value;
}

function switchOf(name: string, text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  return refuse(`--phb: ${name} is on or off, not '${excerpt(text, 80)}'`);
}

const indexMax = 0x7fff_ffffn;

function indexOf(text: string): number {
  const index = numberOf('index', text);
  if (index > indexMax)
    return refuse(`--phb: index is at most 0x${indexMax.toString(16)}, not ${excerpt(text, 80)}`);
  return Number(index);
}

/** `index=1,pgsz=0x11000,ddw=off` as the follower takes it. */
export function phbOf(given: string): GivenPhb {
  const values = new Map<string, string>();
  for (const part of given.split(',')) {
    const [, name, value] =
      /^([^=]*)=(.*)$/s.exec(part) ??
      refuse(`--phb takes name=value pairs joined by commas, and '${excerpt(part, 80)}' is none`);
    if (name === undefined || value === undefined || !phbNames.includes(name)) {
      const near = nearest(name ?? '', phbNames);
      refuse(
        `--phb knows ${enumerated(phbNames)}, not '${excerpt(name ?? '', 80)}'${near === undefined ? '' : `, did you mean ${near}`}`,
      );
    }
    if (values.has(name!)) refuse(`--phb has ${name} twice`);
    values.set(name!, value!);
  }
  const index = values.get('index');
  if (index === undefined) return refuse(`--phb needs index=N to tell which PHB it is about`);
  const properties: Record<string, unknown> = { index: indexOf(index) };
  for (const [name, value] of values) {
    if (isNumberName(name)) properties[numbers[name]] = numberOf(name, value);
    if (name === 'ddw') properties.ddw = switchOf(name, value);
  }
  return properties as unknown as GivenPhb;
}

type Machine = NonNullable<FollowOptions['machine']>;

function machineOf(given: string): Machine {
  if (/^pseries-[0-9]{1,3}\.[0-9]{1,3}$/.test(given)) return given as Machine;
  return refuse(
    `--machine takes a machine type with its version, such as pseries-2.6, not '${excerpt(given, 80)}'`,
  );
}

/** What the call tells the follower about the machine behind the log. */
export function followOptions({ phbs, machine }: FollowCall): FollowOptions {
  const given = phbs.map(phbOf);
  const twice = given.find(({ index }, at) => given.slice(0, at).some((other) => other.index === index));
  if (twice !== undefined) refuse(`--phb is given twice for index ${twice.index}`);
  return {
    ...(given.length > 0 ? { phbs: given } : {}),
    ...(machine === null ? {} : { machine: machineOf(machine) }),
  };
}
