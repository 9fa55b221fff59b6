import type { Progress } from './result.js';

/** What every search can be told. */
export interface SearchOptions {
  /** Steps from the start. Default: no bound. */
  readonly depthMax?: number;
  readonly statesMax?: number;
  /** Bytes of the store of states. */
  readonly bytesMax?: number;
  /**
   * When to stop: with the level in which the first violation lies (the default; at once where states are not
   * visited level by level), or only when all is seen. What leads to what is judged once all is seen.
   */
  readonly until?: 'first' | 'all';
  /**
   * Whether states that are images of each other by the model's permutations are one. Default: yes, but where a
   * leads-to is asked for, of which a path through images says nothing.
   */
  readonly symmetry?: boolean;
  /**
   * Whether steps whose order nobody can tell are taken in one order only. Verdicts are the same; a counterexample
   * need not be the shortest, and one thread does it all. Default: no.
   */
  readonly partialOrder?: boolean;
  /** Told about ten times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Asked now and then: true stops the search. */
  readonly isStopped?: () => boolean;
}

/** What a search that goes nearest first can be told besides. */
export interface NearestFirstOptions extends SearchOptions {
  /** Threads that search, this one included. Default: 1. What they find is the same; of equally near ones, any. */
  readonly workers?: number;
  /** Where to write down, every so often and where a bound ends the search, what it takes to go on from there. */
  readonly checkpoint?: { readonly file: string; readonly everySeconds: number };
  /**
   * A checkpoint to go on from. Bounds are those of this search, not those of the one that wrote it; threads may be
   * more or fewer.
   */
  readonly resume?: string;
}
