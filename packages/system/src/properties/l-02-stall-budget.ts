import { GUEST_STALL_SECONDS } from '@spapr-dma/protocol';
import { durationText } from '../costs.js';
import { bookkeep, type PendingCall } from './guest-calls.js';
import { guestsQemu, lockHolder, type ObservedStep, type Property } from './property.js';

const BUDGET_NANOSECONDS = GUEST_STALL_SECONDS * 1e9;

interface Memory {
  readonly pending: readonly PendingCall[];
  /** Nanoseconds for which QEMU's big lock has been held without a break. */
  readonly held: number;
}

/** How long the lock has been held with this step: only what its holder does counts. */
function heldAfter(held: number, { before, moved: { state, delivered }, cost }: ObservedStep): number {
  const [earlier, later] = [guestsQemu(before)?.task, guestsQemu(state)?.task];
  if (earlier == null && later == null) return 0;
  const task = earlier ?? later;
  const isHolders = task?.mode === 'waiting' && delivered?.message.thread === task.thread;
  return (earlier == null ? 0 : held) + (isHolders || earlier == null ? cost : 0);
}

/** A vCPU that waits too long, or a command that would make each of them wait that leaves the guest. */
function tooSlow(calls: readonly PendingCall[], held: number, step: ObservedStep): string | null {
  const stall = `the guest reports a stall after ${GUEST_STALL_SECONDS} s`;
  const slow = calls.find(({ spent }) => spent > BUDGET_NANOSECONDS);
  if (slow !== undefined)
    return `${slow.type} of ${slow.thread} takes ${durationText(slow.spent)}; ${stall}.`;
  if (held <= BUDGET_NANOSECONDS) return null;
  const [holder] = [step.before, step.moved.state].flatMap((state) => lockHolder(guestsQemu(state)));
  return `${holder} holds QEMU's big lock for ${durationText(held)}, and a vCPU that needs QEMU waits so long; ${stall}.`;
}

export const stallBudget: Property<Memory> = {
  name: 'L-2',
  title: `No call, and nothing that QEMU does under its big lock, holds a vCPU longer than ${GUEST_STALL_SECONDS} s, after which a guest reports a stall.`,
  sometimes: 'a call that takes time is answered',
  reads: ['qemu-spapr'],
  initial: { pending: [], held: 0 },
  observe: (memory, step) => {
    const { pending, answered } = bookkeep(memory.pending, step);
    const held = heldAfter(memory.held, step);
    return {
      memory: { pending, held },
      violation: tooSlow([...answered, ...pending], held, step),
      reached: answered.some(({ spent }) => spent > 0),
    };
  },
};
