import type { QemuAborted } from '@spapr-dma/protocol';
import type { Outcome, QemuSent } from './sent.js';
import type { QemuState } from './state.js';
import { SUBREGION_ASSERTION } from './table-life.js';

/** Whether a step ends QEMU, and by which assertion. */
export interface Aborting {
  readonly aborted: string | null;
}

/** A step that ends QEMU: what it logged before stands, nothing is answered. */
export function aborts(qemu: QemuState, logged: readonly QemuSent[]): Outcome & Aborting {
  const gone: QemuAborted = {
    type: 'qemu-aborted',
    from: 'qemu-spapr',
    to: 'environment',
    assertion: SUBREGION_ASSERTION,
  };
  return { qemu, sent: [...logged, gone], aborted: SUBREGION_ASSERTION };
}
