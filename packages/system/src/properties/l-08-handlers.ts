import { bookkeep, type PendingCall } from './guest-calls.js';
import type { Property } from './property.js';

/** Real mode, virtual mode, QEMU: nobody else can be asked. */
const HANDLERS_MAX = 3;

export const handlers: Property<readonly PendingCall[]> = {
  name: 'L-8',
  title: `A call that is too hard for one handler goes to the next, and to no more than ${HANDLERS_MAX} in all.`,
  sometimes: 'QEMU answers what was too hard for KVM',
  reads: [],
  initial: [],
  observe: (before, step) => {
    const { pending, answered } = bookkeep(before, step);
    const circling = pending.find(({ layers }) => layers > HANDLERS_MAX);
    return {
      memory: pending,
      violation:
        circling === undefined
          ? null
          : `${circling.type} of ${circling.thread} is handed on ${circling.layers} times.`,
      reached: answered.some(({ layers }) => layers > 1),
    };
  },
};
