import type { Findings } from './findings.js';
import type { Judge } from './judge.js';
import type { PartialOrder } from './partial-order.js';
import type { StateStore } from './state-store.js';
import type { Successors } from './successors.js';
import type { Symmetry } from './symmetry-rows.js';

/** What going on from states takes. */
export interface Visited {
  readonly store: StateStore;
  readonly successors: Successors;
  readonly judge: Judge;
  /** Null where states are stored as they are. */
  readonly symmetry: Symmetry | null;
  /** Null where all steps of a state are taken. */
  readonly partialOrder: PartialOrder | null;
  readonly findings: Findings;
}

/** Goes on from states: stores those after them and judges what is new. */
export class Visitor {
  /** Steps of all states that were gone on from. */
  transitions = 0;
  readonly #visited: Visited;
  readonly #current: Int32Array;

  constructor(visited: Visited) {
    this.#visited = visited;
    this.#current = new Int32Array(visited.store.width);
  }

  /**
   * Goes on from a row that is so many steps from the start. It counts where it comes to its end; where it does
   * not, it may be gone on from again. With `isWhole` all steps are taken.
   */
  visit(row: number, depth: number, isWhole = this.#visited.partialOrder === null): void {
    const { store, successors, judge, symmetry, findings } = this.#visited;
    store.read(row, this.#current);
    const count = successors.expand(this.#current);
    if (count === 0) {
      for (const { property, verdict } of judge.rest(this.#current, 0) ?? []) {
        findings.note(property, verdict, row, null, depth);
      }
      return;
    }
    for (const { property, verdict, ordinal } of successors.wrong) {
      findings.note(property, verdict, row, ordinal, depth + 1);
    }
    const { rows, width } = successors;
    const enough = isWhole ? null : this.#enough(row);
    for (let ordinal = 0, at = 0; ordinal < count; ordinal += 1, at += width) {
      if (enough !== null && !enough.includes(ordinal)) continue;
      if (symmetry !== null) symmetry.canonicalise(rows, at);
      if (!store.add(rows, at, row)) continue;
      const wrong = judge.state(rows, at);
      if (wrong === undefined) continue;
      for (const { property, verdict } of wrong) findings.note(property, verdict, row, ordinal, depth + 1);
    }
    this.transitions += enough?.length ?? count;
  }

  /** Steps by which it is enough to go on; null for all. */
  #enough(row: number): readonly number[] | null {
    const { store, successors, symmetry, partialOrder } = this.#visited;
    return partialOrder!.enough(row, this.#current, successors, (ordinal) => {
      const at = ordinal * successors.width;
      symmetry?.canonicalise(successors.rows, at);
      const known = store.find(successors.rows, at);
      return known < 0 || known > row;
    });
  }
}
