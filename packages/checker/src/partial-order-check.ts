import { remember } from './answers.js';
import { Judge } from './judge.js';
import type { Model } from './model.js';
import { Commuting } from './partial-order-commuting.js';
import { StateStore } from './state-store.js';
import { Successors } from './successors.js';
import { Visibility } from './visibility.js';

/**
 * What a model says of its messages and is not so, as sentences: two that its machines do not take in either order,
 * and steps that properties see although they do not look at what changes. All states are gone through, with no use
 * made of what the model says: it is for small models.
 * @throws RangeError for a model that has more states than the given number
 */
export function partialOrderFaults(model: Model, statesMax = 100_000): readonly string[] {
  const remembered = remember(model);
  const { tables, messages, layout } = remembered;
  const successors = new Successors(remembered);
  const judge = new Judge(remembered);
  const visibility = new Visibility(remembered);
  const commuting = new Commuting(remembered, visibility);
  const store = new StateStore(layout.width);
  const faults = new Set<string>();
  const commutes = model.partialOrder?.commutes ?? (() => false);

  const isInLane = (a: number, b: number): boolean => {
    const [one, other] = [messages.at(a), messages.at(b)];
    return a === b || (one.from !== layout.machines && one.from === other.from && one.lane === other.lane);
  };

  /** Pairs of steps of one machine of which the model says that they go in either order. */
  const lookAtPairs = (state: Int32Array): void => {
    for (let one = 0; one < successors.count; one += 1) {
      const machine = tables.transitionMachine.at(successors.transitions[one]!);
      const message = tables.transitionMessage.at(successors.transitions[one]!);
      for (let each = 0; each < successors.count; each += 1) {
        if (tables.transitionMachine.at(successors.transitions[each]!) !== machine) continue;
        const other = tables.transitionMessage.at(successors.transitions[each]!);
        if (isInLane(message, other)) continue;
        const { name } = model.machines[machine]!;
        if (!commutes(name, messages.at(message).message, messages.at(other).message)) continue;
        const fault = commuting.fault(machine, state[2 * machine]!, message, other);
        if (fault !== null) faults.add(fault);
      }
    }
  };

  /** What properties say of a state, each by its place. */
  const verdicts = (rows: Int32Array, at: number): string => {
    judge.reached.fill(0);
    const wrong = judge.state(rows, at) ?? [];
    return [...wrong.map(({ property }) => property), '', ...judge.reached].join();
  };

  const lookAtSteps = (state: Int32Array): void => {
    const before = verdicts(state, 0);
    const memories = layout.memories.filter((place) => place >= 0);
    for (let ordinal = 0; ordinal < successors.count; ordinal += 1) {
      const transition = successors.transitions[ordinal]!;
      if (successors.offers[ordinal]! >= 0 || visibility.isVisible(transition, true)) continue;
      const at = ordinal * layout.width;
      const isWrong = successors.wrong.some((each) => each.ordinal === ordinal);
      const isRemembered = memories.some((place) => successors.rows[at + place] !== state[place]);
      if (!isWrong && !isRemembered && verdicts(successors.rows, at) === before) continue;
      const { name } = model.machines[tables.transitionMachine.at(transition)]!;
      const { type } = messages.at(tables.transitionMessage.at(transition)).message;
      faults.add(
        `${model.name}: a property sees that ${name} takes ${type}, and looks at nothing that changes`,
      );
    }
  };

  const state = new Int32Array(layout.width);
  store.add(remembered.start(), 0, 0);
  for (let row = 0; row < store.size; row += 1) {
    if (store.size > statesMax) throw new RangeError(`${model.name} has more than ${statesMax} states`);
    store.read(row, state);
    successors.expand(state);
    lookAtPairs(state);
    lookAtSteps(state);
    for (let ordinal = 0; ordinal < successors.count; ordinal += 1) {
      store.add(successors.rows, ordinal * layout.width, row);
    }
  }
  return [...faults];
}
