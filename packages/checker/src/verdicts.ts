import type { IntList } from './int-list.js';
import { Interner } from './intern.js';
import type { Judgement } from './property.js';

/** Verdicts by number: two that say nothing is wrong, and then every violation that was met. */
export class Verdicts {
  readonly #judgements = new Interner<Judgement>();

  /** By verdict: 1 where it says that what the property is about was met. */
  readonly #reached: IntList;

  constructor(reached: IntList) {
    this.#reached = reached;
    this.numberOf({ violation: null, reached: false });
    this.numberOf({ violation: null, reached: true });
  }

  get size(): number {
    return this.#judgements.size;
  }

  /** What tells verdicts apart, from a number on. */
  texts(from: number): Generator<string> {
    return this.#judgements.texts(from);
  }

  at(verdict: number): Judgement {
    return this.#judgements.at(verdict);
  }

  numberOf({ violation, reached }: Judgement): number {
    const text = `${reached} ${violation === null ? '' : `!${violation}`}`;
    const number = this.#judgements.number(text, { violation, reached });
    if (number === this.#reached.length) this.#reached.push(reached ? 1 : 0);
    return number;
  }
}
