import type { ThreadId } from '@spapr-dma/protocol';
import { hasCallbacks } from './rcu.js';
import type { QemuState } from './state.js';
import { RCU_THREAD } from './task-run.js';

/** The threads that a `step` moves: a holder of the big lock that only lets others come in between, and RCU's. */
export function threadsOf(qemu: QemuState): readonly ThreadId[] {
  const { task } = qemu;
  if (task?.mode === 'waiting') return task.awaits === 'step' ? [task.thread] : [];
  return hasCallbacks(qemu) ? [RCU_THREAD] : [];
}
