import type { Quiesce } from '@spapr-dma/protocol';
import { type Outcome, refused, rtasReturn } from './sent.js';
import type { QemuState } from './state.js';
import { allViosReset } from './vio-reset.js';

/**
 * Firmware's last call before the kernel starts: puts every VIO device back.
 * @see [QEMU] hw/ppc/spapr_vio.c: rtas_quiesce
 */
export function quiesce(qemu: QemuState, call: Quiesce): Outcome {
  if (call.args.length !== 0) return refused(qemu, call, 'PARAM_ERROR');
  const reset = allViosReset(qemu);
  return { qemu: reset.qemu, sent: [...reset.sent, rtasReturn(call, 'SUCCESS')] };
}
