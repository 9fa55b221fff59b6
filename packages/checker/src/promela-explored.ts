import { remember } from './answers.js';
import type { Model } from './model.js';
import type { CheckedProperty } from './property.js';
import type { Remembered } from './remembered.js';
import { StateStore } from './state-store.js';
import { Successors } from './successors.js';

/** More transitions of machines make no tables that a C compiler takes in a short time. */
export const PROMELA_TRANSITIONS_MAX = 50_000;

/** A model of which everything was asked that its states need. */
export interface Explored {
  readonly remembered: Remembered;
  readonly start: Int32Array;
  readonly states: number;
  readonly transitions: number;
}

/** Whether a property is part of the state, or can be a table of what is wrong. */
const isExported = (property: CheckedProperty): boolean =>
  property.kind === 'invariant' || (property.kind === 'observer' && property.remembers);

/**
 * Visits every state, so that the tables have all that a search of them looks up.
 * @throws RangeError for a model with more than `PROMELA_TRANSITIONS_MAX` transitions to remember
 */
export function explored(model: Model): Explored {
  const remembered = remember({ ...model, properties: model.properties.filter(isExported) });
  const { tables, layout } = remembered;
  const store = new StateStore(layout.width);
  const successors = new Successors(remembered);
  const start = remembered.start();
  const row = new Int32Array(layout.width);
  let transitions = 0;
  store.add(start, 0, 0);
  judge(remembered, start, 0);
  for (let next = 0; next < store.size; next += 1) {
    store.read(next, row);
    const count = successors.expand(row);
    transitions += count;
    if (tables.transitionMachine.length - 1 > PROMELA_TRANSITIONS_MAX) {
      throw new RangeError(
        `${model.name} has more than ${PROMELA_TRANSITIONS_MAX} transitions to remember: too many for a Promela model`,
      );
    }
    for (let ordinal = 0; ordinal < count; ordinal += 1) {
      const at = ordinal * layout.width;
      if (store.add(successors.rows, at, next)) judge(remembered, successors.rows, at);
    }
  }
  return { remembered, start, states: store.size, transitions };
}

function judge({ model, tables }: Remembered, from: Int32Array, at: number): void {
  model.properties.forEach(({ kind }, property) => {
    if (kind === 'invariant' && tables.isGuarded(property, from, at)) tables.judge(property, from, at);
  });
}
