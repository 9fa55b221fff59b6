import type { Interned } from './inboxes.js';
import { IntMap, MISSING } from './int-map.js';
import { isTaken } from './machines.js';
import type { Message } from './model.js';
import type { Remembered } from './remembered.js';
import { NOT_TAKEN } from './tables.js';

/** Machines whose place has no bit of its own count as the environment, with which nothing goes. */
const BITS = 30;
/** The bit of the environment. */
export const OUTSIDE = 1 << BITS;

export const bitOf = (machine: number): number => (machine < BITS ? 1 << machine : OUTSIDE);

/** Who may send something to a machine that it would take where it stands, as far as messages were looked at. */
interface Waiting {
  checked: number;
  senders: number;
}
/** Whether a message goes in either order with all others that its machine may take, as far as they were looked at. */
interface Going {
  checked: number;
  isIndependent: boolean;
}

/**
 * What may still come to a machine. All messages that were ever sent to it, offered, or moved it are taken for what
 * may come; what turns up later is looked at when the question is asked again.
 */
export class Arrivals {
  readonly #remembered: Remembered;
  /** By machine: messages that it may get from others or by which it moves. */
  readonly #messages: readonly number[][];
  #looked = 0;
  /** (machine, local, inbox) → place in `#waiting`. */
  readonly #waits = new IntMap(3);
  readonly #waiting: Waiting[] = [];
  /** By message. */
  readonly #going = new Map<number, Going>();
  /** (machine, local, message) → 1 where it is taken. */
  readonly #taken = new IntMap(3);

  constructor(remembered: Remembered) {
    this.#remembered = remembered;
    this.#messages = remembered.model.machines.map(() => []);
  }

  /** Takes notice of messages that are new. */
  look(): void {
    const { messages } = this.#remembered;
    for (; this.#looked < messages.size; this.#looked += 1) {
      this.#messages[messages.at(this.#looked).to]?.push(this.#looked);
    }
  }

  /**
   * Who may send a machine something that it would take, while it stays where it is: by lanes that are empty, since
   * what is at the head of the others is taken already, or stays there.
   */
  sendersTo(machine: number, local: number, inbox: number): number {
    const key = this.#waits.get3(machine, local, inbox);
    const waiting = key !== MISSING ? this.#waiting[key]! : { checked: 0, senders: 0 };
    if (key === MISSING) {
      this.#waits.add([machine, local, inbox], this.#waiting.length);
      this.#waiting.push(waiting);
    }
    const { messages, inboxes, offered, layout } = this.#remembered;
    const known = this.#messages[machine]!;
    for (; waiting.checked < known.length; waiting.checked += 1) {
      const number = known[waiting.checked]!;
      const { from, lane } = messages.at(number);
      const isOutside = from === layout.machines;
      // A machine's own moves are a matter of where it stands.
      if (isOutside && !offered.has(number)) continue;
      const bit = isOutside ? OUTSIDE : bitOf(from);
      if ((waiting.senders & bit) !== 0) continue;
      const isInLane = (each: number): boolean => {
        const other = messages.at(each);
        return other.from === from && other.lane === lane;
      };
      if (!isOutside && inboxes.at(inbox).some(isInLane)) continue;
      if (this.#isTaken(machine, local, number)) waiting.senders |= bit;
    }
    return waiting.senders;
  }

  /** Whether a message goes in either order with all others that may come to its machine by other ways. */
  isIndependent(number: number): boolean {
    const { messages, model } = this.#remembered;
    const commutes = model.partialOrder?.commutes;
    if (commutes === undefined) return false;
    const each = messages.at(number);
    let going = this.#going.get(number);
    if (going === undefined) {
      going = { checked: 0, isIndependent: true };
      this.#going.set(number, going);
    }
    const known = this.#messages[each.to]!;
    const name = this.#remembered.nameOf(each.to);
    while (going.isIndependent && going.checked < known.length) {
      const other = known[going.checked]!;
      going.checked += 1;
      if (other === number || this.#isSameLane(each, messages.at(other))) continue;
      going.isIndependent = commutes(name, each.message, messages.at(other).message);
    }
    return going.isIndependent;
  }

  #isSameLane(a: Interned<Message>, b: Interned<Message>): boolean {
    return a.from !== this.#remembered.layout.machines && a.from === b.from && a.lane === b.lane;
  }

  /** Whether a machine would take a message, without asking what it would do. */
  #isTaken(machine: number, local: number, number: number): boolean {
    const { tables, locals, messages } = this.#remembered;
    const transition = tables.transitions.get3(machine, local, number);
    if (transition !== MISSING) return transition !== NOT_TAKEN;
    const known = this.#taken.get3(machine, local, number);
    if (known !== MISSING) return known === 1;
    const takes = isTaken(locals[machine]!.at(local), messages.at(number).message);
    this.#taken.add([machine, local, number], takes ? 1 : 0);
    return takes;
  }
}
