import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import type { Address, Guards, InFlight, Message } from './message.js';
import type { CheckedProperty, View } from './property.js';
import type { Permutation } from './symmetry.js';

export { type Address, ENVIRONMENT, type Guards, type InFlight, type Message } from './message.js';

/** What a machine did: where it stands now, and what it emitted, in order. */
export interface Transition {
  readonly snapshot: AnyMachineSnapshot;
  readonly sent: readonly Message[];
}

/** One machine of a model. */
export interface ModelMachine {
  /** Unique in the model. */
  readonly name: string;
  /** Its actions are `assign` and `emit` only; it has no delays, actors or children. */
  readonly machine: AnyStateMachine;
  readonly input?: unknown;
  /** Where it stands at the start. Default: its initial state. */
  readonly start?: AnyMachineSnapshot;
  /** The context as plain data that is equal exactly where two contexts are. Default: the context itself. */
  // biome-ignore lint/suspicious/noExplicitAny: contexts of machines of any kind
  readonly canonical?: (context: any) => unknown;
  /** Messages by which its own threads move, from a context: those are taken that `can` allows. Default: none. */
  // biome-ignore lint/suspicious/noExplicitAny: contexts of machines of any kind
  readonly ownMoves?: (context: any) => readonly Message[];
  /** A faster way to ask the machine than xstate's `transition()`, with the same answers. */
  readonly step?: (snapshot: AnyMachineSnapshot, message: Message) => Transition;
}

/** Something that the environment may do: a message that arrives at once, where its receiver takes it. */
export interface Offer<State> {
  readonly to: string;
  readonly message: Message;
  /** The environment after it. */
  readonly next: State;
  /** Only where no machine can move. */
  readonly whenIdle?: boolean;
  /** Comes in the end, where it can come for ever: what happens by itself and no machine does. Default: it need not. */
  readonly isDue?: boolean;
  /** What it is, for whoever reads a counterexample. Plain data. */
  readonly label: unknown;
}

/** Offers that look at the same things. */
export interface OfferSource<State> {
  /** Machines whose snapshots `offers` looks at. Default: none. */
  readonly reads?: readonly string[];
  /** Facts about single machines, without which there are no offers. */
  readonly guards?: Guards;
  readonly offers: (state: State, view: View) => readonly Offer<State>[];
}

/** Whatever is around the machines: it offers messages and hears those that are sent to it. */
export interface Environment<State> {
  /** Plain data. */
  readonly initial: State;
  readonly sources: readonly OfferSource<State>[];
  /** Default: it learns nothing. */
  readonly hears?: (state: State, message: Message, from: string) => State;
}

/** What a model knows of the order of its steps, and no search can find out. */
export interface OrderOfSteps {
  /**
   * Whether a machine takes two messages of different lanes in either order with the same outcome, wherever it
   * stands, and neither makes the other impossible; or the two are never there at once. The same for own moves and
   * for what the environment offers. Default: none are. What is found to be otherwise ends the search.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a model's messages are its own business
  readonly commutes?: (machine: string, message: any, other: any) => boolean;
  /** What properties see of a machine, as plain data. Default: all of its local state. */
  readonly seen?: (machine: string, snapshot: AnyMachineSnapshot) => unknown;
}

/** Machines that are joined by channels, an environment, and what is held against every state and step. */
export interface Model {
  readonly name: string;
  readonly machines: readonly ModelMachine[];
  /** Where a machine's message goes; null where nobody hears it. */
  readonly route: (message: Message, sender: string) => Address | null;
  /** What is on its way at the start, oldest first. Default: nothing. */
  readonly inFlight?: readonly InFlight[];
  // biome-ignore lint/suspicious/noExplicitAny: an environment's state is its own business
  readonly environment?: Environment<any>;
  readonly properties: readonly CheckedProperty[];
  /**
   * How parts of one kind may be exchanged for each other: all ways of a group but the one that changes nothing.
   * States that are images of each other are then one. Default: none.
   */
  readonly symmetry?: readonly Permutation[];
  /** What searches that leave out orders of steps need not find out. Default: nothing. */
  readonly partialOrder?: OrderOfSteps;
}
