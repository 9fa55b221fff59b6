import type { AnyMachineSnapshot } from 'xstate';
import type { Guards, InFlight, Message } from './message.js';

/** A global state as a property or an environment sees it. What was not declared in `reads` cannot be read. */
export interface View {
  /** @throws RangeError for a machine that was not declared */
  readonly snapshot: (machine: string) => AnyMachineSnapshot;
  /** What is on its way to a machine; messages of one lane oldest first. @throws RangeError as above */
  readonly inbox: (machine: string) => readonly InFlight[];
  /** @throws RangeError as above */
  readonly environment: () => unknown;
}

/** What a property looks at. It is judged once for each combination of these. */
export interface Reads {
  readonly machines: readonly string[];
  /** Machines of which it looks at what is on its way to them. Default: none. */
  readonly inboxes?: readonly string[];
  /** Whether it looks at the environment's state. Default: no. */
  readonly environment?: boolean;
  /**
   * Facts about single machines without which it says nothing of a state. Of a step an observer that remembers is told
   * all the same; another one is told of those after which they hold.
   */
  readonly guards?: Guards;
  /**
   * Facts about what is on its way to single machines, in the same way. One that does not hold does not hold either
   * with more on its way.
   */
  readonly inboxGuards?: Readonly<Record<string, (inFlight: readonly InFlight[]) => boolean>>;
}

/** What a property makes of a state or a step. */
export interface Judgement {
  /** What went wrong, as a sentence; null where nothing did. */
  readonly violation: string | null;
  /** Whether this is one of those that the property is about. */
  readonly reached: boolean;
}

interface Named {
  readonly name: string;
  /** What holds, as a sentence. */
  readonly title: string;
  readonly reads: Reads;
}

/** What `reached` means, so that nothing holds because nothing happens. */
interface Meets {
  /** What a search must have met; null where it need not meet anything. */
  readonly sometimes: string | null;
}

/** Holds in every state. */
export interface Invariant extends Named, Meets {
  readonly kind: 'invariant';
  readonly judge: (view: View) => Judgement;
}

/** A step of the model. */
export interface ObservedMove {
  readonly before: View;
  readonly after: View;
  /** The machine that moved. */
  readonly machine: string;
  /** Who sent the message; the environment for what it offers and for a machine's own moves. */
  readonly from: string;
  readonly message: Message;
  /** What the machine sent, in order; `to` is null where nobody hears it. */
  readonly sent: readonly { readonly to: string | null; readonly message: Message }[];
}

/** Holds along every path: judged step by step with a memory, which is part of the state. */
export interface Observer<Memory> extends Named, Meets {
  readonly kind: 'observer';
  /** Plain data. */
  readonly initial: Memory;
  /** False where the memory is always the initial one: then the state does not grow by it. */
  readonly remembers: boolean;
  /**
   * Whether it may say or remember something of a step in which a machine takes a message. Default: of each. Only
   * searches that leave out orders of steps ask.
   */
  readonly watches?: (machine: string, message: Message) => boolean;
  readonly observe: (memory: Memory, move: ObservedMove) => Judgement & { readonly memory: Memory };
  /** Judges a state in which nobody can move. */
  readonly atRest?: (memory: Memory, view: View) => string | null;
}

/** A state in which nobody can move must be one in which nobody waits. */
export interface Deadlock extends Named {
  readonly kind: 'deadlock';
  /** Who waits for what nothing can end, as a sentence; null where nobody does. */
  readonly waits: (view: View) => string | null;
}

/** Some state is reached. */
export interface Sometimes extends Named {
  readonly kind: 'sometimes';
  readonly holds: (view: View) => boolean;
}

/**
 * Whenever the first holds, the second holds then or later, if every machine's lane that can go on for ever does
 * so in the end. The environment need not do anything but what it says is due.
 */
export interface LeadsTo extends Named {
  readonly kind: 'leads-to';
  readonly from: (view: View) => boolean;
  readonly to: (view: View) => boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: an observer's memory is its own business
export type CheckedProperty = Invariant | Observer<any> | Deadlock | Sometimes | LeadsTo;
