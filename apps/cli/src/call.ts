import type { FollowCall } from './follow/follow-call.js';
import type { RunCall } from './run/run-call.js';
import type { SizeCall } from './size/size-call.js';
import type { VectorsCall } from './vectors/vectors-call.js';

/** What a person asked for, read from the command line and free of contradictions in itself. */
export type Call = RunCall | FollowCall | VectorsCall | SizeCall | TextCall;

export type Verb = Exclude<Call, TextCall>['verb'];

/** Help or the version: text that is printed as it is. */
export interface TextCall {
  readonly verb: 'text';
  readonly text: string;
}

/** A call that cannot be carried out. Its message is one sentence for the person who typed it. */
export class CallError extends Error {
  /** The verb that was called, or null where none was recognised. */
  readonly verb: Verb | null;

  constructor(message: string, verb: Verb | null = null) {
    super(message);
    this.name = 'CallError';
    this.verb = verb;
  }
}

/** An error that is nobody's but this program's, called so. */
export const mistakeText = (error: unknown): string =>
  `this is a mistake in spapr-dma, not in what you gave it: ${error instanceof Error ? error.message : String(error)}`;
