import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InputError } from '../input.js';
import { numberIn } from './arguments.js';
import {
  type Environment,
  type Filled,
  type HostAction,
  type RecordedHost,
  readPlace,
  type ScenarioEnvironment,
  type StepEntry,
  type StepInputs,
} from './environment.js';

/** Where the repository keeps it. */
export const environmentPath = (): string =>
  fileURLToPath(new URL('../../../../traces/powernv-environment.json', import.meta.url));

type Json = Readonly<Record<string, unknown>>;

/** Says where in the file something is wrong. */
const wrong = (at: string, what: string): never => {
  throw new InputError(`the environment of the recordings: ${at} ${what}`);
};

function objectAt(value: unknown, at: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(at, 'is no object');
  return value as Json;
}
const listAt = (value: unknown, at: string): readonly unknown[] =>
  Array.isArray(value) ? value : wrong(at, 'is no list');
const textAt = (value: unknown, at: string): string =>
  typeof value === 'string' ? value : wrong(at, 'is no text');
const countAt = (value: unknown, at: string): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : wrong(at, 'is no count');
const flagAt = (value: unknown, at: string): boolean =>
  typeof value === 'boolean' ? value : wrong(at, 'is neither true nor false');
function registerAt(value: unknown, at: string): bigint {
  const number = typeof value === 'string' ? numberIn(value) : null;
  return number ?? wrong(at, 'is no hex number of 64 bits');
}
const byteAt = (value: unknown, at: string): number => {
  const byte = registerAt(value, at);
  return byte <= 0xffn ? Number(byte) : wrong(at, 'is no byte');
};
const orNull = <Value>(value: unknown, read: (value: unknown) => Value): Value | null =>
  value === undefined || value === null ? null : read(value);

function onlyFields(object: Json, known: readonly string[], at: string): void {
  const other = Object.keys(object).find((name) => name !== 'why' && !known.includes(name));
  if (other !== undefined) wrong(at, `has a field that is not known: ${JSON.stringify(other)}`);
}

const ACCESSES = ['none', 'read', 'read-write'] as const;

function actionAt(value: unknown, at: string): HostAction {
  const action = objectAt(value, at);
  const device = (): string => textAt(action.device, `${at}.device`);
  const pages = (): { first: number; count: number } => {
    const [first, count] = listAt(action.pages, `${at}.pages`).map((page) => countAt(page, `${at}.pages`));
    if (first === undefined || count === undefined) return wrong(`${at}.pages`, 'is no first page and count');
    return { first, count };
  };
  switch (action.do) {
    case 'set-memlock':
      onlyFields(action, ['do', 'limit', 'capIpcLock'], at);
      return {
        do: 'set-memlock',
        limit: orNull(action.limit, (limit) => registerAt(limit, `${at}.limit`)),
        capIpcLock: flagAt(action.capIpcLock, `${at}.capIpcLock`),
      };
    case 'protect': {
      onlyFields(action, ['do', 'pages', 'access'], at);
      const access = ACCESSES.find((known) => known === action.access);
      return { do: 'protect', ...pages(), access: access ?? wrong(`${at}.access`, 'is not known') };
    }
    case 'unmap':
      onlyFields(action, ['do', 'pages'], at);
      return { do: 'unmap', ...pages() };
    case 'fork':
      onlyFields(action, ['do', 'child'], at);
      return { do: 'fork', child: textAt(action.child, `${at}.child`) };
    case 'exit':
      onlyFields(action, ['do', 'process'], at);
      return { do: 'exit', process: textAt(action.process, `${at}.process`) };
    case 'unbind-vfio-pci':
    case 'unbind-driver':
      onlyFields(action, ['do', 'device'], at);
      return { do: action.do, device: device() };
    case 'bind-driver':
      onlyFields(action, ['do', 'device', 'dmaMask'], at);
      return { do: 'bind-driver', device: device(), dmaMask: registerAt(action.dmaMask, `${at}.dmaMask`) };
    default:
      return wrong(at, `does something that is not known: ${JSON.stringify(action.do)}`);
  }
}

const INPUT_READERS: {
  readonly [Name in keyof StepInputs]: (value: unknown, at: string) => StepInputs[Name];
} = {
  before: (value, at) => listAt(value, at).map((action, i) => actionAt(action, `${at}[${i}]`)),
  process: textAt,
  args: textAt,
  containerFd: countAt,
  blockFill: byteAt,
  tces: (value, at) => listAt(value, at).map((tce) => registerAt(tce, at)),
  read: readPlace,
  clears: flagAt,
};
const INPUT_NAMES = Object.keys(INPUT_READERS) as (keyof StepInputs)[];

function stepAt(value: unknown, at: string): StepEntry {
  const step = objectAt(value, at);
  onlyFields(step, ['n', 'op', 'given', 'host', 'occurrence', ...INPUT_NAMES], at);
  const [from, to] = Array.isArray(step.n) ? step.n : [step.n, step.n];
  const inputs = Object.fromEntries(
    INPUT_NAMES.filter((name) => step[name] !== undefined).map((name) => [
      name,
      INPUT_READERS[name](step[name], `${at}.${name}`),
    ]),
  );
  return {
    from: countAt(from, `${at}.n`),
    to: countAt(to, `${at}.n`),
    op: orNull(step.op, (op) => textAt(op, `${at}.op`)),
    given: orNull(step.given, (given) => textAt(given, `${at}.given`)),
    host: orNull(step.host, (host) => textAt(host, `${at}.host`)),
    occurrence: orNull(step.occurrence, (count) => countAt(count, `${at}.occurrence`)),
    inputs,
  };
}

function scenarioAt(value: unknown, at: string): ScenarioEnvironment {
  const scenario = objectAt(value, at);
  onlyFields(scenario, ['fill', 'read', 'elsewherePageShift', 'steps'], at);
  const fill = Object.entries(objectAt(scenario.fill ?? {}, `${at}.fill`)).map(
    ([place, byte]): Filled => ({ place: readPlace(place), value: byteAt(byte, `${at}.fill`) }),
  );
  return {
    fill,
    read: orNull(scenario.read, readPlace),
    elsewherePageShift: orNull(scenario.elsewherePageShift, (shift) => countAt(shift, at)),
    steps: listAt(scenario.steps ?? [], `${at}.steps`).map((step, i) => stepAt(step, `${at}.steps[${i}]`)),
  };
}

const DRIVERS = ['vfio-pci', 'host', null] as const;

function hostAt(value: unknown, at: string): RecordedHost {
  const host = objectAt(value, at);
  onlyFields(host, ['name', 'runs', 'devices'], at);
  const devices = listAt(host.devices, `${at}.devices`).map((one, i) => {
    const device = objectAt(one, `${at}.devices[${i}]`);
    const driver = DRIVERS.find((known) => known === device.driver);
    if (driver === undefined) return wrong(`${at}.devices[${i}].driver`, 'is not known');
    return { device: textAt(device.device, `${at}.devices[${i}].device`), driver };
  });
  const runs = orNull(host.runs, (list) => listAt(list, `${at}.runs`).map((run) => textAt(run, at)));
  return { name: textAt(host.name, `${at}.name`), runs, devices };
}

/**
 * Reads the text of such a file. A `why` may stand in every object, for people.
 * @throws InputError that says what is wrong and where
 */
export function parseEnvironment(text: string): Environment {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    wrong('the file', 'is not JSON');
  }
  const file = objectAt(value, 'the file');
  onlyFields(file, ['version', 'firstFd', 'absent', 'hosts', 'scenarios'], 'the file');
  if (file.version !== 1) wrong('version', 'is not 1');
  return {
    firstFd: countAt(file.firstFd, 'firstFd'),
    absent: listAt(file.absent, 'absent').map((address) => registerAt(address, 'absent')),
    hosts: listAt(file.hosts, 'hosts').map((host, i) => hostAt(host, `hosts[${i}]`)),
    scenarios: new Map(
      Object.entries(objectAt(file.scenarios, 'scenarios')).map(([name, scenario]) => [
        name,
        scenarioAt(scenario, `scenarios.${name}`),
      ]),
    ),
  };
}

let known: Environment | undefined;

/** The repository's own. @throws InputError where it cannot be read */
export function loadEnvironment(): Environment {
  if (known !== undefined) return known;
  let text: string;
  try {
    text = readFileSync(environmentPath(), 'utf8');
  } catch {
    throw new InputError(
      'traces/powernv-environment.json, which recordings of host kernels need, is not there',
    );
  }
  known = parseEnvironment(text);
  return known;
}
