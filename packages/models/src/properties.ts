import type { CheckedProperty, ObservedMove, View } from '@spapr-dma/checker';
import {
  type AnyMessage,
  type AnyProperty,
  type Choice,
  costOf,
  ENVIRONMENT,
  initialRoutes,
  type Moved,
  type ObservedStep,
  type Participant,
  PROPERTIES,
  type Routes,
} from '@spapr-dma/system';
import { ModelsError } from './errors.js';
import { stateReader } from './view-state.js';

/** The property of a name. @throws ModelsError that lists what there is */
export function propertyNamed(name: string): AnyProperty {
  const property = PROPERTIES.find((each) => each.name === name);
  if (property !== undefined) return property;
  const known = PROPERTIES.map((each) => each.name).join(', ');
  throw new ModelsError(`There is no property '${name}'; there are: ${known}.`);
}

function choiceOfMove({ from, machine, message }: ObservedMove): Choice {
  const { thread, type } = message as AnyMessage;
  if (from !== ENVIRONMENT) {
    return { kind: 'deliver', from, to: machine, ...(thread === undefined ? {} : { thread }) };
  }
  return type === 'step' && thread !== undefined
    ? { kind: 'step', to: machine, thread }
    : { kind: 'offer', to: machine, message: message as AnyMessage };
}

/**
 * A property of the system as one of the checker.
 * @param routes who answers to which component
 * @param initial what the property remembers of what happened before the search
 * @throws ModelsError for a name that does not exist
 */
export function checkedProperty(
  name: string,
  participants: readonly Participant[],
  routes: Routes = initialRoutes(participants),
  initial: unknown = propertyNamed(name).initial,
): CheckedProperty {
  const property = propertyNamed(name);
  const machines = participants.map((each) => each.name);
  const stateOf = stateReader(participants, routes, { machines, inboxes: machines });
  const stepOf = (move: ObservedMove): ObservedStep => {
    const moved: Moved = {
      choice: choiceOfMove(move),
      state: stateOf(move.after),
      delivered: { from: move.from, to: move.machine, message: move.message as AnyMessage },
      sent: move.sent.map(({ to, message }) => ({
        from: move.machine,
        to: to ?? ENVIRONMENT,
        message: message as AnyMessage,
      })),
    };
    return { before: stateOf(move.before), moved, cost: costOf(moved) };
  };
  const { title, sometimes, observe, atRest } = property;
  return {
    kind: 'observer',
    name,
    title,
    sometimes,
    reads: { machines, inboxes: machines },
    initial,
    remembers: property.initial !== null,
    observe: (memory, move) => observe(memory, stepOf(move)),
    ...(atRest === undefined
      ? {}
      : { atRest: (memory: unknown, view: View) => atRest(memory, stateOf(view)) }),
  };
}
