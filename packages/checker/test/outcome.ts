import type { SearchResult } from '../src/result.ts';

/** What any two ways of searching all nearest states must say; the rest is about how they went. */
export const outcomeOf = ({
  verdict,
  violations,
  unreached,
  states,
  transitions,
  depth,
  bound,
  localStates,
  asked,
}: SearchResult) => ({
  verdict,
  unreached,
  states,
  transitions,
  depth,
  bound,
  localStates,
  asked,
  violations: Object.fromEntries(violations.map(({ property, trace }) => [property, trace.steps.length])),
});
