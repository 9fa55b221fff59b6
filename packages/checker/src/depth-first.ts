import { remember } from './answers.js';
import { unreachedOf, violationOf } from './findings.js';
import { IntList } from './int-list.js';
import { Judge } from './judge.js';
import { judgeLeadsTo } from './liveness.js';
import type { Model } from './model.js';
import type { Remembered } from './remembered.js';
import type { SearchResult, Violation } from './result.js';
import type { SearchOptions } from './search-options.js';
import { resultOf } from './search-result.js';
import { StateGraph } from './state-graph.js';
import { StateStore } from './state-store.js';
import { Successors } from './successors.js';
import { refuseReductions } from './unreduced.js';

/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 100;
/** States between two looks at the clock. */
const LOOK_EVERY = 1024;

/**
 * Visits every state of a model, each time as far as it goes. It sees what `breadthFirst` sees, and reports a
 * violation with the path on which it then is, which is not the shortest. `depth` is the longest such path. States
 * are stored as they are, whatever the model says of its symmetry.
 *
 * Where a depth is given, a state that is met again nearer to the start is gone on from again, so that everything
 * within that depth is seen.
 * @throws RangeError for a model that names what it does not have, or where symmetry or a partial order is asked for
 */
export const depthFirst = (model: Model, options: SearchOptions = {}): SearchResult =>
  new DepthFirst(remember(model), options).run();

class DepthFirst {
  readonly #remembered: Remembered;
  readonly #options: SearchOptions;
  readonly #store: StateStore;
  readonly #successors: Successors;
  readonly #judge: Judge;
  readonly #current: Int32Array;
  /** The path on which the search is: rows, by which step of the one before each was reached, where its edges begin. */
  readonly #path = new IntList();
  readonly #by = new IntList();
  readonly #starts = new IntList();
  /** Row and step of each edge that is left, for each row of the path those behind the ones of the row before. */
  readonly #edges = new IntList();
  /** By row: 1 more than the least depth in which it was gone on from; 0 where it was not. */
  #entered = new Uint32Array(LOOK_EVERY);
  /** How many rows were gone on from, and how many times any was. */
  #visited = 0;
  #visits = 0;
  #transitions = 0;
  #depth = 0;
  #bound: SearchResult['bound'] = null;
  readonly #violations = new Map<number, Violation>();
  readonly #begun = performance.now();
  #reported = 0;

  constructor(remembered: Remembered, options: SearchOptions) {
    refuseReductions('a search depth first', options);
    const { width } = remembered.layout;
    this.#remembered = remembered;
    this.#options = options;
    this.#store = new StateStore(width);
    this.#successors = new Successors(remembered);
    this.#judge = new Judge(remembered);
    this.#current = new Int32Array(width);
  }

  run(): SearchResult {
    const { until = 'first' } = this.#options;
    const start = this.#remembered.start();
    this.#store.add(start, 0, 0);
    for (const { property, verdict } of this.#judge.state(start, 0) ?? [])
      this.#note(property, verdict, null);
    this.#edges.push(0);
    this.#edges.push(0);
    while (this.#bound === null && (until === 'all' || this.#violations.size === 0)) {
      const left = this.#path.length === 0 ? 0 : this.#starts.at(this.#path.length - 1);
      if (this.#edges.length > left) this.#follow();
      else if (this.#path.length > 0) this.#leave();
      else break;
    }
    return this.#result();
  }

  /** Follows the last edge that is left. */
  #follow(): void {
    const { depthMax } = this.#options;
    const by = this.#edges.pop();
    const row = this.#edges.pop() >>> 0;
    const depth = this.#path.length;
    const entered = this.#entered[row]!;
    if (depthMax === undefined ? entered > 0 : depth >= depthMax || (entered > 0 && entered <= depth + 1)) {
      return;
    }
    this.#path.push(row);
    this.#by.push(by);
    this.#starts.push(this.#edges.length);
    this.#entered[row] = depth + 1;
    this.#depth = Math.max(this.#depth, depth);
    this.#visit(row, depth, entered === 0);
  }

  #leave(): void {
    this.#path.pop();
    this.#by.pop();
    this.#starts.pop();
  }

  #visit(row: number, depth: number, isFirst: boolean): void {
    const successors = this.#successors;
    const store = this.#store;
    store.read(row, this.#current);
    const count = successors.expand(this.#current);
    if (isFirst) {
      this.#visited += 1;
      this.#transitions += count;
      this.#judgeSteps(count);
    }
    const { rows, width } = successors;
    for (let ordinal = count - 1; ordinal >= 0; ordinal -= 1) {
      let next = store.find(rows, ordinal * width);
      if (next < 0) {
        next = store.size;
        this.#depth = Math.max(this.#depth, depth + 1);
        store.add(rows, ordinal * width, row);
        if (next >= this.#entered.length) this.#grow();
        const wrong = this.#judge.state(rows, ordinal * width);
        if (wrong !== undefined) {
          for (const { property, verdict } of wrong) this.#note(property, verdict, ordinal);
        }
      }
      this.#edges.push(next);
      this.#edges.push(ordinal);
    }
    this.#visits += 1;
    if (this.#visits % LOOK_EVERY === 0) this.#look();
  }

  #judgeSteps(count: number): void {
    if (count === 0) {
      const wrong = this.#judge.rest(this.#current, 0) ?? [];
      for (const { property, verdict } of wrong) this.#note(property, verdict, null);
    }
    for (const { property, verdict, ordinal } of this.#successors.wrong)
      this.#note(property, verdict, ordinal);
  }

  #grow(): void {
    const grown = new Uint32Array(this.#entered.length * 2);
    grown.set(this.#entered);
    this.#entered = grown;
  }

  /** Notes what is wrong at the end of the path, or after one more step: the first violation of each property. */
  #note(property: number, verdict: number, ordinal: number | null): void {
    if (this.#violations.has(property)) return;
    const length = this.#path.length;
    const steps = Array.from({ length: Math.max(0, length - 1) }, (_, at) => ({
      row: this.#path.at(at) >>> 0,
      ordinal: this.#by.at(at + 1),
    }));
    if (ordinal !== null) steps.push({ row: this.#path.at(length - 1) >>> 0, ordinal });
    // The steps of the state under way are still needed.
    const graph = new StateGraph(this.#remembered, this.#store, new Successors(this.#remembered));
    this.#violations.set(property, violationOf(this.#remembered, property, verdict, graph.stepsOf(steps)));
  }

  get #bytes(): number {
    return this.#store.bytes + this.#entered.byteLength;
  }

  get #seconds(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  #look(): void {
    const { statesMax, bytesMax, isStopped, onProgress } = this.#options;
    if (statesMax !== undefined && this.#store.size >= statesMax) this.#bound = 'states';
    if (bytesMax !== undefined && this.#bytes >= bytesMax) this.#bound = 'memory';
    const now = performance.now();
    if (now - this.#reported < REPORT_EVERY) return;
    this.#reported = now;
    if (isStopped?.()) this.#bound = 'stopped';
    onProgress?.({
      states: this.#store.size,
      transitions: this.#transitions,
      depth: this.#depth,
      frontier: this.#store.size - this.#visited,
      seconds: this.#seconds,
    });
  }

  #result(): SearchResult {
    const remembered = this.#remembered;
    const store = this.#store;
    const isOver = this.#bound === null && this.#path.length === 0 && this.#edges.length === 0;
    let isWhole = isOver && this.#visited === store.size;
    if (isOver && !isWhole) this.#bound = 'depth';
    const reached = this.#successors.reached.map((each, at) => each | this.#judge.reached[at]!);
    const violations = [...this.#violations.values()];
    if (isWhole) {
      const leadsTo = judgeLeadsTo(remembered, store, this.#successors, reached, this.#options.isStopped);
      violations.push(...leadsTo.violations);
      if (leadsTo.isStopped) this.#bound = 'stopped';
      isWhole = !leadsTo.isStopped;
    }
    return resultOf({
      remembered,
      isWhole,
      violations,
      unreached: isWhole ? unreachedOf(remembered, reached) : [],
      states: store.size,
      transitions: this.#transitions,
      lookedUp: this.#transitions,
      depth: this.#depth,
      bound: this.#bound,
      seconds: this.#seconds,
      bytes: this.#bytes,
    });
  }
}
