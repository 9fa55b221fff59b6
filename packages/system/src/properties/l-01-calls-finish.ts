import type { SystemState } from '../choices.js';
import { bookkeep, type PendingCall } from './guest-calls.js';
import { isAborted, type Property } from './property.js';

const hasQuit = ({ routes, snapshots }: SystemState): boolean =>
  snapshots[routes['qemu-spapr'] ?? '']?.value === 'exited';

function unanswered(pending: readonly PendingCall[], state: SystemState): string | null {
  const [call] = pending;
  // Whoever quits QEMU wants no answer.
  if (call === undefined || hasQuit(state)) return null;
  const why = isAborted(state) ? 'QEMU is gone' : 'nobody can move any more';
  return `${call.type} of ${call.thread} is never answered: ${why}.`;
}

export const callsFinish: Property<readonly PendingCall[]> = {
  name: 'L-1',
  title: 'Every hypercall and every RTAS call is answered.',
  sometimes: 'a call is answered',
  reads: ['qemu-spapr'],
  initial: [],
  observe: (before, step) => {
    const { pending, answered } = bookkeep(before, step);
    const { state } = step.moved;
    return {
      memory: pending,
      violation: isAborted(state) ? unanswered(pending, state) : null,
      reached: answered.length > 0,
    };
  },
  atRest: unanswered,
};
