import { remember } from './answers.js';
import { Findings, localStatesOf, unreachedOf } from './findings.js';
import { Judge } from './judge.js';
import { judgeLeadsTo } from './liveness.js';
import type { Model } from './model.js';
import type { Remembered } from './remembered.js';
import type { SearchResult } from './result.js';
import type { SearchOptions } from './search-options.js';
import { StateStore } from './state-store.js';
import { Successors } from './successors.js';

/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 100;
/** States between two looks at the clock. */
const LOOK_EVERY = 1024;

/**
 * Visits every state of a model, nearest first, so that what it finds is reached by no shorter way.
 * @throws RangeError for a model that names what it does not have
 */
export const breadthFirst = (model: Model, options: SearchOptions = {}): SearchResult =>
  new BreadthFirst(remember(model), options).run();

/** A breadth-first search under way. Its states are rows of the store in the order in which they were met. */
export class BreadthFirst {
  readonly remembered: Remembered;
  readonly store: StateStore;
  readonly successors: Successors;
  readonly judge: Judge;
  readonly findings = new Findings();
  readonly #options: SearchOptions;
  readonly #current: Int32Array;
  transitions = 0;
  depth = 0;
  /** The next row to go on from, and the first row that is further away than it. */
  next = 0;
  levelEnd = 1;
  bound: SearchResult['bound'] = null;
  readonly #begun = performance.now();
  #reported = 0;

  constructor(remembered: Remembered, options: SearchOptions) {
    this.remembered = remembered;
    this.#options = options;
    this.store = new StateStore(remembered.layout.width);
    this.successors = new Successors(remembered);
    this.judge = new Judge(remembered);
    this.#current = new Int32Array(remembered.layout.width);
    const start = remembered.start();
    this.store.add(start, 0, 0);
    for (const { property, verdict } of this.judge.state(start, 0) ?? []) {
      this.findings.note(property, verdict, 0, null);
    }
  }

  run(): SearchResult {
    const { until = 'first' } = this.#options;
    while (this.next < this.store.size && this.bound === null) {
      if (this.next === this.levelEnd) {
        if (until === 'first' && this.findings.count > 0) break;
        if (this.depth + 1 === this.#options.depthMax) this.bound = 'depth';
        this.depth += 1;
        this.levelEnd = this.store.size;
        if (this.bound !== null) break;
      }
      this.#visit(this.next);
      this.next += 1;
      if (this.next % LOOK_EVERY === 0) this.#look();
    }
    return this.result();
  }

  #visit(row: number): void {
    const { store, successors, judge, findings } = this;
    store.read(row, this.#current);
    const count = successors.expand(this.#current);
    this.transitions += count;
    if (count === 0) {
      for (const { property, verdict } of judge.rest(this.#current, 0) ?? []) {
        findings.note(property, verdict, row, null);
      }
      return;
    }
    for (const { property, verdict, ordinal } of successors.wrong)
      findings.note(property, verdict, row, ordinal);
    const { rows, width } = successors;
    for (let ordinal = 0, at = 0; ordinal < count; ordinal += 1, at += width) {
      if (!store.add(rows, at, row)) continue;
      const wrong = judge.state(rows, at);
      if (wrong === undefined) continue;
      for (const { property, verdict } of wrong) findings.note(property, verdict, row, ordinal);
    }
  }

  #look(): void {
    const { statesMax, bytesMax, isStopped, onProgress } = this.#options;
    if (statesMax !== undefined && this.store.size >= statesMax) this.bound = 'states';
    if (bytesMax !== undefined && this.store.bytes >= bytesMax) this.bound = 'memory';
    const now = performance.now();
    if (now - this.#reported < REPORT_EVERY) return;
    this.#reported = now;
    if (isStopped?.()) this.bound = 'stopped';
    onProgress?.({
      states: this.store.size,
      transitions: this.transitions,
      depth: this.depth,
      frontier: this.store.size - this.next,
      seconds: (now - this.#begun) / 1000,
    });
  }

  result(): SearchResult {
    const { remembered, store, successors, findings, transitions } = this;
    const asked = remembered.asked;
    const reached = successors.reached.map((each, at) => each | this.judge.reached[at]!);
    const violations = [...findings.violations(remembered, store, successors)];
    let isWhole = this.bound === null && this.next === store.size;
    if (isWhole) {
      const leadsTo = judgeLeadsTo(remembered, store, successors, reached, this.#options.isStopped);
      violations.push(...leadsTo.violations);
      if (leadsTo.isStopped) this.bound = 'stopped';
      isWhole = !leadsTo.isStopped;
    }
    const seconds = (performance.now() - this.#begun) / 1000;
    const unreached = isWhole ? unreachedOf(remembered, reached) : [];
    const isViolated = violations.length > 0 || unreached.length > 0;
    return {
      verdict: isViolated ? 'violated' : isWhole ? 'holds' : 'bounded',
      violations,
      unreached,
      states: store.size,
      transitions,
      // The furthest rows are those of the level after the one that is gone on from, where there are any.
      depth: store.size > this.levelEnd ? this.depth + 1 : this.depth,
      bound: this.bound,
      seconds,
      localStates: localStatesOf(remembered),
      asked,
      memoHits: transitions === 0 ? 0 : Math.max(0, 1 - asked / transitions),
      bytesPerState: store.bytes / store.size,
    };
  }
}
