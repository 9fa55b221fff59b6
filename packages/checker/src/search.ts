import { depthFirst } from './depth-first.js';
import type { Model } from './model.js';
import { nearestFirst, nearestFirstAsync } from './nearest-first.js';
import { type RandomWalkOptions, randomWalks } from './random-walk.js';
import type { SearchResult } from './result.js';
import type { NearestFirstOptions, SearchOptions } from './search-options.js';

/** In which order states are visited, and what that order can be told. */
export type OrderedSearchOptions =
  | ({
      /** Nearest first: the default, and the only one whose counterexamples are the shortest. */
      readonly order?: 'breadth';
    } & NearestFirstOptions)
  | ({
      /** As far as it goes first. */
      readonly order: 'depth';
    } & SearchOptions)
  | ({
      /** By chance, and not all of them. */
      readonly order: 'random';
    } & RandomWalkOptions);

/**
 * Searches the states of a model for what violates its properties.
 * @throws RangeError for a model that names what it does not have, or for options that do not go with the order
 * @throws CheckpointError for a checkpoint that cannot be gone on from or written
 */
export function search(model: Model, options: OrderedSearchOptions = {}): SearchResult {
  switch (options.order) {
    case 'depth':
      return depthFirst(model, options);
    case 'random':
      return randomWalks(model, options);
    case 'breadth':
    case undefined:
      return nearestFirst(model, options);
    default:
      throw new RangeError(`there is no order '${(options as { order: string }).order}' of a search`);
  }
}

/** The same; nearest first, it lets signals, timers and other work through while it searches. */
export const searchAsync = async (model: Model, options: OrderedSearchOptions = {}): Promise<SearchResult> =>
  options.order === 'depth' || options.order === 'random'
    ? search(model, options)
    : nearestFirstAsync(model, options);
