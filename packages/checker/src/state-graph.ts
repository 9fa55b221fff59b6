import { FairClasses } from './fairness.js';
import type { Remembered } from './remembered.js';
import type { TraceStep } from './result.js';
import type { StateStore } from './state-store.js';
import type { Successors } from './successors.js';
import { type StepAt, stepText } from './trace-back.js';

/**
 * The states that a search has met as a graph of the store's rows. Nothing of its edges is kept: as everything is
 * remembered, a row's steps are worked out again whenever they are looked at.
 */
export class StateGraph {
  readonly remembered: Remembered;
  readonly classes: FairClasses;
  readonly #store: StateStore;
  readonly #successors: Successors;
  readonly #buffer: Int32Array;

  /** @param store the states as `successors` has them */
  constructor(remembered: Remembered, store: StateStore, successors: Successors) {
    this.remembered = remembered;
    this.classes = new FairClasses(remembered);
    this.#store = store;
    this.#successors = successors;
    this.#buffer = new Int32Array(store.width);
  }

  get size(): number {
    return this.#store.size;
  }

  /** The state of a row, until the next one is read. */
  read(row: number): Int32Array {
    this.#store.read(row, this.#buffer);
    return this.#buffer;
  }

  /** Works out the steps of a row, which the other methods speak of. Answers how many there are. */
  expand(row: number): number {
    return this.#successors.expand(this.read(row));
  }

  /** The row to which a step leads, where the search has been there. */
  next(ordinal: number): number {
    const row = this.#store.find(this.#successors.rows, ordinal * this.#store.width);
    if (row < 0) throw new Error('a step leads out of the states that were met');
    return row;
  }

  classOf(ordinal: number): number {
    return this.classes.of(this.#successors, ordinal);
  }

  /** The rows of a path as steps; of several steps from one row to the next, the first. */
  stepsAlong(rows: readonly number[]): readonly StepAt[] {
    return rows.slice(0, -1).map((row, at) => {
      const count = this.expand(row);
      for (let ordinal = 0; ordinal < count; ordinal += 1) {
        if (this.next(ordinal) === rows[at + 1]) return { row, ordinal };
      }
      throw new Error(`row ${rows[at + 1]} does not follow row ${row}`);
    });
  }

  /** The steps for a reader. */
  stepsOf(steps: readonly StepAt[]): readonly TraceStep[] {
    return steps.map(({ row, ordinal }, at) => {
      this.expand(row);
      return stepText(this.remembered, this.#successors, ordinal, at + 1);
    });
  }
}
