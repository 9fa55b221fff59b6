/** How long one may look for something shorter. */
export interface ShrinkLimits {
  /** Candidates that may be tried; 2000 if left out. */
  readonly triesMax?: number;
  /** Ends the search with the shortest found so far. */
  readonly signal?: AbortSignal;
}

const TRIES_MAX = 2000;

/** Asks whether candidates still fail, until there were too many. */
export class Tries<T> {
  /** Candidates that were asked about. */
  count = 0;
  readonly #fails: (candidate: T) => Promise<boolean>;
  readonly #max: number;
  readonly #signal: AbortSignal | undefined;

  constructor(fails: (candidate: T) => Promise<boolean>, { triesMax = TRIES_MAX, signal }: ShrinkLimits) {
    this.#fails = fails;
    this.#max = triesMax;
    this.#signal = signal;
  }

  /** No candidate will be found to fail any more. */
  get areOver(): boolean {
    return this.count >= this.#max || this.#signal?.aborted === true;
  }

  async fails(candidate: T): Promise<boolean> {
    if (this.areOver) return false;
    this.count++;
    return this.#fails(candidate);
  }
}
