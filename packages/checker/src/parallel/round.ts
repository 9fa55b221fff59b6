import { Findings, type Found } from '../findings.js';
import { Judge, type WrongState } from '../judge.js';
import type { Layout } from '../layout.js';
import { Successors } from '../successors.js';
import { Symmetry } from '../symmetry-rows.js';
import type { Tables } from '../tables.js';
import { Visitor } from '../visitor.js';
import { MISSED } from './missed.js';
import type { Pieces } from './shared-memory.js';
import type { Extent, SharedStore } from './shared-store.js';

/** Places of the cells by which threads agree, each in a cache line of its own. */
export const CELL = {
  /** How many of a round's rows some thread has taken. */
  taken: 0,
  /** Threads that are still at a round. */
  working: 16,
  /** Threads that have started. */
  ready: 32,
} as const;
export const CELLS = 48;

/** What a thread is started with. */
export interface Start {
  readonly layout: Layout;
  readonly hasSymmetry: boolean;
  readonly cells: Int32Array;
  readonly rowCount: Uint32Array;
}

/** A round: rows of one level, from which all threads go on. */
export interface Round {
  readonly from: number;
  readonly rows: number;
  /** Rows that a thread takes at a time. */
  readonly grain: number;
  readonly depth: number;
}

/** A round with what a thread has not seen yet. */
export interface Order extends Round {
  readonly pieces: Pieces;
  readonly extent: Extent;
}

/** What a thread came to in a round. */
export interface Report {
  readonly transitions: number;
  /** By property: 1 where what it is about was met, in any round. */
  readonly reached: Uint8Array;
  readonly found: readonly Found[];
  /** Rows from which only the thread with the model can go on. */
  readonly missed: readonly number[];
  /** New rows that only the thread with the model can judge. */
  readonly unjudged: readonly number[];
}

/** Notes new rows on which the tables have no verdict. */
class NotingJudge extends Judge {
  unjudged: number[] = [];
  readonly #store: SharedStore;

  constructor(tables: Tables, store: SharedStore) {
    super({ tables });
    this.#store = store;
  }

  override state(from: Int32Array, at: number): readonly WrongState[] | undefined {
    try {
      return super.state(from, at);
    } catch (error) {
      if (error !== MISSED) throw error;
      this.unjudged.push(this.#store.last);
      return undefined;
    }
  }
}

/** What a thread does in rounds, whether it is the one with the model or not. */
export class Rounds {
  readonly #cells: Int32Array;
  readonly #successors: Successors;
  readonly #judge: NotingJudge;
  readonly #store: SharedStore;
  readonly #symmetry: Symmetry | null;

  /** While it runs a round, the tables must answer what they do not have with `missed`. */
  constructor(
    tables: Tables,
    store: SharedStore,
    { hasSymmetry, cells }: Pick<Start, 'hasSymmetry' | 'cells'>,
  ) {
    this.#cells = cells;
    this.#store = store;
    this.#successors = new Successors({ tables });
    this.#judge = new NotingJudge(tables, store);
    this.#symmetry = hasSymmetry ? new Symmetry(tables) : null;
  }

  /** Goes on from rows of a round until all are taken. */
  run({ from, rows, grain, depth }: Round): Report {
    const findings = new Findings();
    const missed: number[] = [];
    this.#judge.unjudged = [];
    const visitor = new Visitor({
      store: this.#store,
      successors: this.#successors,
      judge: this.#judge,
      symmetry: this.#symmetry,
      partialOrder: null,
      findings,
    });
    for (;;) {
      const taken = Atomics.add(this.#cells, CELL.taken, grain);
      if (taken >= rows) break;
      const end = from + Math.min(rows, taken + grain);
      for (let row = from + taken; row < end; row += 1) {
        try {
          visitor.visit(row, depth);
        } catch (error) {
          if (error !== MISSED) throw error;
          missed.push(row);
        }
      }
    }
    const reached = this.#successors.reached.map((each, at) => each | this.#judge.reached[at]!);
    const { transitions } = visitor;
    return { transitions, reached, found: findings.all, missed, unjudged: this.#judge.unjudged };
  }
}
