import { setImmediate } from 'node:timers/promises';
import { remember } from './answers.js';
import { BreadthFirst } from './breadth-first.js';
import { readCheckpoint } from './checkpoint/read-checkpoint.js';
import { writeCheckpoint } from './checkpoint/write-checkpoint.js';
import type { Model } from './model.js';
import { ParallelSearch } from './parallel/parallel-search.js';
import type { SearchResult } from './result.js';
import type { NearestFirstOptions } from './search-options.js';

function begun(model: Model, options: NearestFirstOptions): BreadthFirst {
  const { workers = 1, checkpoint, resume, partialOrder = false } = options;
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError('workers are counted from 1');
  if (partialOrder && (checkpoint !== undefined || resume !== undefined)) {
    throw new RangeError('a search by partial order has no checkpoints');
  }
  return workers === 1
    ? new BreadthFirst(remember(model), options)
    : new ParallelSearch(model, options, workers);
}

/** Searches for a tenth of a second at a time. */
function* slices(model: Model, options: NearestFirstOptions): Generator<void, SearchResult> {
  const { checkpoint, resume } = options;
  const search = begun(model, options);
  try {
    if (resume !== undefined) readCheckpoint(search, resume);
    let written = performance.now();
    while (!search.advance()) {
      if (checkpoint !== undefined && performance.now() - written >= checkpoint.everySeconds * 1000) {
        writeCheckpoint(search, checkpoint.file);
        // Counted from its end, so that a large one does not take all the time there is.
        written = performance.now();
      }
      yield;
    }
    if (checkpoint !== undefined && search.bound !== null) writeCheckpoint(search, checkpoint.file);
    return search.result();
  } finally {
    search.end();
  }
}

/**
 * Visits every state of a model, nearest first, by as many threads as are asked for.
 * @throws RangeError for a model that names what it does not have
 * @throws CheckpointError for a checkpoint that cannot be gone on from or written
 */
export function nearestFirst(model: Model, options: NearestFirstOptions = {}): SearchResult {
  const search = slices(model, options);
  for (;;) {
    const { done, value } = search.next();
    if (done === true) return value;
  }
}

/** The same, but lets signals, timers and other work through, about ten times a second. */
export async function nearestFirstAsync(
  model: Model,
  options: NearestFirstOptions = {},
): Promise<SearchResult> {
  const search = slices(model, options);
  for (;;) {
    const { done, value } = search.next();
    if (done === true) return value;
    await setImmediate();
  }
}
