import type { Component } from '@spapr-dma/protocol';
import { isQuiet, isRcuDrained } from './host-state.js';
import type { ObservedStep, Property, StateRule } from './property.js';

/** Whom one looks at to see whether a call is in progress, or something waits for RCU. */
export const QUIET_READS: readonly Component[] = ['qemu-spapr', 'kvm', 'vfio-host'];

/** Has something changed in this step that a property of quiet states could see? */
export const becameQuiet = ({ before, moved: { state } }: ObservedStep): boolean =>
  state.snapshots !== before.snapshots && isQuiet(state);

/** Makes a property of the states in which no call is in progress. */
export function whenQuiet(
  name: string,
  title: string,
  sometimes: string,
  reads: readonly Component[],
  judge: StateRule['judge'],
  /** Only where nothing waits for a grace period either. */
  drained = false,
): Property<null> {
  return {
    name,
    title,
    sometimes,
    reads: [...new Set([...QUIET_READS, ...reads])],
    asksForQuiet: true,
    rules: [{ reads, when: drained ? 'drained' : 'quiet', judge }],
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
