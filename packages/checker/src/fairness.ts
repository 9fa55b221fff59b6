import type { Remembered } from './remembered.js';
import type { Successors } from './successors.js';

/** The class of a step that nobody is bound to take. */
export const UNFAIR = -1;

/**
 * Who is to be treated fairly, by number: each lane from a sender to a machine, and each message by which a machine
 * moves itself. One that can go on from some state on, without a break, does so in the end. What the environment
 * offers belongs to no class.
 *
 * In one state a class has one step at most: the oldest message of a lane, or the one that stands for a thread.
 */
export class FairClasses {
  readonly #remembered: Remembered;
  readonly #numbers = new Map<string, number>();
  /** By message. */
  readonly #classes: number[] = [];

  constructor(remembered: Remembered) {
    this.#remembered = remembered;
  }

  get count(): number {
    return this.#numbers.size;
  }

  /** The class of one of a state's steps. */
  of({ transitions, offers }: Successors, ordinal: number): number {
    if (offers[ordinal]! >= 0) return UNFAIR;
    const message = this.#remembered.tables.transitionMessage.at(transitions[ordinal]!);
    const known = this.#classes[message];
    if (known !== undefined) return known;
    const number = this.#numberOf(message);
    this.#classes[message] = number;
    return number;
  }

  #numberOf(message: number): number {
    const { messages, layout } = this.#remembered;
    const { from, to, lane } = messages.at(message);
    // A machine is told by the environment to move by itself.
    const name = from === layout.machines ? `own ${message}` : `${from} ${to} ${lane}`;
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const next = this.#numbers.size;
    this.#numbers.set(name, next);
    return next;
  }
}
