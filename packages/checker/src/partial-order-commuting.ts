import { canonicalText } from './canonical-text.js';
import { IntMap, MISSING } from './int-map.js';
import type { Remembered } from './remembered.js';
import type { Successors } from './successors.js';
import { NOT_TAKEN } from './tables.js';
import type { Visibility } from './visibility.js';

/** Holds what a model says of its messages against what its machines do. */
export class Commuting {
  readonly #remembered: Remembered;
  readonly #visibility: Visibility;
  /** (machine, local, message, other) that were looked at. */
  readonly #checked = new IntMap(4);

  constructor(remembered: Remembered, visibility: Visibility) {
    this.#remembered = remembered;
    this.#visibility = visibility;
  }

  /**
   * Looks at a step and all others that its machine can take in a state instead.
   * @throws RangeError for another one that does not go in either order with it, though the model says so
   */
  check(from: Int32Array, successors: Successors, ordinal: number): void {
    const { transitionMachine, transitionMessage } = this.#remembered.tables;
    const machine = transitionMachine.at(successors.transitions[ordinal]!);
    const message = transitionMessage.at(successors.transitions[ordinal]!);
    for (let each = 0; each < successors.count; each += 1) {
      const transition = successors.transitions[each]!;
      if (each === ordinal || transitionMachine.at(transition) !== machine) continue;
      const other = transitionMessage.at(transition);
      const fault = other === message ? null : this.fault(machine, from[2 * machine]!, message, other);
      if (fault !== null) throw new RangeError(fault);
    }
  }

  /** What is wrong about two messages that a machine takes where it stands, as a sentence; null where nothing is. */
  fault(machine: number, local: number, message: number, other: number): string | null {
    const key = [machine, local, message, other];
    if (this.#checked.get(key) !== MISSING) return null;
    const wrong = this.#wrong(machine, local, message, other);
    if (wrong === null) {
      this.#checked.add(key, 1);
      return null;
    }
    const { model, messages } = this.#remembered;
    const [a, b] = [message, other].map((each) => canonicalText(messages.at(each).message));
    return `${model.name}: ${model.machines[machine]!.name} does not take ${a} and ${b} in either order: ${wrong}`;
  }

  #wrong(machine: number, local: number, a: number, b: number): string | null {
    const { tables } = this.#remembered;
    const step = (at: number, message: number): number => tables.transitionOf(machine, at, message);
    const next = (transition: number): number => tables.transitionNext.at(transition);
    const [first, second] = [step(local, a), step(local, b)];
    const [then, before] = [step(next(second), a), step(next(first), b)];
    if (then === NOT_TAKEN || before === NOT_TAKEN) return 'one makes the other impossible';
    if (next(then) !== next(before)) return 'it matters which is first';
    if (!this.#isSentAlike(first, then) || !this.#isSentAlike(second, before))
      return 'they send something else';
    const isAlike = [local, next(second)].every((at) =>
      this.#visibility.isSeenAlike(machine, at, next(step(at, a))),
    );
    const isAlikeAtFirst = this.#visibility.isSeenAlike(machine, local, next(first));
    return isAlike || !isAlikeAtFirst ? null : 'what properties see of one depends on the other';
  }

  #isSentAlike(one: number, other: number): boolean {
    const { sends, transitionSends } = this.#remembered.tables;
    const [a, b] = [transitionSends.at(one), transitionSends.at(other)];
    const [from, to] = [sends.startOf(a), sends.startOf(b)];
    const length = sends.endOf(a) - from;
    if (sends.endOf(b) - to !== length) return false;
    for (let at = 0; at < length; at += 1) if (sends.data[from + at] !== sends.data[to + at]) return false;
    return true;
  }
}
