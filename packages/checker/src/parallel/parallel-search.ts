import { remember } from '../answers.js';
import { BreadthFirst } from '../breadth-first.js';
import type { Model } from '../model.js';
import type { SearchResult } from '../result.js';
import type { SearchOptions } from '../search-options.js';
import { missed } from './missed.js';
import { CELLS, type Report, type Round, Rounds, type Start } from './round.js';
import { SharedMemory } from './shared-memory.js';
import { newRowCount, SharedStore } from './shared-store.js';
import { Threads } from './threads.js';

/** How work is shared out. */
export interface Sharing {
  /** Fewer rows than these are not worth a round. */
  readonly aloneBelow: number;
  /** The level that is worth starting threads for. */
  readonly startAt: number;
  /** Rows of a round, at most. */
  readonly roundMax: number;
  /** Rows that a thread takes at a time. */
  readonly grain: number;
  /** Whether to wait for threads to start, rather than go on alone in the meantime. */
  readonly waits: boolean;
  /** Whether the thread with the model goes on from rows of a round too. */
  readonly helps: boolean;
}

const SHARING: Sharing = {
  aloneBelow: 1024,
  startAt: 4096,
  roundMax: 1 << 16,
  grain: 64,
  waits: false,
  helps: true,
};

/** Of a round's rows, the share of missed ones above which rounds become smaller, and below which larger. */
const MISSED_MANY = 1 / 8;
const MISSED_FEW = 1 / 64;

/**
 * A breadth-first search by several threads. Level by level they go on from the same rows; what the tables do not
 * have is left to the thread that has the model, between rounds, so that nobody asks twice and no table changes
 * while others read it.
 */
export class ParallelSearch extends BreadthFirst {
  declare readonly store: SharedStore;
  readonly #memory: SharedMemory;
  readonly #start: Start;
  readonly #helpers: number;
  readonly #sharing: Sharing;
  readonly #own: Rounds;
  #threads: Threads | null = null;
  /** Rows of the next round. */
  #rows: number;
  /** New states for each state that was gone on from, in the last round. */
  #growth = 4;

  constructor(model: Model, options: SearchOptions, workers: number, sharing: Partial<Sharing> = {}) {
    const memory = new SharedMemory();
    const remembered = remember(model, memory);
    const { layout, tables } = remembered;
    const rowCount = newRowCount();
    super(remembered, options, new SharedStore(layout.width, rowCount, true));
    this.#memory = memory;
    this.#helpers = workers - 1;
    this.#sharing = { ...SHARING, ...sharing };
    this.#rows = this.#sharing.aloneBelow;
    const cells = new Int32Array(new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT));
    this.#start = { layout, hasSymmetry: this.symmetry !== null, cells, rowCount };
    this.#own = new Rounds(tables, this.store, this.#start);
  }

  override run(): SearchResult {
    try {
      return super.run();
    } finally {
      this.end();
    }
  }

  override end(): void {
    this.#threads?.stop();
    this.#threads = null;
  }

  protected override goOn(): void {
    const rows = Math.min(this.levelEnd - this.next, this.#rows, this.#rowsToBound());
    // Which steps are enough depends on the model, which one thread has.
    const isAlone = this.partialOrder !== null || rows < this.#sharing.aloneBelow;
    if (!isAlone && this.#haveStarted()) this.#goOnTogether(rows);
    else super.goOn();
  }

  protected override get expected(): number {
    return Math.max(super.expected, this.#roomFor(this.#rows));
  }

  /** Rows that may go on before there are as many states as are asked for, as far as one can tell. */
  #rowsToBound(): number {
    const { statesMax = Number.POSITIVE_INFINITY } = this.options;
    return Math.max(this.#sharing.aloneBelow, Math.ceil((statesMax - this.store.size) / this.#growth));
  }

  #roomFor(rows: number): number {
    return Math.ceil(rows * this.#growth * 1.5) + this.#sharing.aloneBelow;
  }

  #haveStarted(): boolean {
    if (this.#threads === null) {
      if (this.levelEnd - this.next < this.#sharing.startAt) return false;
      this.#threads = new Threads(this.#helpers, this.#start);
      if (this.#sharing.waits) this.#threads.waitUntilReady();
    }
    return this.#threads.areReady;
  }

  #goOnTogether(rows: number): void {
    const { store, depth, next: from } = this;
    const { tables } = this.remembered;
    const size = store.size;
    const round: Round = { from, rows, depth, grain: this.#sharing.grain };
    store.reserve(this.#roomFor(rows));
    this.#threads!.begin({ ...round, pieces: this.#memory.taken(), extent: store.share() });
    const ask = tables.answeredBy(missed);
    const own = this.#sharing.helps ? [this.#own.run(round)] : [];
    const reports = [...own, ...this.#threads!.end()];
    tables.answeredBy(ask);
    store.unshare();
    for (const report of reports) this.#note(report);
    for (const { unjudged } of reports) this.#judgeAll(unjudged);
    let alone = 0;
    for (const { missed } of reports) {
      for (const row of missed) this.visitor.visit(row, depth);
      alone += missed.length;
    }
    this.next += rows;
    this.#growth = Math.max(0.5, (store.size - size) / rows);
    const { aloneBelow, roundMax } = this.#sharing;
    if (alone > rows * MISSED_MANY) this.#rows = Math.max(aloneBelow, this.#rows >> 1);
    if (alone < rows * MISSED_FEW) this.#rows = Math.min(roundMax, this.#rows << 1);
  }

  #note({ transitions, reached, found }: Report): void {
    this.visitor.transitions += transitions;
    for (const [property, each] of reached.entries()) this.judge.reached[property]! |= each;
    for (const { property, verdict, row, ordinal, length } of found) {
      this.findings.note(property, verdict, row, ordinal, length);
    }
  }

  #judgeAll(rows: readonly number[]): void {
    const state = new Int32Array(this.store.width);
    for (const row of rows) {
      this.store.read(row, state);
      for (const { property, verdict } of this.judge.state(state, 0) ?? []) {
        this.findings.note(property, verdict, row, null, this.depth + 1);
      }
    }
  }
}
