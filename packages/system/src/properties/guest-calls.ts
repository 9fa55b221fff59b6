import type { ThreadId } from '@spapr-dma/protocol';
import type { AnyMessage } from '../participants.js';
import { arrivingCall, type ObservedStep } from './property.js';

/** A call that a vCPU waits on. */
export interface PendingCall {
  readonly thread: ThreadId;
  readonly type: string;
  /** Nanoseconds that QEMU has spent on it. */
  readonly spent: number;
  /** QEMU has begun with it. */
  readonly begun: boolean;
}

const isCall = ({ from, to, type }: AnyMessage): boolean =>
  from === 'guest-kernel' && (to === 'qemu-spapr' || to === 'kvm') && type !== 'unexpected';
const isAnswer = ({ type, to }: AnyMessage): boolean =>
  (type === 'hcall-return' || type === 'rtas-return') && to === 'guest-kernel';

/** The calls that wait after a step, and those that were answered in it. */
export interface CallBook {
  readonly pending: readonly PendingCall[];
  readonly answered: readonly PendingCall[];
}

/** Keeps book of the guest's calls: begun by a message of the guest, ended by the answer to the same thread. */
export function bookkeep(before: readonly PendingCall[], step: ObservedStep): CallBook {
  const { sent } = step.moved;
  let pending = before;
  const arriving = arrivingCall(step);
  if (arriving !== undefined) {
    const others = pending.filter(({ thread }) => thread !== arriving.thread);
    pending = [...others, { thread: arriving.thread, type: arriving.type, spent: 0, begun: true }];
  }
  pending = pending.map((call) => (call.begun ? { ...call, spent: call.spent + step.cost } : call));
  for (const { message } of sent) {
    if (!isCall(message) || message.thread === undefined) continue;
    pending = [...pending, { thread: message.thread, type: message.type, spent: 0, begun: false }];
  }
  const answers = new Set(
    sent.filter(({ message }) => isAnswer(message)).map(({ message }) => message.thread),
  );
  return {
    pending: pending.filter(({ thread }) => !answers.has(thread)),
    answered: pending.filter(({ thread }) => answers.has(thread)),
  };
}
