import { canonicalText } from './canonical-text.js';
import type { Channel, Routed } from './channels.js';
import { type Choice, type Moved, moved, RunError, routed, type SystemState, taken } from './choices.js';
import { type Participant, stepperOf } from './participants.js';
import { initialRoutes } from './routes.js';

/** The system before anything happened. */
export function initialState(participants: readonly Participant[]): SystemState {
  const snapshots = Object.fromEntries(
    participants.map((participant) => [
      participant.name,
      stepperOf(participant).initial(participant.input as never).snapshot,
    ]),
  );
  return { snapshots, channels: [], routes: initialRoutes(participants) };
}

/**
 * The system after a choice. Nothing is changed in place, so every state that was passed stays valid.
 * @throws RunError where a machine fails or does not know the message
 * @throws RangeError for a choice that the state does not offer
 */
export function step(participants: readonly Participant[], state: SystemState, choice: Choice): Moved {
  const took = taken(participants, state, choice);
  const { arriving } = took;
  if (arriving === null) return moved(state, choice, took, state.snapshots, []);
  const participant = participants.find(({ name }) => name === arriving.to)!;
  const { snapshot, sent } = transition(participant, state, arriving);
  const snapshots = { ...state.snapshots, [arriving.to]: snapshot };
  return moved(state, choice, took, snapshots, routed(participants, took.routes, arriving, sent));
}

/** Asks one machine. @throws RunError that names the message where the machine fails */
function transition(participant: Participant, state: SystemState, arriving: Routed) {
  const snapshot = state.snapshots[arriving.to]!;
  try {
    return stepperOf(participant).step(snapshot as never, arriving.message as never);
  } catch (error) {
    throw new RunError(String(error), arriving);
  }
}

/** A queue with the messages of each thread together: in which order different threads sent makes no difference. */
const inLanes = ({ from, to, messages }: Channel): Channel => ({
  from,
  to,
  messages: messages.toSorted((a, b) =>
    (a.thread ?? '') < (b.thread ?? '') ? -1 : (a.thread ?? '') > (b.thread ?? '') ? 1 : 0,
  ),
});

/** The part of a state that tells it from others, as text: equal states have equal keys. */
export function keyOf(participants: readonly Participant[], state: SystemState): string {
  const machines = participants.map((participant) => {
    const { value, context } = state.snapshots[participant.name]!;
    return [participant.name, value, participant.canonical(context as never)];
  });
  return canonicalText({ machines, channels: state.channels.map(inLanes), routes: state.routes });
}
