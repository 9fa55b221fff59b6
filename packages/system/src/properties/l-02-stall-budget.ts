import { GUEST_STALL_SECONDS } from '@spapr-dma/protocol';
import { durationText } from '../costs.js';
import { bookkeep, type PendingCall } from './guest-calls.js';
import type { Property } from './property.js';

const BUDGET_NANOSECONDS = GUEST_STALL_SECONDS * 1e9;

export const stallBudget: Property<readonly PendingCall[]> = {
  name: 'L-2',
  title: `No call holds a vCPU longer than ${GUEST_STALL_SECONDS} s, after which a guest reports a stall.`,
  sometimes: 'a call that takes time is answered',
  initial: [],
  observe: (before, step) => {
    const { pending, answered } = bookkeep(before, step);
    const slow = [...answered, ...pending].find(({ spent }) => spent > BUDGET_NANOSECONDS);
    return {
      memory: pending,
      violation:
        slow === undefined
          ? null
          : `${slow.type} of ${slow.thread} takes ${durationText(slow.spent)}; the guest reports a stall after ${GUEST_STALL_SECONDS} s.`,
      reached: answered.some(({ spent }) => spent > 0),
    };
  },
};
