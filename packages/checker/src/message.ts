import type { AnyMachineSnapshot } from 'xstate';

/** A message: an xstate event. The engine reads nothing of it but its type. */
export interface Message {
  readonly type: string;
}

/** Whoever drives the machines; also where messages go that no machine takes. */
export const ENVIRONMENT = 'environment';

/** Where a message goes. Messages of one sender, one receiver and one lane keep their order; others do not. */
export interface Address {
  /** A machine, or the environment, which hears a message in the step that sends it. */
  readonly to: string;
  readonly lane: string;
}

/** A message that was sent and is not delivered. */
export interface InFlight extends Address {
  readonly from: string;
  readonly message: Message;
}

/** Facts about single machines by name: each is asked once for each local state. */
export type Guards = Readonly<Record<string, (snapshot: AnyMachineSnapshot) => boolean>>;
