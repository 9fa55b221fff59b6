import type { QemuAnswer, QemuCall, QemuMachine } from '@spapr-dma/trace';

/** Somebody who answers calls: a real QEMU, or whoever stands for it. */
export interface CallTarget {
  /**
   * Makes the calls in this order. One answer for each; where QEMU is gone, the last is `abort` and stands for the
   * call that did it.
   * @throws where nobody answers
   */
  play(calls: readonly QemuCall[]): Promise<readonly QemuAnswer[]>;
  /** Leaves nothing behind. */
  close(): Promise<void>;
}

/** Starts a machine that has had its first reset. */
export type StartTarget = (machine: QemuMachine) => Promise<CallTarget>;
