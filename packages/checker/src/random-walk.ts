import { remember } from './answers.js';
import { violationOf } from './findings.js';
import { Judge } from './judge.js';
import type { Model } from './model.js';
import { Chance } from './random-walk-chance.js';
import { Walk, type WalkedWrong } from './random-walk-path.js';
import { shortened } from './random-walk-shortened.js';
import type { Remembered } from './remembered.js';
import type { SearchResult, Violation } from './result.js';
import type { SearchOptions } from './search-options.js';
import { resultOf } from './search-result.js';
import { StateStore } from './state-store.js';
import { refuseReductions } from './unreduced.js';

/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 100;
/** Steps between two looks at the clock. */
const LOOK_EVERY = 1024;

export interface RandomWalkOptions extends SearchOptions {
  /** The same seed, the same walks. Only its lowest 32 bits count. */
  readonly seed: number;
  /** How many walks begin at the start. Default: 1000. */
  readonly walks?: number;
  /** Steps of a walk, at most; `depthMax` bounds it as well. Default: 1000. */
  readonly steps?: number;
}

/**
 * Walks through a model at random: each step is as likely as the others of its state. What holds is never known by
 * that, so the verdict is `bounded` where nothing was found; a leads-to is not judged, nor whether something was
 * reached. A violation is reported with a shorter path than the walk's, where leaving steps out of it leads to one
 * as well. `states` are those that walks went through, `transitions` the steps that they took, `depth` the longest
 * walk.
 * @throws RangeError for a model that names what it does not have, or where symmetry or a partial order is asked for
 */
export const randomWalks = (model: Model, options: RandomWalkOptions): SearchResult =>
  new RandomWalks(remember(model), options).run();

class RandomWalks {
  readonly #remembered: Remembered;
  readonly #options: RandomWalkOptions;
  readonly #chance: Chance;
  readonly #store: StateStore;
  readonly #walk: Walk;
  #transitions = 0;
  #lookedUp = 0;
  #depth = 0;
  #bound: SearchResult['bound'] = null;
  readonly #violations = new Map<number, Violation>();
  readonly #begun = performance.now();
  #reported = 0;

  constructor(remembered: Remembered, options: RandomWalkOptions) {
    refuseReductions('a random walk', options);
    this.#remembered = remembered;
    this.#options = options;
    this.#chance = Chance.of(options.seed);
    this.#store = new StateStore(remembered.layout.width);
    this.#walk = new Walk(remembered, new Judge(remembered));
  }

  run(): SearchResult {
    const { walks = 1000 } = this.#options;
    for (let n = 0; n < walks && !this.#isOver; n += 1) this.#go();
    return resultOf({
      remembered: this.#remembered,
      isWhole: false,
      violations: [...this.#violations.values()],
      unreached: [],
      states: this.#store.size,
      transitions: this.#transitions,
      lookedUp: this.#lookedUp,
      depth: this.#depth,
      bound: this.#bound ?? 'steps',
      seconds: this.#seconds,
      bytes: this.#store.bytes,
    });
  }

  get #isOver(): boolean {
    const { until = 'first' } = this.#options;
    return this.#bound !== null || (until === 'first' && this.#violations.size > 0);
  }

  #go(): void {
    const { steps = 1000, depthMax = steps } = this.#options;
    const walk = this.#walk;
    const length = Math.min(steps, depthMax);
    this.#note(walk.begin());
    this.#store.add(walk.state, 0, 0);
    while (!this.#isOver && walk.count > 0 && walk.length < length) {
      this.#lookedUp += walk.count;
      this.#note(walk.take(this.#chance.below(walk.count)));
      this.#store.add(walk.state, 0, 0);
      this.#transitions += 1;
      if (this.#transitions % LOOK_EVERY === 0) this.#look();
    }
    this.#depth = Math.max(this.#depth, walk.length);
  }

  #note(wrong: readonly WalkedWrong[]): void {
    const remembered = this.#remembered;
    for (const { property } of wrong) {
      if (this.#violations.has(property)) continue;
      const { verdict, steps } = shortened(remembered, this.#walk.taken, property);
      this.#violations.set(property, violationOf(remembered, property, verdict, steps));
    }
  }

  get #seconds(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  #look(): void {
    const { statesMax, bytesMax, isStopped, onProgress } = this.#options;
    if (statesMax !== undefined && this.#store.size >= statesMax) this.#bound = 'states';
    if (bytesMax !== undefined && this.#store.bytes >= bytesMax) this.#bound = 'memory';
    const now = performance.now();
    if (now - this.#reported < REPORT_EVERY) return;
    this.#reported = now;
    if (isStopped?.()) this.#bound = 'stopped';
    onProgress?.({
      states: this.#store.size,
      transitions: this.#transitions,
      depth: this.#depth,
      frontier: 0,
      seconds: this.#seconds,
    });
  }
}
