import type { IbmResetPeDmaWindow } from '@spapr-dma/protocol';
import { ddwPhbOf } from './ddw-common.js';
import { phbDmaReset } from './phb-dma-reset.js';
import type { Aborting } from './qemu-abort.js';
import { type Outcome, refused, rtasReturn, traced } from './sent.js';
import type { QemuState } from './state.js';

/**
 * Gives a PHB back its default window and takes every other. Linux' form with 4 arguments, for limited
 * addressing, is refused.
 * @see [QEMU] hw/ppc/spapr_rtas_ddw.c: rtas_ibm_reset_pe_dma_window
 */
export function ibmResetPeDmaWindow(qemu: QemuState, call: IbmResetPeDmaWindow): Outcome & Aborting {
  const phb = ddwPhbOf(qemu, call);
  if (call.args.length !== 3 || call.nret !== 1 || phb === undefined) {
    return { ...refused(qemu, call, 'PARAM_ERROR'), aborted: null };
  }
  const reset = phbDmaReset(qemu, phb);
  if (reset.aborted !== null) return reset;
  const logged = traced({ event: 'spapr_iommu_ddw_reset', buid: phb.buid, cfgaddr: call.args[0] ?? 0 });
  return { ...reset, sent: [...reset.sent, logged, rtasReturn(call, 'SUCCESS')] };
}
