import { ARGUMENTS_NOT_COMPARED, FUNCTIONS_NOT_COMPARED, FUNCTIONS_NOT_WATCHED } from './compared.ts';
import { isNumber, type Names, namesAsText, type Value, withName, withoutName } from './names.ts';
import type { RecordedCall } from './read-call-order.ts';

/** A function that a machine says it ran. */
export interface ModelCall {
  readonly fn: string;
  readonly args: Readonly<Record<string, Value>>;
  readonly times: number;
}

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
/** Objects that go take their names with them: the next one may stand at the same address. */
function withoutTheFreed(names: Names, { fn, args }: RecordedCall): Names {
  if (fn !== 'pnv_pci_ioda2_table_free_pages') return names;
  return withoutName(names, 'TBL', args.tbl!);
}

/** The names after the arguments of a call; a sentence where an argument differs. */
function argumentsMatch(names: Names, recorded: RecordedCall, model: ModelCall): Names | string {
  let next = names;
  for (const [name, value] of Object.entries(recorded.args)) {
    if (name in ARGUMENTS_NOT_COMPARED) continue;
    const own = model.args[name];
    if (own === undefined) return `${recorded.fn} has no ${name}, recorded is ${name}=${value}`;
    const kind = LABEL.exec(value)?.[1];
    const named = kind === undefined ? next : own === null ? null : withName(next, kind, value, own);
    if (named === null) {
      return `${recorded.fn}: ${name} is ${own}, recorded is ${value} (${namesAsText(next)})`;
    }
    if (kind === undefined && !isNumber(own, value)) {
      return `${recorded.fn}: ${name} is ${own}, recorded is ${value}`;
    }
    next = named;
  }
  return withoutTheFreed(next, recorded);
}

/** The progress after what a machine ran; a sentence where the recording has something else. */
export function matched(progress: Progress, model: ModelCall): Progress | string {
  if (!isCompared(model) || FUNCTIONS_NOT_WATCHED.includes(model.fn)) return progress;
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
