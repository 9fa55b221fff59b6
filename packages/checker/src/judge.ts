import type { Remembered } from './remembered.js';
import { VERDICT } from './tables.js';

/** What is wrong about a state: a property's place in the model, and the verdict. */
export interface WrongState {
  readonly property: number;
  readonly verdict: number;
}

/** Holds invariants against states, and what must be so where nobody can move. */
export class Judge {
  /** By property: whether what it is about was met in a state. */
  readonly reached: Uint8Array;
  readonly #remembered: Remembered;
  readonly #ofStates: readonly number[];
  readonly #ofRest: readonly number[];

  constructor(remembered: Remembered) {
    this.#remembered = remembered;
    const { properties } = remembered.model;
    this.reached = new Uint8Array(properties.length);
    this.#ofStates = properties.flatMap(({ kind }, at) =>
      kind === 'invariant' || kind === 'sometimes' ? [at] : [],
    );
    this.#ofRest = properties.flatMap((property, at) =>
      property.kind === 'deadlock' || (property.kind === 'observer' && property.atRest !== undefined)
        ? [at]
        : [],
    );
  }

  /** Judges the state at a place of a buffer. Answers what is wrong about it, and nothing where nothing is. */
  state(from: Int32Array, at: number): readonly WrongState[] | undefined {
    const { tables, verdicts } = this.#remembered;
    let wrong: WrongState[] | undefined;
    for (const property of this.#ofStates) {
      if (!tables.isGuarded(property, from, at)) continue;
      const verdict = tables.judge(property, from, at);
      if (verdict === VERDICT.silent) continue;
      if (verdicts.isReached(verdict)) this.reached[property] = 1;
      if (verdict >= VERDICT.firstViolation) {
        wrong ??= [];
        wrong.push({ property, verdict });
      }
    }
    return wrong;
  }

  /** Judges a state in which nobody can move. */
  rest(from: Int32Array, at: number): readonly WrongState[] | undefined {
    const { tables, layout } = this.#remembered;
    let wrong: WrongState[] | undefined;
    for (const property of this.#ofRest) {
      const place = layout.memories[property]!;
      const verdict = tables.rest(property, place < 0 ? 0 : from[at + place]!, from, at);
      if (verdict >= VERDICT.firstViolation) {
        wrong ??= [];
        wrong.push({ property, verdict });
      }
    }
    return wrong;
  }
}
