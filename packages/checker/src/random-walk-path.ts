import type { Judge } from './judge.js';
import type { Remembered } from './remembered.js';
import type { TraceStep } from './result.js';
import { Successors } from './successors.js';
import { stepText } from './trace-back.js';

/** What is wrong where a walk has come to: a property's place in the model, and the verdict. */
export interface WalkedWrong {
  readonly property: number;
  readonly verdict: number;
}

/** A step that was taken. */
export interface Taken {
  readonly ordinal: number;
  /** The number of its message, and the place of its offer in `offerLists`; −1 for none. */
  readonly message: number;
  readonly offer: number;
}

/** A path through a model that judges what it comes to. */
export class Walk {
  /** Where it is: a row. */
  readonly state: Int32Array;
  /** How many steps may come next. */
  count = 0;
  readonly #remembered: Remembered;
  readonly #judge: Judge;
  readonly #successors: Successors;
  readonly #taken: Taken[] = [];

  constructor(remembered: Remembered, judge: Judge) {
    this.#remembered = remembered;
    this.#judge = judge;
    this.#successors = new Successors(remembered);
    this.state = new Int32Array(remembered.layout.width);
  }

  get length(): number {
    return this.#taken.length;
  }

  get taken(): readonly Taken[] {
    return this.#taken;
  }

  /** Goes to the start. Answers what is wrong there. */
  begin(): readonly WalkedWrong[] {
    this.#taken.length = 0;
    this.state.set(this.#remembered.start());
    return this.#arrive([]);
  }

  /** Takes one of the steps that may come next. Answers what is wrong about it, and where it leads. */
  take(ordinal: number): readonly WalkedWrong[] {
    const { rows, width, wrong } = this.#successors;
    this.#taken.push(this.stepAt(ordinal));
    this.state.set(rows.subarray(ordinal * width, (ordinal + 1) * width));
    return this.#arrive(wrong.filter((each) => each.ordinal === ordinal));
  }

  /** One of the steps that may come next. */
  stepAt(ordinal: number): Taken {
    const { transitions, offers } = this.#successors;
    const message = this.#remembered.tables.transitionMessage.at(transitions[ordinal]!);
    return { ordinal, message, offer: offers[ordinal]! };
  }

  /** The same for a reader. */
  textOf(ordinal: number): TraceStep {
    return stepText(this.#remembered, this.#successors, ordinal, this.length + 1);
  }

  #arrive(ofStep: readonly WalkedWrong[]): readonly WalkedWrong[] {
    const ofState = this.#judge.state(this.state, 0) ?? [];
    this.count = this.#successors.expand(this.state);
    const ofRest = this.count === 0 ? (this.#judge.rest(this.state, 0) ?? []) : [];
    return [...ofStep, ...ofState, ...ofRest];
  }
}
