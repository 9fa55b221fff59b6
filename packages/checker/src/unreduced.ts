import type { SearchOptions } from './search-options.js';

/** What only the search nearest first can leave out. */
const REDUCTIONS = ['symmetry', 'partialOrder'] as const;

/** @throws RangeError where a search that takes states as they are is asked to leave some out */
export function refuseReductions(order: string, options: SearchOptions): void {
  const asked = REDUCTIONS.find((each) => options[each] === true);
  if (asked !== undefined) throw new RangeError(`${order} takes states as they are, without ${asked}`);
}
