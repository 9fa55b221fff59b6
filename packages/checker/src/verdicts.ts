import { Interner } from './intern.js';
import type { Judgement } from './property.js';
import { VERDICT } from './tables.js';

/** Verdicts by number: two that say nothing is wrong, and then every violation that was met. */
export class Verdicts {
  readonly #judgements = new Interner<Judgement>();

  constructor() {
    this.numberOf({ violation: null, reached: false });
    this.numberOf({ violation: null, reached: true });
  }

  at(verdict: number): Judgement {
    return this.#judgements.at(verdict);
  }

  numberOf({ violation, reached }: Judgement): number {
    return this.#judgements.number(`${reached} ${violation === null ? '' : `!${violation}`}`, {
      violation,
      reached,
    });
  }

  isReached(verdict: number): boolean {
    return verdict === VERDICT.reached || (verdict >= VERDICT.firstViolation && this.at(verdict).reached);
  }
}
