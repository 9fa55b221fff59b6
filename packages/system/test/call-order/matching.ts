import { ARGUMENTS_NOT_COMPARED, FUNCTIONS_NOT_COMPARED } from './compared.ts';
import type { RecordedCall } from './read-call-order.ts';

/** A function that a machine says it ran. */
export interface ModelCall {
  readonly fn: string;
  readonly args: Readonly<Record<string, string | number | bigint | boolean | null>>;
  readonly times: number;
}

/** What the recording calls an object and what the machines call it, one to one: `TBL1` ↔ `tbl 4`. */
type Names = ReadonlyMap<string, string>;

/** How far a recording has been explained. */
export interface Progress {
  readonly calls: readonly RecordedCall[];
  /** The call that comes next, and how often it was seen already. */
  readonly at: number;
  readonly seen: number;
  readonly names: Names;
}

export const isCompared = ({ fn }: { readonly fn: string }): boolean => !(fn in FUNCTIONS_NOT_COMPARED);

export const progressOn = (calls: readonly RecordedCall[], names: Names = new Map()): Progress => ({
  calls: calls.filter(isCompared),
  at: 0,
  seen: 0,
  names,
});

export const isComplete = ({ calls, at }: Progress): boolean => at === calls.length;

/** The call that the recording has next. */
export const nextCall = ({ calls, at }: Progress): RecordedCall | undefined => calls[at];

/** `TBL1`, `DEV2`: what the recording has in place of a pointer. */
const LABEL = /^([A-Z]+)\d+$/;
/** Arguments whose values are such names, or 0. */
const KIND_OF: Readonly<Record<string, string>> = { t0: 'TBL', t1: 'TBL', tbl: 'TBL', devbase: 'TBL' };

const integerOf = (value: ModelCall['args'][string]): bigint =>
  value === null ? 0n : typeof value === 'string' ? BigInt(value) : BigInt(value);

/** The names with one pair more; null where one of the two is known by another name. */
function withName(names: Names, label: string, kind: string, own: string): Names | null {
  const object = `${kind} ${own}`;
  const known = names.get(label);
  if (known !== undefined) return known === object ? names : null;
  return [...names.values()].includes(object) ? null : new Map(names).set(label, object);
}

/** Objects that go take their names with them: the next one may stand at the same address. */
function withoutTheFreed(names: Names, { fn, args }: RecordedCall): Names {
  if (fn !== 'pnv_pci_ioda2_table_free_pages') return names;
  const rest = new Map(names);
  rest.delete(args.tbl!);
  return rest;
}

/** The names after the arguments of a call; a sentence where an argument differs. */
function argumentsMatch(names: Names, recorded: RecordedCall, model: ModelCall): Names | string {
  let next = names;
  for (const [name, value] of Object.entries(recorded.args)) {
    if (name in ARGUMENTS_NOT_COMPARED) continue;
    const own = model.args[name];
    if (own === undefined) return `${recorded.fn} has no ${name}, recorded is ${name}=${value}`;
    const kind = LABEL.exec(value)?.[1];
    if (kind !== undefined) {
      const named = own === null ? null : withName(next, value, kind, String(own));
      if (named === null) return `${recorded.fn}: ${name} is ${own}, recorded is ${value} (${naming(next)})`;
      next = named;
    } else if (
      name in KIND_OF ? own !== null && own !== 0 : !isNumber(own) || integerOf(own) !== BigInt(value)
    ) {
      return `${recorded.fn}: ${name} is ${own}, recorded is ${value}`;
    }
  }
  return withoutTheFreed(next, recorded);
}

const isNumber = (value: ModelCall['args'][string]): boolean =>
  typeof value !== 'string' || /^(0x[0-9a-f]+|\d+)$/.test(value);

const naming = (names: Names): string => [...names].map(([label, own]) => `${label}=${own}`).join(', ');

/** The progress after what a machine ran; a sentence where the recording has something else. */
export function matched(progress: Progress, model: ModelCall): Progress | string {
  if (!isCompared(model)) return progress;
  const recorded = nextCall(progress);
  if (recorded === undefined) return `${model.fn} runs, the recording has no more`;
  if (recorded.fn !== model.fn) return `${model.fn} runs, recorded is ${recorded.fn} (line ${recorded.line})`;
  const names = argumentsMatch(progress.names, recorded, model);
  if (typeof names === 'string') return `${names} (line ${recorded.line})`;
  const seen = progress.seen + model.times;
  if (seen > recorded.times) {
    return `${model.fn} runs ${seen} times, recorded are ${recorded.times} (line ${recorded.line})`;
  }
  return seen === recorded.times
    ? { ...progress, names, at: progress.at + 1, seen: 0 }
    : { ...progress, names, seen };
}
