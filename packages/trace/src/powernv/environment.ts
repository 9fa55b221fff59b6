import { InputError } from '../input.js';
import { type Place, placeIn } from './arguments.js';

/** What happens on the host before a step, or to the process that makes it. Pages are those of the host kernel. */
export type HostAction =
  /** RLIMIT_MEMLOCK in bytes, null for none, and CAP_IPC_LOCK of the process. */
  | { readonly do: 'set-memlock'; readonly limit: bigint | null; readonly capIpcLock: boolean }
  /** Pages of the memory that the step names, counted from its `vaddr`, get other rights or go. */
  | {
      readonly do: 'protect';
      readonly first: number;
      readonly count: number;
      readonly access: 'none' | 'read' | 'read-write';
    }
  | { readonly do: 'unmap'; readonly first: number; readonly count: number }
  | { readonly do: 'fork'; readonly child: string }
  | { readonly do: 'exit'; readonly process: string }
  | { readonly do: 'unbind-vfio-pci'; readonly device: string }
  /** A driver of the host takes a device, if it may, or gives it up. */
  | { readonly do: 'bind-driver'; readonly device: string; readonly dmaMask: bigint }
  | { readonly do: 'unbind-driver'; readonly device: string };

/** Bytes that stand at a place of the process's memory before every transfer of a scenario. */
export interface Filled {
  readonly place: Place;
  readonly value: number;
}

/** What the fields of one row leave open. */
export interface StepInputs {
  readonly before: readonly HostAction[];
  /** Who makes the call; null for the scenario's own process. */
  readonly process: string | null;
  /** Arguments that stand in no field. */
  readonly args: string | null;
  /** The container's descriptor, where the process has two. */
  readonly containerFd: number | null;
  /** What the block that a call answers in held before. */
  readonly blockFill: number;
  /** The TCEs at the address that H_PUT_TCE_INDIRECT names. */
  readonly tces: readonly bigint[];
  /** Where the process looks after a transfer, where that is not the place mapped at its destination. */
  readonly read: Place | null;
  /** Whether it puts zeros there before. */
  readonly clears: boolean;
}

/** Inputs of the steps of a scenario from one number to another that all its conditions let through. */
export interface StepEntry {
  readonly from: number;
  readonly to: number;
  /** Only for that operation with these arguments, host, and how many times the scenario has started; null for any. */
  readonly op: string | null;
  readonly given: string | null;
  readonly host: string | null;
  readonly occurrence: number | null;
  readonly inputs: Partial<StepInputs>;
}

export interface ScenarioEnvironment {
  readonly fill: readonly Filled[];
  readonly read: Place | null;
  /** log2 of the pages behind memory that lies elsewhere than in the buffer; null for the host's. */
  readonly elsewherePageShift: number | null;
  readonly steps: readonly StepEntry[];
}

/** A PCI function of the host, and who has it when a scenario begins. */
export interface RecordedDevice {
  readonly device: string;
  readonly driver: 'vfio-pci' | 'host' | null;
}
/** The functions behind the PHBs; a group's number is its place among the buses. */
export interface RecordedHost {
  readonly name: string;
  /** The runs that were made on it; null for all that no other host names. */
  readonly runs: readonly string[] | null;
  readonly devices: readonly RecordedDevice[];
}

/** Inputs of recordings that stand in no field. */
export interface Environment {
  /** The lowest descriptor that is free when a scenario begins. */
  readonly firstFd: number;
  /** Addresses at which the process has no memory. */
  readonly absent: readonly bigint[];
  readonly hosts: readonly RecordedHost[];
  readonly scenarios: ReadonlyMap<string, ScenarioEnvironment>;
}

const NO_INPUTS: StepInputs = {
  before: [],
  process: null,
  args: null,
  containerFd: null,
  blockFill: 0,
  tces: [],
  read: null,
  clears: true,
};

const NO_SCENARIO: ScenarioEnvironment = { fill: [], read: null, elsewherePageShift: null, steps: [] };

export const scenarioOf = ({ scenarios }: Environment, scenario: string): ScenarioEnvironment =>
  scenarios.get(scenario) ?? NO_SCENARIO;

/** The host that a run was made on. @throws InputError where there is none */
export function hostOf({ hosts }: Environment, run: string): RecordedHost {
  const host = hosts.find(({ runs }) => runs?.includes(run)) ?? hosts.find(({ runs }) => runs === null);
  if (host === undefined) throw new InputError(`no host is described for the run ${JSON.stringify(run)}`);
  return host;
}

/** Which step is asked for. */
export interface StepKey {
  readonly n: number;
  readonly op: string;
  /** The arguments as the line has them. */
  readonly given: string;
  readonly host: string;
  readonly occurrence: number;
}

/** What holds for one step; of two entries that say something about one input, the later. */
export function inputsOf({ steps }: ScenarioEnvironment, key: StepKey): StepInputs {
  let inputs = NO_INPUTS;
  for (const entry of steps) if (concerns(entry, key)) inputs = { ...inputs, ...entry.inputs };
  return inputs;
}

const concerns = ({ from, to, op, given, host, occurrence }: StepEntry, key: StepKey): boolean =>
  from <= key.n &&
  key.n <= to &&
  (op === null || op === key.op) &&
  (given === null || given === key.given) &&
  (host === null || host === key.host) &&
  (occurrence === null || occurrence === key.occurrence);

/** The place that a text of the file names. @throws InputError */
export function readPlace(text: unknown): Place {
  const place = typeof text === 'string' ? placeIn(text) : null;
  if (place === null)
    throw new InputError(`the environment has no address where one is due: ${JSON.stringify(text)}`);
  return place;
}
