import type { SystemState } from '../choices.js';
import { isQuiet, isRcuDrained } from './host-state.js';
import type { ObservedStep, Property } from './property.js';

/** Has something changed in this step that a property of quiet states could see? */
export const becameQuiet = ({ before, moved: { state } }: ObservedStep): boolean =>
  state.snapshots !== before.snapshots && isQuiet(state);

/** Makes a property of the states in which no call is in progress. */
export function whenQuiet(
  name: string,
  title: string,
  sometimes: string,
  judge: (state: SystemState) => { readonly violation: string | null; readonly reached: boolean },
  /** Only where nothing waits for a grace period either. */
  drained = false,
): Property<null> {
  return {
    name,
    title,
    sometimes,
    initial: null,
    observe: (memory, step) => {
      const { state } = step.moved;
      if (!becameQuiet(step) || (drained && !isRcuDrained(state))) {
        return { memory, violation: null, reached: false };
      }
      return { memory, ...judge(state) };
    },
  };
}

/** The first of some sentences that is one. */
export const firstOf = <Item>(
  items: readonly Item[],
  sentence: (item: Item) => string | null,
): string | null => {
  for (const item of items) {
    const text = sentence(item);
    if (text !== null) return text;
  }
  return null;
};
