import { type Command, InvalidArgumentError, Option } from 'commander';
import { CallError } from '../call-error.js';
import { bytesOf } from '../text/byte-size.js';

export const fillNames = ['empty', 'sparse', 'dense'] as const;

/** `spapr-dma run --compare NAME` */
export interface CompareCall {
  readonly name: string;
  /** log2 of the entries of each window, ascending. */
  readonly entryShifts: readonly number[];
  readonly fills: readonly (typeof fillNames)[number][];
  /** Bytes. */
  readonly ram: bigint;
  /** Seconds; null for the guest's own. */
  readonly stallLimit: number | null;
  /** `operation=nanoseconds` as typed, in their order. */
  readonly costs: readonly string[];
}

/** The options as commander gathers them; undefined where one was not given. */
export interface CompareOptions {
  readonly compare?: string;
  readonly entries?: CompareCall['entryShifts'];
  readonly fill?: CompareCall['fills'];
  readonly ram?: bigint;
  readonly stallLimit?: number;
  readonly cost?: CompareCall['costs'];
}

const DEFAULTS = {
  entryShifts: [18, 20, 22, 24, 26, 28, 31],
  /** 256 pages: an entry that a replay maps takes a thousandth of a second of ours, one that it looks at nothing. */
  ram: 0x100_0000n,
} as const;

/** A window has fewer than 2^32 entries. */
const shiftMax = 31;
/** A dense table of more would take minutes a run. */
const ramMax = 1n << 32n;

function entryShift(text: string): number {
  const [, shift, count] = /^(?:2\^(\d{1,2})|(\d{1,10}))$/.exec(text) ?? [];
  const exact = shift === undefined ? Math.log2(Number(count ?? 0)) : Number(shift);
  if (!Number.isInteger(exact) || exact < 1 || exact > shiftMax) {
    throw new InvalidArgumentError(`It is a power of two from 2 to 2^${shiftMax}, such as 262144 or 2^18.`);
  }
  return exact;
}

const listed = (text: string): readonly string[] => [...new Set(text.split(','))];

const entries = (text: string): readonly number[] =>
  [...new Set(listed(text).map(entryShift))].sort((a, b) => a - b);

function fills(text: string): CompareCall['fills'] {
  const asked = listed(text);
  if (asked.some((name) => !(fillNames as readonly string[]).includes(name))) {
    throw new InvalidArgumentError(`It can be ${fillNames.join(', ')}, or several of them with commas.`);
  }
  return fillNames.filter((name) => asked.includes(name));
}

function ram(text: string): bigint {
  const value = bytesOf(text);
  if (value === null || value === 0n || value % 0x10_0000n !== 0n) {
    throw new InvalidArgumentError('It is a number of MiB such as 32M or 1G.');
  }
  if (value > ramMax) throw new InvalidArgumentError('It is more than 4G.');
  return value;
}

function seconds(text: string): number {
  const value = /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  if (value === 0) throw new InvalidArgumentError('It is a number of seconds.');
  return value;
}

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export const withCompareOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--compare <switch>', 'put the values of a switch side by side').conflicts([
        'list',
        'chart',
      ]),
    )
    .addOption(
      new Option('--entries <counts>', 'compare replayPolicy: windows of so many entries').argParser(entries),
    )
    .addOption(
      new Option('--fill <tables>', 'compare replayPolicy: empty, sparse or dense tables').argParser(fills),
    )
    .addOption(
      new Option(
        '--ram <size>',
        "compare replayPolicy: the guest's memory, mapped in a dense table",
      ).argParser(ram),
    )
    .addOption(
      new Option('--stall-limit <seconds>', 'compare replayPolicy: when the guest reports a stall').argParser(
        seconds,
      ),
    )
    .addOption(
      new Option(
        '--cost <operation=ns>',
        'compare replayPolicy: a unit cost; may be given several times',
      ).argParser(collected),
    );

/** What to compare; null where nothing is. @throws CallError for options that say nothing without `--compare` */
export function compareCallOf(options: CompareOptions): CompareCall | null {
  const { compare, entries: shifts, fill, ram: bytes, stallLimit, cost } = options;
  const given = { entries: shifts, fill, ram: bytes, 'stall-limit': stallLimit, cost };
  const stray = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  if (compare === undefined && stray !== undefined) {
    throw new CallError(`--${stray} goes with --compare replayPolicy; see spapr-dma run --help`, 'run');
  }
  if (compare === undefined) return null;
  return {
    name: compare,
    entryShifts: shifts ?? DEFAULTS.entryShifts,
    fills: fill ?? fillNames,
    ram: bytes ?? DEFAULTS.ram,
    stallLimit: stallLimit ?? null,
    costs: cost ?? [],
  };
}
