import type { Message } from './model.js';

/** A step of a counterexample. */
export interface TraceStep {
  /** From 1. */
  readonly n: number;
  /** Who sent the message; the environment for what it offers. A machine that moves by itself is its own sender. */
  readonly from: string;
  /** The machine that takes the message. */
  readonly to: string;
  /** The lane by which it came; null for an offer, and for a machine that moves by itself. */
  readonly lane: string | null;
  readonly message: Message;
  /** What the environment says of its offer; null for any other step. */
  readonly offer: unknown;
  readonly sent: readonly { readonly to: string | null; readonly message: Message }[];
}

/** A path from the start; one that goes on for ever comes back from its end to where it was after a step. */
export interface Trace {
  readonly steps: readonly TraceStep[];
  /** The number of steps before the loop; null for a path that ends. */
  readonly loopAfter: number | null;
}

export interface Violation {
  readonly property: string;
  readonly text: string;
  readonly trace: Trace;
}

/** What a search came to. */
export interface SearchResult {
  /** `bounded`: nothing was found, and not everything was seen. */
  readonly verdict: 'holds' | 'violated' | 'bounded';
  /** The first violation of each property that has one, nearest first. */
  readonly violations: readonly Violation[];
  /** Properties that hold because nothing happened that they are about. Empty unless all was seen. */
  readonly unreached: readonly { readonly property: string; readonly sometimes: string }[];
  readonly states: number;
  readonly transitions: number;
  /** Steps to the furthest state. */
  readonly depth: number;
  /** Which limit ended the search before its end; null where none did. */
  readonly bound: 'depth' | 'states' | 'memory' | 'steps' | 'stopped' | null;
  readonly seconds: number;
  /** Local states by machine. */
  readonly localStates: Readonly<Record<string, number>>;
  /** Transitions that xstate was asked for. */
  readonly asked: number;
  /** Share of the steps, 0 to 1, that were remembered. */
  readonly memoHits: number;
  readonly bytesPerState: number;
}

/** How a search goes on, for whoever waits. */
export interface Progress {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** States that are known and not yet gone on from. */
  readonly frontier: number;
  readonly seconds: number;
}
