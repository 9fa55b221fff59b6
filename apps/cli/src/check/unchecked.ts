import type { Fault } from '../answer.js';

/** The document of a call that came to nothing. */
export const uncheckedDocument = (error: Fault) => ({
  model: null,
  preset: null,
  switches: null,
  size: null,
  verdict: null,
  property: null,
  text: null,
  states: null,
  transitions: null,
  depth: null,
  seconds: null,
  localStates: null,
  asked: null,
  memoHits: null,
  bytesPerState: null,
  order: null,
  workers: null,
  reductions: null,
  bound: null,
  unreached: [],
  violations: [],
  counterexample: null,
  expected: null,
  error,
});
