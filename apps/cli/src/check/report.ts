import type { ModelEntry } from '@spapr-dma/models';
import type { PlayedCounterexample } from '@spapr-dma/system';
import type { Fault } from '../answer.js';
import type { CheckCall, SearchCall } from './check-call.js';
import { playedOf } from './counterexample-file.js';
import { type Expectation, expectationOf } from './expectation.js';
import type { Found, FoundViolation } from './explore.js';

/** One model that was checked. */
export interface Report {
  readonly entry: ModelEntry;
  readonly search: SearchCall;
  readonly found: Found;
  /** The violation that stands for the search; null where there is none. */
  readonly violation: Pick<FoundViolation, 'property' | 'text'> | null;
  /** The way to it, played; null where there is none. */
  readonly played: PlayedCounterexample | null;
  readonly expectation: Expectation | null;
  /** Why the search ended before its end, where nobody asked for that; null otherwise. */
  readonly fault: Fault | null;
}

/** What stopped a search, in words. */
const BOUNDS = {
  depth: 'the depth that was allowed',
  states: 'the number of states that was allowed',
  memory: 'the memory that was allowed',
  steps: 'the end of the walks',
  stopped: 'an interruption',
} as const;

export const boundText = (bound: keyof typeof BOUNDS): string => BOUNDS[bound];

/** Bounds that are reached only where they were asked for. */
const isAsked = (bound: keyof typeof BOUNDS, { depth, states, memory, order }: SearchCall): boolean =>
  (bound === 'depth' && depth !== null) ||
  (bound === 'states' && states !== null) ||
  (bound === 'memory' && memory !== null) ||
  (bound === 'steps' && order === 'random');

function faultOf({ result }: Found, search: SearchCall): Fault | null {
  const { bound, verdict, states } = result;
  if (bound === null || verdict !== 'bounded' || isAsked(bound, search)) return null;
  const what = bound === 'stopped' ? 'interrupted' : `stopped by ${BOUNDS[bound]}`;
  return { line: null, text: `${what} after ${states} states; what is reported was seen until then` };
}

/** A property that holds only because nothing happened that it is about. */
const idleOf = ({ result }: Found): Report['violation'] => {
  const [idle] = result.unreached;
  if (idle === undefined) return null;
  return { property: idle.property, text: `It never happens that ${idle.sometimes}.` };
};

/** Puts together what a search came to. */
export function reportOf(entry: ModelEntry, call: CheckCall, found: Found): Report {
  const played = playedOf(entry, found);
  const [nearest] = found.violations;
  const main = found.violations.find(({ property }) => property === played?.counterexample.property.name);
  return {
    entry,
    search: call.search,
    found,
    violation: main ?? nearest ?? idleOf(found),
    played,
    expectation: expectationOf(entry, call, found),
    fault: faultOf(found, call.search),
  };
}
