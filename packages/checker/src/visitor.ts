import type { Findings } from './findings.js';
import type { Judge } from './judge.js';
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
   * not, it may be gone on from again.
   */
  visit(row: number, depth: number): void {
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
    for (let ordinal = 0, at = 0; ordinal < count; ordinal += 1, at += width) {
      if (symmetry !== null) symmetry.canonicalise(rows, at);
      if (!store.add(rows, at, row)) continue;
      const wrong = judge.state(rows, at);
      if (wrong === undefined) continue;
      for (const { property, verdict } of wrong) findings.note(property, verdict, row, ordinal, depth + 1);
    }
    this.transitions += count;
  }
}
