import { IntList } from './int-list.js';
import { Arrivals, bitOf, OUTSIDE } from './partial-order-arrivals.js';
import { Commuting } from './partial-order-commuting.js';
import type { Remembered } from './remembered.js';
import type { SearchOptions } from './search-options.js';
import type { Successors } from './successors.js';
import { Visibility } from './visibility.js';

/** Where machines stood whose steps were taken for enough: nobody else could send them what they would take. */
interface Closed {
  readonly kind: 'machines';
  /** Bits of the machines. */
  readonly machines: number;
  readonly places: readonly (readonly [machine: number, local: number, inbox: number])[];
}
/** A message that was taken for enough, since it goes in either order with whatever may come to its machine. */
interface Alone {
  readonly kind: 'message';
  readonly message: number;
}
type Reason = Closed | Alone;

/**
 * Finds steps of a state that are enough to go on by: whatever the others do before them can as well be done after
 * them, and no property can tell the difference. `docs/decisions/0017-which-steps-are-enough.md` says why.
 *
 * What may still be sent is not known while a search is under way; what was sent so far is taken for it. So a search
 * that has come to its end asks for the states of which too little was expected, and goes on from all their steps.
 * @see [Holzmann, Peled] steps of one process that others cannot interfere with
 * @see [Bošnački, Holzmann] a step to a state that is still to be gone on from
 */
export class PartialOrder {
  readonly #remembered: Remembered;
  readonly #arrivals: Arrivals;
  readonly #visibility: Visibility;
  readonly #commuting: Commuting;
  /** By row: one more than the place of the reason for which some steps were enough; 0 where all were taken. */
  readonly #reasons = new IntList();
  readonly #known: Reason[] = [];
  readonly #numbers = new Map<string, number>();
  /** Places of machines on which offers depend. */
  readonly #offering: ReadonlySet<number>;
  readonly #isHeard: boolean;

  constructor(remembered: Remembered) {
    const { layout, model } = remembered;
    this.#remembered = remembered;
    this.#arrivals = new Arrivals(remembered);
    this.#visibility = new Visibility(remembered);
    this.#commuting = new Commuting(remembered, this.#visibility);
    this.#offering = new Set(layout.offers.flatMap(({ cells, guarded }) => [...cells, ...guarded]));
    this.#isHeard = model.environment?.hears !== undefined;
  }

  /**
   * Steps by which it is enough to go on from a state that stands at the start of a buffer; null where it takes all.
   * `isFurther` says whether a step leads to a state that the search has not gone on from.
   */
  enough(
    row: number,
    from: Int32Array,
    successors: Successors,
    isFurther: (ordinal: number) => boolean,
  ): readonly number[] | null {
    while (this.#reasons.length <= row) this.#reasons.push(0);
    if (successors.count < 2) return null;
    this.#arrivals.look();
    const byMachine = this.#movesByMachine(successors);
    for (const reason of this.#candidates(from, successors, byMachine)) {
      const ordinals =
        reason.kind === 'machines'
          ? [...byMachine].flatMap(([machine, own]) => ((reason.machines & bitOf(machine)) !== 0 ? own : []))
          : [this.#ordinalOf(successors, reason.message)];
      if (ordinals.length === 0 || ordinals.length === successors.count) continue;
      const isFirst = reason.kind === 'machines';
      if (!ordinals.every((ordinal) => this.#isHidden(successors.transitions[ordinal]!, isFirst))) continue;
      if (reason.kind === 'message') this.#commuting.check(from, successors, ordinals[0]!);
      if (!ordinals.some(isFurther)) continue;
      this.#reasons.set(row, this.#numberOf(reason) + 1);
      return ordinals;
    }
    return null;
  }

  /** Rows of which too little was expected. They are not told again. */
  doubtful(): readonly number[] {
    this.#arrivals.look();
    const holds = this.#known.map((reason) => this.#holds(reason));
    const rows: number[] = [];
    for (let row = 0; row < this.#reasons.length; row += 1) {
      const reason = this.#reasons.at(row);
      if (reason === 0 || holds[reason - 1]!) continue;
      this.#reasons.set(row, 0);
      rows.push(row);
    }
    return rows;
  }

  /** By machine: the steps that it can take without the environment. */
  #movesByMachine(successors: Successors): ReadonlyMap<number, readonly number[]> {
    const { transitionMachine } = this.#remembered.tables;
    const byMachine = new Map<number, number[]>();
    for (let ordinal = 0; ordinal < successors.count; ordinal += 1) {
      if (successors.offers[ordinal]! >= 0) continue;
      const machine = transitionMachine.at(successors.transitions[ordinal]!);
      const own = byMachine.get(machine);
      if (own === undefined) byMachine.set(machine, [ordinal]);
      else own.push(ordinal);
    }
    return byMachine;
  }

  /** Reasons for which some steps may be enough, those with fewer steps first. */
  #candidates(
    from: Int32Array,
    successors: Successors,
    byMachine: ReadonlyMap<number, readonly number[]>,
  ): readonly Reason[] {
    const { transitionMessage } = this.#remembered.tables;
    const closed: { readonly reason: Closed; readonly count: number }[] = [];
    for (const machine of byMachine.keys()) {
      const reason = this.#closedAround(machine, from);
      if (reason === null || closed.some((other) => other.reason.machines === reason.machines)) continue;
      const count = [...byMachine].reduce(
        (sum, [each, own]) => sum + ((reason.machines & bitOf(each)) !== 0 ? own.length : 0),
        0,
      );
      closed.push({ reason, count });
    }
    const alone = [...byMachine.values()].flat().flatMap((ordinal): readonly Alone[] => {
      const message = transitionMessage.at(successors.transitions[ordinal]!);
      return this.#arrivals.isIndependent(message) ? [{ kind: 'message', message }] : [];
    });
    closed.sort((a, b) => a.count - b.count);
    const single = closed.filter(({ count }) => count === 1).map(({ reason }) => reason);
    const several = closed.filter(({ count }) => count > 1).map(({ reason }) => reason);
    return [...single, ...alone, ...several];
  }

  /** A machine with all who may send to it what it would take, all who may send to these, and so on. */
  #closedAround(first: number, from: Int32Array): Closed | null {
    const { machines: count } = this.#remembered.layout;
    let machines = bitOf(first);
    const places: (readonly [number, number, number])[] = [];
    for (let isGrowing = true; isGrowing; ) {
      isGrowing = false;
      for (let machine = 0; machine < count; machine += 1) {
        if ((machines & bitOf(machine)) === 0 || places.some(([each]) => each === machine)) continue;
        if ((machines & OUTSIDE) !== 0) return null;
        const place = [machine, from[2 * machine]!, from[2 * machine + 1]!] as const;
        places.push(place);
        machines |= this.#arrivals.sendersTo(...place);
        isGrowing = true;
      }
    }
    return (machines & OUTSIDE) !== 0 ? null : { kind: 'machines', machines, places };
  }

  #ordinalOf(successors: Successors, message: number): number {
    const { transitionMessage } = this.#remembered.tables;
    for (let ordinal = 0; ordinal < successors.count; ordinal += 1) {
      if (
        successors.offers[ordinal]! < 0 &&
        transitionMessage.at(successors.transitions[ordinal]!) === message
      ) {
        return ordinal;
      }
    }
    return -1;
  }

  /** Whether nobody can tell when a step is taken: no property, and no offer of the environment. */
  #isHidden(transition: number, isFirst: boolean): boolean {
    const { tables, layout } = this.#remembered;
    const machine = tables.transitionMachine.at(transition);
    const isMoved = tables.transitionLocal.at(transition) !== tables.transitionNext.at(transition);
    if (isMoved && this.#offering.has(2 * machine)) return false;
    if (this.#isHeard) {
      const sends = tables.transitionSends.at(transition);
      for (let at = tables.sends.startOf(sends); at < tables.sends.endOf(sends); at += 2) {
        if (tables.sends.data[at] === layout.machines) return false;
      }
    }
    return !this.#visibility.isVisible(transition, isFirst);
  }

  #numberOf(reason: Reason): number {
    const key =
      reason.kind === 'message' ? `${reason.message}` : `${reason.machines}: ${reason.places.join(' ')}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#known.length;
      this.#known.push(reason);
      this.#numbers.set(key, number);
    }
    return number;
  }

  #holds(reason: Reason): boolean {
    if (reason.kind === 'message') return this.#arrivals.isIndependent(reason.message);
    return reason.places.every((place) => (this.#arrivals.sendersTo(...place) & ~reason.machines) === 0);
  }
}

/**
 * The partial order that a search makes use of; null for none.
 * @throws RangeError where it is asked for together with a leads-to
 */
export function partialOrderOf(
  remembered: Remembered,
  { partialOrder = false }: Pick<SearchOptions, 'partialOrder'>,
): PartialOrder | null {
  if (!partialOrder) return null;
  const leadsTo = remembered.model.properties.find(({ kind }) => kind === 'leads-to');
  if (leadsTo !== undefined) {
    throw new RangeError(`partial order says nothing of ${leadsTo.name}: steps may be put off for ever`);
  }
  return new PartialOrder(remembered);
}
