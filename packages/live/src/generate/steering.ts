import type { QemuAnswer } from '@spapr-dma/trace';
import type { Random } from './random.js';

/** Answers told apart: few, since every class counts each of them. */
const ANSWERS = 16;
/** How much more often a class is chosen that was never seen than its weight asks for. */
const BOOST = 40;

/** The number of an answer among those told apart. */
export function answerNumber(answer: QemuAnswer): number {
  switch (answer.kind) {
    case 'hcall':
      return answer.rc === 0 ? 0 : 1;
    case 'rtas': {
      const status = answer.rets[0] ?? 0;
      return status === 0 ? 2 : status === -1 ? 3 : status === -3 ? 4 : 5;
    }
    case 'dma': {
      const reached = answer.pieces.filter(({ outcome }) => outcome === 'ram').length;
      return reached === 0 ? 6 : reached === answer.pieces.length ? 7 : 8;
    }
    case 'monitor':
      return answer.error === null ? 9 : 10;
    case 'abort':
      return 11;
  }
}

/**
 * Remembers how often each class of each argument was chosen and what came of it. A class of which some answer was
 * seen rarely weighs more: w · (1 + BOOST / (1 + times of its rarest answer)).
 */
export class Steering {
  readonly #isOn: boolean;
  readonly #names: string[] = [];
  /** Visits by class, and by class and answer. */
  #visits = new Uint32Array(0);
  #answers = new Uint32Array(0);
  /** What a class's weight is multiplied with. */
  #boosts = new Float64Array(0);
  /** The classes that the call was made of. */
  readonly #current: number[] = [];

  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  /** Makes room for classes of one argument; returns the number of the first one. */
  register(names: readonly string[]): number {
    const first = this.#names.length;
    this.#names.push(...names);
    this.#visits = new Uint32Array(this.#names.length);
    this.#answers = new Uint32Array(this.#names.length * ANSWERS);
    this.#boosts = new Float64Array(this.#names.length).fill(this.#isOn ? 1 + BOOST : 1);
    return first;
  }

  boostOf(id: number): number {
    return this.#boosts[id] as number;
  }

  /** A new call is made. */
  begin(): void {
    this.#current.length = 0;
  }

  /** The call that is being made is of this class. */
  note(id: number): void {
    this.#current.push(id);
    this.#visits[id] = (this.#visits[id] as number) + 1;
  }

  /** What became of the call that was made last. */
  answered(answer: QemuAnswer): void {
    const number = answerNumber(answer);
    for (const id of this.#current) {
      const at = id * ANSWERS;
      const seen = (this.#answers[at + number] as number) + 1;
      this.#answers[at + number] = seen;
      if (this.#isOn) this.#boosts[id] = 1 + BOOST / (1 + this.#rarest(at));
    }
    this.#current.length = 0;
  }

  #rarest(at: number): number {
    let rarest = Number.POSITIVE_INFINITY;
    for (let answer = at; answer < at + ANSWERS; answer++) {
      const seen = this.#answers[answer] as number;
      if (seen > 0 && seen < rarest) rarest = seen;
    }
    return rarest;
  }

  /** How often each class was chosen, by its name. */
  visits(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#names.map((name, id) => [name, this.#visits[id] as number]));
  }

  /** Pairs of a class and an answer that were seen. */
  pairs(): number {
    return this.#answers.reduce((pairs, seen) => pairs + (seen > 0 ? 1 : 0), 0);
  }
}

/** One way to make an argument: how often it is wanted, where it is possible, and the making. */
export interface Choice<Where, Made> {
  readonly name: string;
  readonly weight: number;
  readonly fits?: (where: Where) => boolean;
  readonly make: (random: Random, where: Where) => Made;
}

/** The named ways to make one argument. */
export class Choices<Where, Made> {
  readonly #choices: readonly Choice<Where, Made>[];
  readonly #steering: Steering;
  readonly #first: number;
  readonly #weights: Float64Array;

  constructor(steering: Steering, topic: string, choices: readonly Choice<Where, Made>[]) {
    this.#choices = choices;
    this.#steering = steering;
    this.#first = steering.register(choices.map(({ name }) => `${topic}: ${name}`));
    this.#weights = new Float64Array(choices.length);
  }

  /** Makes the argument, one way or the other. At least one way always fits. */
  make(random: Random, where: Where): Made {
    const choices = this.#choices;
    const weights = this.#weights;
    let sum = 0;
    for (let at = 0; at < choices.length; at++) {
      const { fits, weight } = choices[at] as Choice<Where, Made>;
      if (fits === undefined || fits(where)) sum += weight * this.#steering.boostOf(this.#first + at);
      weights[at] = sum;
    }
    const wanted = random.fraction() * sum;
    let chosen = 0;
    while ((weights[chosen] as number) <= wanted && chosen < choices.length - 1) chosen++;
    this.#steering.note(this.#first + chosen);
    return (choices[chosen] as Choice<Where, Made>).make(random, where);
  }
}
