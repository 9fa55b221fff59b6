import type { Choice, Moved, SystemState } from '../../src/choices.ts';
import { choicesOf } from '../../src/choices.ts';
import type { Participant } from '../../src/participants.ts';
import { step } from '../../src/pure-driver.ts';

/** Holds a run against a recording: how far a step brings it, or a sentence on what differs. */
export interface Follower<Progress> {
  readonly after: (progress: Progress, moved: Moved) => Progress | string;
  /** Whether everything recorded has been seen. */
  readonly isComplete: (progress: Progress) => boolean;
  /** A number that grows with what was seen: tells which of two failures came later. */
  readonly length: (progress: Progress) => number;
}

/** What the environment does next, where the machines stand by then. */
export type Offering = (state: SystemState) => Choice;

export interface GuidedEnd<Progress> {
  readonly state: SystemState;
  readonly progress: Progress;
}

/** No schedule of the machines gives the recording. */
export class NotExplained extends Error {
  override readonly name = 'NotExplained';
}

/** More schedules than this are not tried: a recording and a run that part late have many. */
const STATES_MAX = 100_000;

interface Node<Progress> extends GuidedEnd<Progress> {
  readonly offered: number;
}

const RCU = 'rcu';

/** Callbacks of RCU run when a grace period has passed: at any time after, or not at all while others act. */
const isCallback = (choice: Choice): boolean => choice.kind === 'step' && choice.thread === RCU;

/** A callback that has begun: it asks another machine, and is answered. Nobody comes in between. */
function isOfCallback({ channels }: SystemState, choice: Choice): boolean {
  if (choice.kind !== 'deliver') return false;
  const channel = channels.find(({ from, to }) => from === choice.from && to === choice.to);
  return channel?.messages[0]?.thread === RCU;
}

/**
 * Plays what the environment does on the machines so that what they show is what was recorded. The recording
 * picks the schedule: of everything that could happen next, what fits is tried, and undone where it leads nowhere.
 * The next offering is taken when the machines are at rest but for callbacks. Ends where the recording is complete
 * and the machines are at rest, or as soon as it is complete where the recording was cut short.
 * @throws NotExplained with the difference that was met last
 */
export function guidedRun<Progress>(
  participants: readonly Participant[],
  start: GuidedEnd<Progress>,
  offerings: readonly Offering[],
  { after, isComplete, length }: Follower<Progress>,
  cutShort = false,
): GuidedEnd<Progress> {
  const open: Node<Progress>[] = [{ ...start, offered: 0 }];
  let farthest = { length: -1, why: 'nothing could be tried' };
  const differs = (progress: Progress, why: string): void => {
    if (length(progress) > farthest.length) farthest = { length: length(progress), why };
  };

  for (let tried = 0; tried < STATES_MAX; tried += 1) {
    const node = open.pop();
    if (node === undefined) throw new NotExplained(farthest.why);
    const { state, progress, offered } = node;
    if (cutShort && isComplete(progress)) return node;
    const all = choicesOf(participants, state);
    const begun = all.filter((choice) => isOfCallback(state, choice));
    const possible = begun.length > 0 ? begun : all;
    const others = possible.filter((choice) => !isCallback(choice));
    const atRest = others.length === 0;
    if (atRest && offered === offerings.length && isComplete(progress)) return node;
    const offer = atRest && offered < offerings.length ? [offerings[offered]!(state)] : [];
    const callbacks = possible.filter(isCallback);
    if (atRest && offer.length + callbacks.length === 0) differs(progress, 'the machines are at rest');

    const next: Node<Progress>[] = [];
    for (const choice of [...offer, ...others, ...callbacks]) {
      const moved = step(participants, state, choice);
      const reached = after(progress, moved);
      if (typeof reached === 'string') differs(progress, reached);
      else
        next.push({
          state: moved.state,
          progress: reached,
          offered: offered + (offer[0] === choice ? 1 : 0),
        });
    }
    open.push(...next.reverse());
  }
  throw new NotExplained(`too many schedules, none of which fits: ${farthest.why}`);
}
