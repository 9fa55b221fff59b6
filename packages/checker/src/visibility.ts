import { canonicalText } from './canonical-text.js';
import { MISSING } from './int-map.js';
import { Interner } from './intern.js';
import type { CheckedProperty } from './property.js';
import type { Remembered } from './remembered.js';
import { ASK } from './tables.js';

/** A property by its place, and its places of a row. */
interface Asked {
  readonly property: CheckedProperty;
  readonly at: number;
  readonly reads: ReadonlySet<number>;
  /** Places that a guard stands before, in the order of the guards. */
  readonly guarded: readonly number[];
}

/** What a step does, but for where all others are. */
interface Step {
  readonly machine: number;
  readonly local: number;
  readonly next: number;
  readonly message: number;
  /** What is on its way only before the step, and only after it: places of inboxes or the environment, and messages. */
  readonly taken: readonly (readonly [place: number, message: number])[];
  readonly sent: readonly (readonly [place: number, message: number])[];
}

/**
 * Tells whether properties can see that a step was taken, wherever else the other machines stand by then. A step is
 * invisible to a property where
 *
 * - what the property looks at does not change: the local state of the machine that moves, as far as the model says
 *   that properties see it, the inbox from which it takes the message, and those to which it sends; and a property
 *   that is told of steps does not watch this one;
 * - or guards make the property silent before the step and after it, whatever the others do in between: a guard of
 *   the machine that moves, where nothing else can make it move first; a guard of an inbox that holds a message of
 *   this step all the while, since more on its way makes no such fact true.
 *
 * What is judged only where nobody can move does not count: all such states are kept.
 */
export class Visibility {
  readonly #remembered: Remembered;
  readonly #asked: readonly Asked[];
  /** By machine: what properties see of it. */
  readonly #seen: readonly Interner<null>[];
  /** By machine and local state: the number of what is seen. */
  readonly #seenOf: readonly Map<number, number>[];
  /** By transition, once for a step that is the first of its machine and once for another. */
  readonly #visible: readonly [Map<number, boolean>, Map<number, boolean>] = [new Map(), new Map()];
  /** By place of a property, guard and message: properties may share a name. */
  readonly #facts = new Map<string, boolean>();

  constructor(remembered: Remembered) {
    const { model, layout } = remembered;
    this.#remembered = remembered;
    this.#seen = model.machines.map(() => new Interner<null>());
    this.#seenOf = model.machines.map(() => new Map<number, number>());
    this.#asked = model.properties.flatMap((property, at): readonly Asked[] => {
      if (property.kind === 'deadlock') return [];
      const { cells, guarded } = layout.reads[at]!;
      return [{ property, at, reads: new Set([...cells, ...guarded]), guarded }];
    });
  }

  /** Whether all that properties see of a machine is the same in two of its local states. */
  isSeenAlike(machine: number, local: number, next: number): boolean {
    return local === next || this.#seenAt(machine, local) === this.#seenAt(machine, next);
  }

  /**
   * Whether some property can see that a machine moves, be it by a message on its way or by itself. `isFirst` where
   * no other step of the machine can come before this one.
   */
  isVisible(transition: number, isFirst: boolean): boolean {
    const visible = this.#visible[isFirst ? 0 : 1];
    let known = visible.get(transition);
    if (known === undefined) {
      known = this.#isSeen(transition, isFirst);
      visible.set(transition, known);
    }
    return known;
  }

  #isSeen(transition: number, isFirst: boolean): boolean {
    if (this.#remembered.tables.failures.get1(transition) !== MISSING) return true;
    const step = this.#stepOf(transition);
    const { machine, local, next } = step;
    const isChanged = !this.isSeenAlike(machine, local, next);
    return this.#asked.some((asked) => {
      const { reads } = asked;
      if (
        this.#isSilent(asked, isFirst ? [2 * machine, local] : null, step.taken) &&
        this.#isSilent(asked, isFirst ? [2 * machine, next] : null, step.sent)
      ) {
        return false;
      }
      return (
        (isChanged && reads.has(2 * machine)) ||
        [...step.taken, ...step.sent].some(([place]) => reads.has(place)) ||
        this.#isWatched(asked, step)
      );
    });
  }

  #stepOf(transition: number): Step {
    const { tables, messages, layout } = this.#remembered;
    const machine = tables.transitionMachine.at(transition);
    const message = tables.transitionMessage.at(transition);
    const sends = tables.transitionSends.at(transition);
    const { data } = tables.sends;
    const sent: (readonly [number, number])[] = [];
    for (let at = tables.sends.startOf(sends); at < tables.sends.endOf(sends); at += 2) {
      const isHeard = data[at] === layout.machines;
      sent.push([isHeard ? layout.environment : 2 * data[at]! + 1, data[at + 1]!]);
    }
    const isDelivery = messages.at(message).from !== layout.machines;
    return {
      machine,
      local: tables.transitionLocal.at(transition),
      next: tables.transitionNext.at(transition),
      message,
      taken: isDelivery ? [[2 * machine + 1, message]] : [],
      sent,
    };
  }

  #isWatched({ property }: Asked, { machine, message }: Step): boolean {
    if (property.kind !== 'observer') return false;
    const { messages } = this.#remembered;
    return property.watches?.(this.#remembered.nameOf(machine), messages.at(message).message) ?? true;
  }

  /** Whether a guard that the others cannot make true keeps a property silent. */
  #isSilent(
    { property, at, guarded }: Asked,
    local: readonly [place: number, id: number] | null,
    held: readonly (readonly [place: number, message: number])[],
  ): boolean {
    // One that remembers is told of every step, whatever its guards say.
    if (property.kind === 'observer' && property.remembers) return false;
    return guarded.some(
      (place, guard) =>
        (local?.[0] === place && !this.#isFact(at, guard, local[1])) ||
        held.some(([inbox, message]) => inbox === place && !this.#isFactWith(at, guard, message)),
    );
  }

  #isFact(property: number, guard: number, local: number): boolean {
    const { tables } = this.#remembered;
    const known = tables.guards[property]![guard]!.atOrZero(local);
    return (known !== 0 ? known : tables.ask(ASK.guard, property, guard, local)) === 2;
  }

  /** Whether a fact about an inbox holds with one message on its way. */
  #isFactWith(property: number, guard: number, number: number): boolean {
    const key = `${property} ${guard} ${number}`;
    let fact = this.#facts.get(key);
    if (fact === undefined) {
      const { guards = {}, inboxGuards = {} } = this.#remembered.model.properties[property]!.reads;
      const { from, to, lane, message } = this.#remembered.messages.at(number);
      const [sender, receiver] = [this.#remembered.nameOf(from), this.#remembered.nameOf(to)];
      const ask = Object.values(inboxGuards)[guard - Object.keys(guards).length]!;
      fact = ask([{ from: sender, to: receiver, lane, message }]);
      this.#facts.set(key, fact);
    }
    return fact;
  }

  #seenAt(machine: number, local: number): number {
    const seenOf = this.#seenOf[machine]!;
    const known = seenOf.get(local);
    if (known !== undefined) return known;
    const { model, locals } = this.#remembered;
    const { seen } = model.partialOrder ?? {};
    const text =
      seen === undefined
        ? `${local}`
        : canonicalText(seen(model.machines[machine]!.name, locals[machine]!.at(local)) ?? null);
    const number = this.#seen[machine]!.number(text, null);
    seenOf.set(local, number);
    return number;
  }
}
