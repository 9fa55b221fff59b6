import type { Remembered } from './remembered.js';
import type { Successors } from './successors.js';
import { OFFER } from './tables.js';

/** The class of a step that nobody is bound to take. */
export const UNFAIR = -1;

/**
 * Who is to be treated fairly, by number: each lane from a sender to a machine, and each message by which a machine
 * moves itself. One that can go on from some state on, without a break, does so in the end. What the environment
 * offers belongs to no class; but what is due is one by each message.
 *
 * Of a lane and of a thread there is one step at most in a state: its oldest message, or the one that drives it.
 */
export class FairClasses {
  readonly #remembered: Remembered;
  readonly #numbers = new Map<string, number>();
  /** By message. */
  readonly #classes: number[] = [];

  constructor(remembered: Remembered) {
    this.#remembered = remembered;
  }

  /** The class of one of a state's steps. */
  of({ transitions, offers }: Successors, ordinal: number): number {
    const { tables } = this.#remembered;
    const offer = offers[ordinal]!;
    if (offer >= 0 && (tables.offerLists.data[offer + 3]! & OFFER.isDue) === 0) return UNFAIR;
    const message = tables.transitionMessage.at(transitions[ordinal]!);
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
    const name = from === layout.machines ? `${message}` : `${from} ${to} ${lane}`;
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const next = this.#numbers.size;
    this.#numbers.set(name, next);
    return next;
  }
}
