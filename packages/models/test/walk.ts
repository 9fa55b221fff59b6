import type { Environment, InFlight, Model, Offer, View } from '@spapr-dma/checker';
import {
  type AnyMessage,
  type Choice,
  choicesOf,
  type Moved,
  type Participant,
  type SystemState,
  step,
  takes,
} from '@spapr-dma/system';

/** Where the machines stand, and the environment. */
export interface Place {
  readonly state: SystemState;
  readonly environment: unknown;
}

/** A step, and where it leads. */
export interface Way {
  readonly choice: Choice;
  readonly moved: Moved;
  readonly next: Place;
}

const environmentOf = ({ environment }: Model): Environment<unknown> => environment!;

/** A state as somebody sees it to whom nothing is hidden. */
export const openView = ({ state, environment }: Place): View => ({
  snapshot: (name) => state.snapshots[name]!,
  inbox: (name) => inboxOf(state, name),
  environment: () => environment,
});

/** What is on its way to a machine. */
export const inboxOf = ({ channels }: SystemState, name: string): readonly InFlight[] =>
  channels
    .filter(({ to }) => to === name)
    .flatMap(({ from, to, messages }) =>
      messages.map((message) => ({ from, to, lane: message.thread ?? '', message })),
    );

/** What the environment offers, with what its sources may look at. */
function offersAt(model: Model, place: Place): readonly Offer<unknown>[] {
  const { snapshots } = place.state;
  return environmentOf(model).sources.flatMap(({ reads = [], guards = {}, offers }) => {
    if (Object.entries(guards).some(([name, guard]) => !guard(snapshots[name]!))) return [];
    const hidden = (): never => {
      throw new RangeError('it was read and not declared');
    };
    const snapshot: View['snapshot'] = (name) => (reads.includes(name) ? snapshots[name]! : hidden());
    return offers(place.environment, { snapshot, inbox: hidden, environment: hidden });
  });
}

/** Everything that may happen next, by the system's own driver. */
export function waysFrom(model: Model, participants: readonly Participant[], place: Place): readonly Way[] {
  const { state } = place;
  const own = choicesOf(participants, state).map((choice) => ({ choice, environment: place.environment }));
  const offered = offersAt(model, place)
    .filter(({ to, message }) => takes(state.snapshots[to], message as AnyMessage))
    .filter(({ whenIdle }) => whenIdle !== true || own.length === 0)
    .map(({ to, message, next }) => ({
      choice: { kind: 'offer', to, message: message as AnyMessage } as const,
      environment: next,
    }));
  return [...own, ...offered].map(({ choice, environment }) => {
    const moved = step(participants, state, choice);
    return { choice, moved, next: { state: moved.state, environment: heard(model, environment, moved) } };
  });
}

/** The environment after what was sent to it. */
function heard(model: Model, environment: unknown, { sent }: Moved): unknown {
  const { hears } = environmentOf(model);
  return sent
    .filter(({ message, from }) => model.route(message, from)?.to === 'environment')
    .reduce((known, { message, from }) => hears?.(known, message, from) ?? known, environment);
}
