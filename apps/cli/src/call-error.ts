import type { Verb } from './verbs.js';

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
