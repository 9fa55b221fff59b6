import { type Tables, VERDICT } from './tables.js';

/** What is wrong about a state: a property's place in the model, and the verdict. */
export interface WrongState {
  readonly property: number;
  readonly verdict: number;
}

/** Holds invariants against states, and what must be so where nobody can move. */
export class Judge {
  /** By property: whether what it is about was met in a state. */
  readonly reached: Uint8Array;
  readonly #tables: Tables;
  readonly #ofStates: readonly number[];
  readonly #ofRest: readonly number[];

  constructor({ tables }: { readonly tables: Tables }) {
    const { layout } = tables;
    this.#tables = tables;
    this.reached = new Uint8Array(layout.reads.length);
    this.#ofStates = layout.ofStates;
    this.#ofRest = layout.ofRest;
  }

  /** Judges the state at a place of a buffer. Answers what is wrong about it, and nothing where nothing is. */
  state(from: Int32Array, at: number): readonly WrongState[] | undefined {
    const tables = this.#tables;
    let wrong: WrongState[] | undefined;
    for (const property of this.#ofStates) {
      if (!tables.isGuarded(property, from, at)) continue;
      const verdict = tables.judge(property, from, at);
      if (verdict === VERDICT.silent) continue;
      if (tables.verdictReached.at(verdict) === 1) this.reached[property] = 1;
      if (verdict >= VERDICT.firstViolation) {
        wrong ??= [];
        wrong.push({ property, verdict });
      }
    }
    return wrong;
  }

  /** Judges a state in which nobody can move. */
  rest(from: Int32Array, at: number): readonly WrongState[] | undefined {
    const tables = this.#tables;
    let wrong: WrongState[] | undefined;
    for (const property of this.#ofRest) {
      if (!tables.isGuarded(property, from, at)) continue;
      const place = tables.layout.memories[property]!;
      const verdict = tables.rest(property, place < 0 ? 0 : from[at + place]!, from, at);
      if (verdict >= VERDICT.firstViolation) {
        wrong ??= [];
        wrong.push({ property, verdict });
      }
    }
    return wrong;
  }
}
