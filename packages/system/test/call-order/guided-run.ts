import { RCU_THREAD } from '@spapr-dma/kvm';
import { REGION_RCU_THREAD } from '@spapr-dma/vfio-host';
import type { Choice, Moved, SystemState } from '../../src/choices.ts';
import { choicesOf } from '../../src/choices.ts';
import type { Participant } from '../../src/participants.ts';
import { step } from '../../src/pure-driver.ts';

/** Holds a run against a recording: how far a step brings it, or a sentence on what differs. */
export interface Follower<Progress> {
  readonly after: (progress: Progress, moved: Moved) => Progress | string;
  /** Whether everything recorded has been seen. */
  readonly isComplete: (progress: Progress) => boolean;
  /** What the recording has next, for messages. */
  readonly expected: (progress: Progress) => string;
  /** A number that grows with what was seen: tells which of two failures came later. */
  readonly length: (progress: Progress) => number;
}

/** What the environment does next, where the machines stand by then; null while its time has not come. */
export type Offering = (state: SystemState, atRest: boolean) => Choice | null;

/** Does this when the machines are at rest but for callbacks. */
export const whenAtRest =
  (choice: (state: SystemState) => Choice): Offering =>
  (state, atRest) =>
    atRest ? choice(state) : null;

export interface GuidedEnd<Progress> {
  readonly state: SystemState;
  readonly progress: Progress;
}

/** No schedule of the machines gives the recording. */
export class NotExplained extends Error {
  override readonly name = 'NotExplained';
}

/** States that are tried without coming any further in the recording: where it cannot be explained there are many. */
const STALLED_MAX = 2000;

interface Node<Progress> extends GuidedEnd<Progress> {
  readonly offered: number;
}

/** Threads that run what waits for a grace period. QEMU's own RCU makes system calls, and is a thread as any other. */
const CALLBACK_THREADS: readonly string[] = [RCU_THREAD, REGION_RCU_THREAD];

/** Callbacks of RCU run when a grace period has passed: at any time after, or not at all while others act. */
const isCallback = (choice: Choice): boolean =>
  choice.kind === 'step' && CALLBACK_THREADS.includes(choice.thread);

/** A callback of the kernel that has begun: it asks another machine, and is answered. Nobody comes in between. */
function isOfCallback({ channels }: SystemState, choice: Choice): boolean {
  if (choice.kind !== 'deliver') return false;
  const channel = channels.find(({ from, to }) => from === choice.from && to === choice.to);
  return CALLBACK_THREADS.includes(choice.thread ?? channel?.messages[0]?.thread ?? '');
}

/**
 * Plays what the environment does on the machines so that what they show is what was recorded. The recording
 * picks the schedule: of everything that could happen next, what fits is tried, and undone where it leads nowhere.
 * Ends where the recording is complete
 * and the machines are at rest, or as soon as it is complete where the recording was cut short.
 * @throws NotExplained with the difference that was met last
 */
export function guidedRun<Progress>(
  participants: readonly Participant[],
  start: GuidedEnd<Progress>,
  offerings: readonly Offering[],
  { after, isComplete, expected, length }: Follower<Progress>,
  cutShort = false,
): GuidedEnd<Progress> {
  const open: Node<Progress>[] = [{ ...start, offered: 0 }];
  let farthest = { length: -1, why: 'nothing could be tried' };
  let reached = -1;
  let stalled = 0;
  const differs = (progress: Progress, why: string): void => {
    if (length(progress) > farthest.length) farthest = { length: length(progress), why };
  };

  for (;;) {
    const node = open.pop();
    if (node === undefined || stalled > STALLED_MAX) throw new NotExplained(farthest.why);
    const { state, progress, offered } = node;
    stalled = length(progress) > reached ? 0 : stalled + 1;
    reached = Math.max(reached, length(progress));
    if (cutShort && isComplete(progress)) return node;
    const all = choicesOf(participants, state);
    const begun = all.filter((choice) => isOfCallback(state, choice));
    const possible = begun.length > 0 ? begun : all;
    const others = possible.filter((choice) => !isCallback(choice));
    const atRest = others.length === 0;
    if (atRest && offered === offerings.length && isComplete(progress)) return node;
    const due = offerings[offered]?.(state, atRest) ?? null;
    const offer = due === null ? [] : [due];
    const callbacks = possible.filter(isCallback);
    if (atRest && offer.length + callbacks.length === 0) {
      differs(progress, `the machines are at rest, recorded is ${expected(progress)}`);
    }

    const next: Node<Progress>[] = [];
    for (const choice of [...others, ...offer, ...callbacks]) {
      const moved = step(participants, state, choice);
      const then = after(progress, moved);
      if (typeof then === 'string') differs(progress, then);
      else
        next.push({
          state: moved.state,
          progress: then,
          offered: offered + (offer[0] === choice ? 1 : 0),
        });
    }
    open.push(...next.reverse());
  }
}
