import { ddwPhbOf } from './ddw-common.js';
import type { ResetWindowFrame } from './frames-qemu.js';
import { phbDmaReset } from './phb-dma-reset.js';
import { rtasReturn, traced } from './sent.js';
import type { QemuState } from './state.js';
import { call as callFunction, type Resumption, ret, returned, type Step } from './steps.js';

/**
 * Gives a PHB back its default window and takes every other. Linux' form with 4 arguments, for limited
 * addressing, is refused.
 * @see [QEMU] hw/ppc/spapr_rtas_ddw.c: rtas_ibm_reset_pe_dma_window
 */
export function rtasIbmResetPeDmaWindow(qemu: QemuState, frame: ResetWindowFrame, resumed: Resumption): Step {
  const { call } = frame;
  const phb = ddwPhbOf(qemu, call);
  if (call.args.length !== 3 || call.nret !== 1 || phb === undefined) {
    return ret(qemu, null, [rtasReturn(call, 'PARAM_ERROR')]);
  }
  if (frame.at === 'begin')
    return callFunction(qemu, { ...frame, at: 'reset' }, phbDmaReset(phb.properties.index));
  const logged = traced({ event: 'spapr_iommu_ddw_reset', buid: phb.buid, cfgaddr: call.args[0] ?? 0 });
  return ret(qemu, null, [logged, rtasReturn(call, returned(resumed) ? 'HW_ERROR' : 'SUCCESS')]);
}
