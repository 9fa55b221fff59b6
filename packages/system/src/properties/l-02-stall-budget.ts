import { type Cost, GUEST_STALL_SECONDS } from '@spapr-dma/protocol';
import { durationText } from '../costs.js';
import { bookkeep, type PendingCall } from './guest-calls.js';
import { guestsQemu, inGuestsQemu, lockHolder, type ObservedStep, type Property } from './property.js';

/** How much L-2 allows. */
export interface StallBudget {
  /** How long a call may hold a vCPU. */
  readonly nanoseconds: number;
  /** What a longer one means, as the end of a sentence. */
  readonly consequence: string;
  /** Whether QEMU may look at the entries of a window that a call of the guest has just made. */
  readonly replaysFreshWindow: boolean;
}

/** What a guest's kernel bears: where windows are large, time tells whether they were looked at. */
const GUESTS: StallBudget = {
  nanoseconds: GUEST_STALL_SECONDS * 1e9,
  consequence: `the guest reports a stall after ${GUEST_STALL_SECONDS} s`,
  replaysFreshWindow: true,
};

interface Memory {
  readonly pending: readonly PendingCall[];
  /** Nanoseconds for which QEMU's big lock has been held without a break. */
  readonly held: number;
}

/** How long the lock has been held with this step: only what its holder does counts. */
function heldAfter(held: number, step: ObservedStep): number {
  const { before, moved, cost } = step;
  const [earlier, later] = [guestsQemu(before)?.task, guestsQemu(moved.state)?.task];
  // A holder that waits for nobody takes and gives the lock in one step; who only listens is none.
  const listens = moved.delivered?.message.type === 'register-iommu-notifier';
  if (earlier == null && later == null) return inGuestsQemu(step) && !listens ? cost : 0;
  const task = earlier ?? later;
  const isHolders = task?.mode === 'waiting' && moved.delivered?.message.thread === task.thread;
  return (earlier == null ? 0 : held) + (isHolders || earlier == null ? cost : 0);
}

const isHeld = ({ moved: { state } }: ObservedStep): boolean => guestsQemu(state)?.task != null;

/** A replay in a create whose window nobody can have mapped anything in. */
function replayOf(
  calls: readonly PendingCall[],
  { moved: { sent, delivered } }: ObservedStep,
): string | null {
  const create = calls.find(({ type }) => type === 'ibm,create-pe-dma-window');
  if (create === undefined || delivered?.message.thread !== create.thread) return null;
  const replayed = sent
    .filter(({ message }) => message.type === 'cost')
    .map(({ message }) => message as unknown as Cost)
    .filter(({ operation }) => operation === 'replay')
    .reduce((sum, { count }) => sum + count, 0);
  if (replayed === 0) return null;
  return `QEMU looks at ${replayed} ${replayed === 1 ? 'entry' : 'entries'} of the window that ${create.type} of ${create.thread} has just made.`;
}

/** A vCPU that waits too long, or a command that would make each of them wait that leaves the guest. */
function tooSlow(
  { nanoseconds, consequence }: StallBudget,
  calls: readonly PendingCall[],
  held: number,
  step: ObservedStep,
): string | null {
  const slow = calls.find(({ spent }) => spent > nanoseconds);
  if (slow !== undefined) {
    return `${slow.type} of ${slow.thread} takes ${durationText(slow.spent)}; ${consequence}.`;
  }
  if (held <= nanoseconds) return null;
  const [holder] = [step.before, step.moved.state].flatMap((state) => lockHolder(guestsQemu(state)));
  const what = holder ?? step.moved.delivered?.message.type;
  return `${what} holds QEMU's big lock for ${durationText(held)}, and a vCPU that needs QEMU waits so long; ${consequence}.`;
}

/** L-2 with a budget of one's own: small windows take little time, whatever is done with each entry. */
export const stallBudgetOf = (budget: StallBudget): Property<Memory> => ({
  name: 'L-2',
  title: `No call, and nothing that QEMU does under its big lock, holds a vCPU longer than ${durationText(budget.nanoseconds)}.`,
  sometimes: 'a call that takes time is answered',
  reads: ['qemu-spapr'],
  asksForCost: true,
  initial: { pending: [], held: 0 },
  observe: (memory, step) => {
    const { pending, answered } = bookkeep(memory.pending, step);
    const held = heldAfter(memory.held, step);
    const calls = [...answered, ...pending];
    const replay = budget.replaysFreshWindow ? null : replayOf(calls, step);
    return {
      memory: { pending, held: isHeld(step) ? held : 0 },
      violation: replay ?? tooSlow(budget, calls, held, step),
      reached: answered.some(({ spent }) => spent > 0),
    };
  },
});

export const stallBudget: Property<Memory> = {
  ...stallBudgetOf(GUESTS),
  title: `No call, and nothing that QEMU does under its big lock, holds a vCPU longer than ${GUEST_STALL_SECONDS} s, after which a guest reports a stall.`,
};
