import { remember } from './answers.js';
import { Findings, type Found, unreachedOf } from './findings.js';
import { Judge } from './judge.js';
import { judgeLeadsTo } from './liveness.js';
import type { Model } from './model.js';
import { type PartialOrder, partialOrderOf } from './partial-order.js';
import type { Remembered } from './remembered.js';
import type { SearchResult } from './result.js';
import type { SearchOptions } from './search-options.js';
import { resultOf } from './search-result.js';
import { StateStore } from './state-store.js';
import { Successors } from './successors.js';
import { type Symmetry, symmetryOf } from './symmetry-rows.js';
import { Visitor } from './visitor.js';

/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 100;
/** States between two looks at the clock, at most. */
const LOOK_EVERY = 1024;

/**
 * Visits every state of a model, nearest first, so that what it finds is reached by no shorter way.
 * @throws RangeError for a model that names what it does not have
 */
export const breadthFirst = (model: Model, options: SearchOptions = {}): SearchResult =>
  new BreadthFirst(remember(model), options).run();

/** Where a search is between two states: with the store and the model's answers, all that it takes to go on. */
export interface Position {
  /** The next row to go on from, and the first row that is further away than it. */
  readonly next: number;
  readonly levelEnd: number;
  readonly depth: number;
  readonly transitions: number;
  readonly seconds: number;
  /** By property: 1 where what it is about was met. */
  readonly reached: readonly number[];
  readonly found: readonly Found[];
}

/** A breadth-first search under way. Its states are rows of the store in the order in which they were met. */
export class BreadthFirst {
  readonly remembered: Remembered;
  readonly store: StateStore;
  readonly successors: Successors;
  readonly judge: Judge;
  readonly findings = new Findings();
  readonly symmetry: Symmetry | null;
  readonly partialOrder: PartialOrder | null;
  protected readonly options: SearchOptions;
  protected readonly visitor: Visitor;
  depth = 0;
  /** The next row to go on from, and the first row that is further away than it. */
  next = 0;
  levelEnd = 1;
  bound: SearchResult['bound'] = null;
  /** When it would have begun, had it never been interrupted. */
  #begun = performance.now();
  #reported = 0;

  constructor(
    remembered: Remembered,
    options: SearchOptions,
    store: StateStore = new StateStore(remembered.layout.width),
  ) {
    this.remembered = remembered;
    this.options = options;
    this.store = store;
    this.successors = new Successors(remembered);
    this.judge = new Judge(remembered);
    this.symmetry = symmetryOf(remembered, options);
    this.partialOrder = partialOrderOf(remembered, options);
    this.visitor = new Visitor(this);
    const start = remembered.start();
    this.symmetry?.canonicalise(start, 0);
    this.store.add(start, 0, 0);
    for (const { property, verdict } of this.judge.state(start, 0) ?? []) {
      this.findings.note(property, verdict, 0, null);
    }
  }

  get transitions(): number {
    return this.visitor.transitions;
  }

  get seconds(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  run(): SearchResult {
    while (!this.advance());
    return this.result();
  }

  /** Goes on for about a tenth of a second. Answers whether the search has come to its end, or to a bound. */
  advance(): boolean {
    const { until = 'first', depthMax = Number.POSITIVE_INFINITY } = this.options;
    while (this.bound === null && (this.next < this.store.size || this.#goBack())) {
      if (this.next === this.levelEnd) {
        if (until === 'first' && this.findings.count > 0) return true;
        this.depth += 1;
        this.levelEnd = this.store.size;
      }
      if (this.depth >= depthMax) {
        this.bound = 'depth';
        return true;
      }
      this.goOn();
      if (this.#look()) return false;
    }
    return true;
  }

  /** Gives back what a search holds besides memory. */
  end(): void {}

  /** Goes on from some states of the level. */
  protected goOn(): void {
    const end = Math.min(this.levelEnd, this.next + LOOK_EVERY);
    for (; this.next < end; this.next += 1) this.visitor.visit(this.next, this.depth);
  }

  /** Goes on by all steps from states of which too few were taken. Answers whether that led to new ones. */
  #goBack(): boolean {
    const { size } = this.store;
    for (const row of this.partialOrder?.doubtful() ?? []) this.visitor.visit(row, this.depth, true);
    return this.store.size > size;
  }

  /** New states that the next call of `goOn` may come to, as far as one can tell. */
  protected get expected(): number {
    return LOOK_EVERY * (1 + Math.ceil(this.store.size / (this.next + 1)));
  }

  /** Whether it is time to report. */
  #look(): boolean {
    const { statesMax, bytesMax, isStopped, onProgress } = this.options;
    if (this.next < this.store.size) {
      if (statesMax !== undefined && this.store.size >= statesMax) this.bound = 'states';
      if (bytesMax !== undefined && this.store.bytesWith(this.expected) > bytesMax) this.bound = 'memory';
    }
    const now = performance.now();
    if (now - this.#reported < REPORT_EVERY) return false;
    this.#reported = now;
    if (isStopped?.()) this.bound = 'stopped';
    onProgress?.({
      states: this.store.size,
      transitions: this.transitions,
      depth: this.depth,
      frontier: this.store.size - this.next,
      seconds: this.seconds,
    });
    return true;
  }

  /** By property: 1 where what it is about was met. */
  get reached(): Uint8Array {
    return this.successors.reached.map((each, at) => each | this.judge.reached[at]!);
  }

  get position(): Position {
    const { next, levelEnd, depth, transitions, seconds, reached, findings } = this;
    return { next, levelEnd, depth, transitions, seconds, reached: [...reached], found: findings.all };
  }

  /** Goes on from where a search of the same model was; the store has its rows already. */
  restore({ next, levelEnd, depth, transitions, seconds, reached, found }: Position): void {
    this.next = next;
    this.levelEnd = levelEnd;
    this.depth = depth;
    this.visitor.transitions = transitions;
    this.#begun = performance.now() - seconds * 1000;
    this.judge.reached.set(reached);
    for (const { property, verdict, row, ordinal, length } of found) {
      this.findings.note(property, verdict, row, ordinal, length);
    }
  }

  result(): SearchResult {
    const { remembered, store, successors, findings, transitions, reached } = this;
    const violations = [...findings.violations(this)];
    let isWhole = this.bound === null && this.next === store.size;
    if (isWhole) {
      const leadsTo = judgeLeadsTo(remembered, store, successors, reached, this.options.isStopped);
      violations.push(...leadsTo.violations);
      if (leadsTo.isStopped) this.bound = 'stopped';
      isWhole = !leadsTo.isStopped;
    }
    return resultOf({
      remembered,
      isWhole,
      violations,
      unreached: isWhole ? unreachedOf(remembered, reached) : [],
      states: store.size,
      transitions,
      lookedUp: transitions,
      // The furthest rows are those of the level after the one that is gone on from, where there are any.
      depth: store.size > this.levelEnd ? this.depth + 1 : this.depth,
      bound: this.bound,
      seconds: this.seconds,
      bytes: store.bytes,
    });
  }
}
