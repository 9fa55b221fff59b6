import { MISSING } from './int-map.js';
import { NOT_TAKEN, OFFER, type Tables, VERDICT } from './tables.js';

/** Something that a step or a state is wrong about. */
export interface Wrong {
  /** The property's place in the model; −1 for a machine that failed. */
  readonly property: number;
  /** The step among those of its state. */
  readonly ordinal: number;
  readonly verdict: number;
}

/** The place of a failure among the properties. */
export const FAILURE = -1;

/**
 * All that may happen next in a state: rows of the states after it, and for each the transition and, where it is
 * the environment's doing, the offer. One object is filled anew by each `expand`.
 */
export class Successors {
  readonly width: number;
  /** How many there are. */
  count = 0;
  /** The rows, one after the other. */
  rows: Int32Array;
  /** By step: the transition. */
  transitions = new Int32Array(64);
  /** By step: the place of its offer in `offerLists`; −1 for none. */
  offers = new Int32Array(64);
  /** What observers and machines found wrong with these steps. */
  readonly wrong: Wrong[] = [];
  /** By property: whether what it is about was met in a step. */
  readonly reached: Uint8Array;
  readonly #tables: Tables;
  /** Places of the properties that observe. */
  readonly #observers: readonly number[];
  readonly #environment: number;

  constructor({ tables }: { readonly tables: Tables }) {
    const { layout } = tables;
    this.#tables = tables;
    this.width = layout.width;
    this.rows = new Int32Array(64 * layout.width);
    this.reached = new Uint8Array(layout.reads.length);
    this.#observers = layout.observers;
    this.#environment = layout.environment;
  }

  /** Fills in what may happen next in the state that stands at the start of a buffer. */
  expand(from: Int32Array): number {
    this.count = 0;
    this.wrong.length = 0;
    const { machines } = this.#tables.layout;
    for (let machine = 0; machine < machines; machine += 1) this.#moves(machine, from);
    const isIdle = this.count === 0;
    for (let source = 0; source < this.#tables.offers.length; source += 1) {
      this.#offers(source, from, isIdle);
    }
    return this.count;
  }

  #moves(machine: number, from: Int32Array): void {
    const tables = this.#tables;
    const place = 2 * machine;
    const list = tables.movesOf(machine, from[place]!, from[place + 1]!);
    const end = tables.moveLists.endOf(list);
    for (let at = tables.moveLists.startOf(list); at < end; at += 2) {
      const { data } = tables.moveLists;
      const transition = data[at]!;
      const inbox = data[at + 1]!;
      const to = this.#copy(from, transition, -1);
      this.rows[to + place] = tables.transitionNext.at(transition);
      this.rows[to + place + 1] = inbox;
      this.#send(transition, to);
      this.#observe(from, to, transition);
    }
  }

  #offers(source: number, from: Int32Array, isIdle: boolean): void {
    const tables = this.#tables;
    const list = tables.offersOf(source, from, 0);
    const end = tables.offerLists.endOf(list);
    for (let at = tables.offerLists.startOf(list); at < end; at += 5) {
      const { data } = tables.offerLists;
      if (!isIdle && (data[at + 3]! & OFFER.whenIdle) !== 0) continue;
      const machine = data[at]!;
      const environment = data[at + 2]!;
      const transition = tables.transitionOf(machine, from[2 * machine]!, data[at + 1]!);
      if (transition === NOT_TAKEN) continue;
      const to = this.#copy(from, transition, at);
      this.rows[to + 2 * machine] = tables.transitionNext.at(transition);
      this.rows[to + this.#environment] = environment;
      this.#send(transition, to);
      this.#observe(from, to, transition);
    }
  }

  /** Begins a step: a copy of the state before it. Answers where its row begins. */
  #copy(from: Int32Array, transition: number, offer: number): number {
    const { width, count } = this;
    const to = count * width;
    if (to === this.rows.length) this.#grow();
    const { rows } = this;
    for (let at = 0; at < width; at += 1) rows[to + at] = from[at]!;
    this.transitions[count] = transition;
    this.offers[count] = offer;
    this.count = count + 1;
    return to;
  }

  #send(transition: number, to: number): void {
    const tables = this.#tables;
    const list = tables.transitionSends.at(transition);
    if (list === 0) return;
    const start = tables.sends.startOf(list);
    const end = tables.sends.endOf(list);
    const { data } = tables.sends;
    const { rows } = this;
    for (let at = start; at < end; at += 2) {
      const receiver = 2 * data[at]!;
      // The environment's place is where the inboxes end.
      if (receiver === this.#environment)
        rows[to + receiver] = tables.heard(rows[to + receiver]!, data[at + 1]!);
      else rows[to + receiver + 1] = tables.pushed(rows[to + receiver + 1]!, data[at + 1]!);
    }
  }

  #observe(from: Int32Array, to: number, transition: number): void {
    const { layout, failures, verdictReached } = this.#tables;
    const ordinal = this.count - 1;
    if (failures.get1(transition) !== MISSING) {
      this.wrong.push({ property: FAILURE, ordinal, verdict: transition });
    }
    for (const property of this.#observers) {
      const place = layout.memories[property]!;
      if (place < 0 && !this.#tables.isGuarded(property, this.rows, to)) continue;
      const memory = place < 0 ? 0 : from[place]!;
      const found = this.#tables.observe(property, memory, transition, from, this.rows, to);
      const { data } = this.#tables.observations;
      if (place >= 0) this.rows[to + place] = data[found]!;
      const verdict = data[found + 1]!;
      if (verdict === VERDICT.silent) continue;
      if (verdict >= VERDICT.firstViolation) this.wrong.push({ property, ordinal, verdict });
      if (verdictReached.at(verdict) === 1) this.reached[property] = 1;
    }
  }

  #grow(): void {
    const rows = new Int32Array(this.rows.length * 2);
    rows.set(this.rows);
    this.rows = rows;
    for (const name of ['transitions', 'offers'] as const) {
      const grown = new Int32Array(this[name].length * 2);
      grown.set(this[name]);
      this[name] = grown;
    }
  }
}
