import type { ThreadId } from '@spapr-dma/protocol';
import type { AnyMessage } from '../participants.js';
import { begunCall, isGuestsCall, type ObservedStep } from './property.js';

/** A call that a vCPU waits on. */
export interface PendingCall {
  readonly thread: ThreadId;
  readonly type: string;
  /** Nanoseconds that its thread has spent on it, in QEMU and in the host's kernel. */
  readonly spent: number;
  /** Its hypervisor has begun with it. */
  readonly begun: boolean;
  /** How many handlers have taken it. */
  readonly layers: number;
}

const isCall = (message: AnyMessage): boolean => message.from === 'guest-kernel' && isGuestsCall(message);
const isAnswer = ({ type, to }: AnyMessage): boolean =>
  (type === 'hcall-return' || type === 'rtas-return') && to === 'guest-kernel';

/** The calls that wait after a step, and those that were answered in it. */
export interface CallBook {
  readonly pending: readonly PendingCall[];
  readonly answered: readonly PendingCall[];
}

/** Keeps book of the guest's calls: begun by a message of the guest, ended by the answer to the same thread. */
export function bookkeep(before: readonly PendingCall[], step: ObservedStep): CallBook {
  const { sent, delivered } = step.moved;
  let pending = before;
  const begun = begunCall(step);
  if (begun !== undefined) {
    const others = pending.filter(({ thread }) => thread !== begun.thread);
    pending = [...others, { thread: begun.thread, type: begun.type, spent: 0, begun: true, layers: 1 }];
  } else if (delivered !== null && isGuestsCall(delivered.message)) {
    pending = pending.map((call) =>
      call.thread === delivered.message.thread ? { ...call, layers: call.layers + 1 } : call,
    );
  }
  const thread = delivered?.message.thread;
  if (step.cost > 0) {
    pending = pending.map((call) =>
      call.begun && call.thread === thread ? { ...call, spent: call.spent + step.cost } : call,
    );
  }
  for (const { message } of sent) {
    if (!isCall(message) || message.thread === undefined) continue;
    const { thread: caller, type } = message;
    pending = [...pending, { thread: caller, type, spent: 0, begun: false, layers: 0 }];
  }
  // In which order they began makes no difference.
  if (pending !== before) pending = pending.toSorted((a, b) => (a.thread < b.thread ? -1 : 1));
  const answers = new Set(
    sent.filter(({ message }) => isAnswer(message)).map(({ message }) => message.thread),
  );
  if (answers.size === 0) return { pending, answered: [] };
  return {
    pending: pending.filter((call) => !answers.has(call.thread)),
    answered: pending.filter((call) => answers.has(call.thread)),
  };
}
