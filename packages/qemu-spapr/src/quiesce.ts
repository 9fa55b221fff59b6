import type { QuiesceFrame } from './frames-qemu.js';
import { rtasReturn } from './sent.js';
import type { QemuState } from './state.js';
import { call, ret, type Step } from './steps.js';
import { allViosReset } from './vio-reset.js';

/**
 * Firmware's last call before the kernel starts: puts every VIO device back.
 * @see [QEMU] hw/ppc/spapr_vio.c: rtas_quiesce
 */
export function rtasQuiesce(qemu: QemuState, frame: QuiesceFrame): Step {
  if (frame.call.args.length !== 0) return ret(qemu, null, [rtasReturn(frame.call, 'PARAM_ERROR')]);
  if (frame.at === 'viosReset') return ret(qemu, null, [rtasReturn(frame.call, 'SUCCESS')]);
  return call(qemu, { ...frame, at: 'viosReset' }, allViosReset(qemu));
}
