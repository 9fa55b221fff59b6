import {
  type ProcessId,
  type TableAccess,
  type TableAccessReturn,
  type TableGroupOp,
  type TableGroupReturn,
  unreachable,
} from '@spapr-dma/protocol';
import { type Answer, answer, isError, type Rc, rcOf } from './answers.js';
import type { Frame } from './frames.js';
import type { Said } from './said.js';
import type { VfioHost } from './state.js';
import type { LockName } from './thread-state.js';

/** A message without the envelope that the thread gives it. */
type Bare<Message> = Message extends unknown ? Omit<Message, 'from' | 'to' | 'thread'> : never;
export type GroupRequest = Bare<TableGroupOp>;
export type AccessRequest = Bare<TableAccess>;

/** Why a frame goes on: it begins, or has its mutexes now; an answer came; or a function it called returned. */
export type Resumption =
  | { readonly type: 'begin' }
  | TableGroupReturn
  | TableAccessReturn
  | { readonly type: 'returned'; readonly answer: Answer };
export const BEGIN: Resumption = { type: 'begin' };

/** What a frame does next. */
export type Next =
  | { readonly do: 'group'; readonly frame: Frame; readonly request: GroupRequest }
  | { readonly do: 'access'; readonly frame: Frame; readonly request: AccessRequest }
  /** Gives up the mutexes it has and takes these; one that yields lets others go on before, even if they are free. */
  | {
      readonly do: 'lock';
      readonly frame: Frame;
      readonly locks: readonly LockName[];
      readonly yields: boolean;
    }
  | { readonly do: 'call'; readonly frame: Frame; readonly callee: Frame }
  | { readonly do: 'return'; readonly answer: Answer };

/** One step of one frame: what it changed, what it said, and what it does next. */
export interface Step {
  readonly host: VfioHost;
  readonly said: readonly Said[];
  readonly next: Next;
}
export type StepFunction<F extends Frame> = (
  host: VfioHost,
  frame: F,
  resumed: Resumption,
  caller: ProcessId | null,
) => Step;

const NONE: readonly Said[] = [];

/** Builders for steps; each names what the frame does next. */
export const askGroup = (host: VfioHost, frame: Frame, request: GroupRequest, said = NONE): Step => ({
  host,
  said,
  next: { do: 'group', frame, request },
});
export const access = (host: VfioHost, frame: Frame, request: AccessRequest, said = NONE): Step => ({
  host,
  said,
  next: { do: 'access', frame, request },
});
export const takeLocks = (
  host: VfioHost,
  frame: Frame,
  locks: readonly LockName[],
  said = NONE,
  yields = false,
): Step => ({
  host,
  said,
  next: { do: 'lock', frame, locks, yields },
});
export const call = (host: VfioHost, frame: Frame, callee: Frame, said = NONE): Step => ({
  host,
  said,
  next: { do: 'call', frame, callee },
});
export const ret = (host: VfioHost, result: Rc | Answer = 0, said = NONE): Step => ({
  host,
  said,
  next: {
    do: 'return',
    answer: typeof result === 'object' ? result : answer(result),
  },
});
/** A step that had more to say before it. */
export const after = (said: readonly Said[], step: Step): Step =>
  said.length === 0 ? step : { ...step, said: [...said, ...step.said] };

/** What the platform answered, where a frame waits for that. */
export const groupReply = (resumed: Resumption): TableGroupReturn['result'] =>
  resumed.type === 'table-group-return'
    ? resumed.result
    : unreachable('a frame that waits for the platform got something else');
export const groupRc = (resumed: Resumption): Rc => {
  const result = groupReply(resumed);
  return result.ok ? 0 : rcOf(result.code);
};
export const accessReply = (resumed: Resumption): TableAccessReturn =>
  resumed.type === 'table-access-return'
    ? resumed
    : unreachable('a frame that waits for a table got something else');
/** What a function that was called returned. */
export const returned = (resumed: Resumption): Answer =>
  resumed.type === 'returned'
    ? resumed.answer
    : unreachable('a frame that waits for a function got something else');
export const returnedError = (resumed: Resumption): boolean => isError(returned(resumed).rc);
