import type { InFlight, View } from '@spapr-dma/checker';
import type { AnyMessage, Channel, Channels, Participant, Routes, SystemState } from '@spapr-dma/system';

/** Who answers to which component, by what the environment's state is. */
// biome-ignore lint/suspicious/noExplicitAny: an environment's state is its own business
export type RoutesAt = (environment: any) => Routes;

/** What somebody who looks at a part of the system may look at. */
export interface Seen {
  /** Names of machines. */
  readonly machines: readonly string[];
  /** Names of machines of which it is known what is on its way to them; null where nothing is to be known of that. */
  readonly inboxes: readonly string[] | null;
}

/** The messages of a machine's inbox as channels, one for each sender. */
function channelsTo(to: string, inbox: readonly InFlight[]): Channels {
  const senders = [...new Set(inbox.map(({ from }) => from))];
  return senders.map((from): Channel => {
    const messages = inbox.filter((each) => each.from === from).map(({ message }) => message as AnyMessage);
    return { from, to, messages };
  });
}

/**
 * Makes of a view the state that the system's functions know. What was not declared throws when it is read.
 * @param routesAt reads the environment, where who answers changes; null where it stays as it is at the start
 */
export function stateReader(
  participants: readonly Participant[],
  fixed: Routes,
  { machines, inboxes }: Seen,
  routesAt: RoutesAt | null = null,
): (view: View) => SystemState {
  const hidden = participants.map(({ name }) => name).filter((name) => !machines.includes(name));
  // Not among a state's own names, so that whoever goes through all machines finds those that were declared.
  const guard = Object.defineProperties(
    {},
    Object.fromEntries(hidden.map((name) => [name, { get: () => undeclared(`the state of ${name}`) }])),
  );
  return (view) => {
    const routes = routesAt === null ? fixed : routesAt(view.environment());
    const snapshots: SystemState['snapshots'] = Object.assign(
      Object.create(guard),
      Object.fromEntries(machines.map((name) => [name, view.snapshot(name)])),
    );
    if (inboxes === null) {
      return {
        snapshots,
        routes,
        get channels() {
          return undeclared('what is on its way');
        },
      };
    }
    return { snapshots, routes, channels: inboxes.flatMap((name) => channelsTo(name, view.inbox(name))) };
  };
}

const undeclared = (what: string): never => {
  throw new RangeError(`${what} was read and not declared`);
};
