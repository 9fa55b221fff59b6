import type { Judge } from './judge.js';
import { ENVIRONMENT } from './model.js';
import type { Remembered } from './remembered.js';
import type { TraceStep } from './result.js';
import type { StateStore } from './state-store.js';
import type { Successors } from './successors.js';
import type { Symmetry } from './symmetry-rows.js';

/** A step as `Successors` has it: from a row, and which of its steps. */
export interface StepAt {
  readonly row: number;
  readonly ordinal: number;
}

/** What a step was, for a reader. */
export function stepText(
  remembered: Remembered,
  successors: Successors,
  ordinal: number,
  n: number,
): TraceStep {
  const { tables, messages, labels } = remembered;
  const transition = successors.transitions[ordinal]!;
  const offer = successors.offers[ordinal]!;
  const machine = remembered.nameOf(tables.transitionMachine.at(transition));
  const { from, lane, message } = messages.at(tables.transitionMessage.at(transition));
  const sender = remembered.nameOf(from);
  const isOwn = offer < 0 && sender === ENVIRONMENT;
  return {
    n,
    from: isOwn ? machine : sender,
    to: machine,
    lane: sender === ENVIRONMENT ? null : lane,
    message,
    offer: offer < 0 ? null : labels[tables.offerLists.data[offer + 4]!],
    sent: remembered.sent[transition]!,
  };
}

/** The rows from the start to a row. */
export function pathTo(store: StateStore, row: number): readonly number[] {
  const path = [row];
  for (let at = row; at !== 0; ) {
    at = store.parentOf(at);
    path.push(at);
  }
  return path.reverse();
}

/** What a search was made with. */
export interface Searched {
  readonly remembered: Remembered;
  readonly store: StateStore;
  readonly successors: Successors;
  readonly judge: Judge;
  /** Null where states are stored as they are. */
  readonly symmetry: Symmetry | null;
}

/** Steps from the start, and how a property is violated at their end. */
export interface Shown {
  readonly steps: readonly TraceStep[];
  readonly verdict: number;
}

/**
 * Tells how the states that a search stored are reached. A stored state may be an image of one that is reached, so
 * the path is gone again from the start: from each state to one whose image is the next that was stored.
 */
export class TraceBack {
  readonly #searched: Searched;
  /** Where the path is. */
  readonly #state: Int32Array;
  /** What is to come next, as it was stored. */
  readonly #target: Int32Array;
  readonly #image: Int32Array;

  constructor(searched: Searched) {
    const { width } = searched.store;
    this.#searched = searched;
    this.#state = new Int32Array(width);
    this.#target = new Int32Array(width);
    this.#image = new Int32Array(width);
  }

  /**
   * How a property is violated in a row, or after one of its steps.
   * @throws RangeError where a permutation of the model changes more than names
   */
  violation(property: number, row: number, last: number | null): Shown {
    const { remembered, store, successors, judge } = this.#searched;
    const steps = this.#stepsTo(row);
    if (last === null) {
      const wrong = [...(judge.state(this.#state, 0) ?? []), ...(judge.rest(this.#state, 0) ?? [])];
      const found = wrong.find((each) => each.property === property);
      return found === undefined ? this.#isNone() : { steps, verdict: found.verdict };
    }
    store.read(row, this.#target);
    successors.expand(this.#target);
    this.#store(last, this.#target);
    for (const ordinal of this.#next()) {
      const wrong = [
        ...successors.wrong.filter((each) => each.ordinal === ordinal),
        ...(judge.state(successors.rows, ordinal * store.width) ?? []),
      ];
      const found = wrong.find((each) => each.property === property);
      if (found === undefined) continue;
      const step = stepText(remembered, successors, ordinal, steps.length + 1);
      return { steps: [...steps, step], verdict: found.verdict };
    }
    return this.#isNone();
  }

  /** The steps from the start to a state that is stored as a row; afterwards the path is there. */
  #stepsTo(row: number): readonly TraceStep[] {
    const { remembered, store, successors } = this.#searched;
    this.#state.set(remembered.start());
    const [, ...path] = pathTo(store, row);
    return path.map((each, at) => {
      store.read(each, this.#target);
      const [ordinal] = this.#next();
      if (ordinal === undefined) return this.#isNone();
      const from = ordinal * store.width;
      this.#state.set(successors.rows.subarray(from, from + store.width));
      return stepText(remembered, successors, ordinal, at + 1);
    });
  }

  /** The steps from where the path is to what is to come next. */
  #next(): readonly number[] {
    const { successors } = this.#searched;
    const count = successors.expand(this.#state);
    return Array.from({ length: count }, (_, ordinal) => ordinal).filter((ordinal) => {
      this.#store(ordinal, this.#image);
      return this.#image.every((id, place) => id === this.#target[place]);
    });
  }

  /** Writes the state after a step as it is stored. */
  #store(ordinal: number, into: Int32Array): void {
    const { successors, symmetry, store } = this.#searched;
    const from = ordinal * store.width;
    into.set(successors.rows.subarray(from, from + store.width));
    symmetry?.canonicalise(into, 0);
  }

  #isNone(): never {
    const { name } = this.#searched.remembered.model;
    throw new RangeError(`${name} is not symmetric as it says: no path goes by images of the states found`);
  }
}
