import type { IbmRemovePeDmaWindow } from '@spapr-dma/protocol';
import { phbDmaReset } from './phb-dma-reset.js';
import type { Aborting } from './qemu-abort.js';
import { type Outcome, refused, rtasReturn, traced } from './sent.js';
import { phbOfIndex, type QemuState, tableOf, windowsOfPhb, withTable } from './state.js';
import { disableTable } from './table-life.js';

/**
 * Removes a window by its LIOBN. Where it was the last one, and not the default one, the default window
 * comes back; QEMU asks a flag that outlives the default window (B-31). A VIO LIOBN is refused.
 * @see [QEMU] hw/ppc/spapr_rtas_ddw.c: rtas_ibm_remove_pe_dma_window
 */
export function ibmRemovePeDmaWindow(qemu: QemuState, call: IbmRemovePeDmaWindow): Outcome & Aborting {
  const [liobn = 0] = call.args;
  const table = tableOf(qemu, BigInt(liobn >>> 0));
  const phb = table?.owner.kind === 'phb' ? phbOfIndex(qemu, table.owner.index) : undefined;
  const wellFormed = call.args.length === 1 && call.nret === 1;
  if (!wellFormed || table?.mode !== 'enabled' || !phb?.properties.ddw) {
    return { ...refused(qemu, call, 'PARAM_ERROR'), aborted: null };
  }
  const removed = traced({ event: 'spapr_iommu_ddw_remove', liobn: BigInt(table.liobn) });
  const without = withTable(qemu, disableTable(qemu, table));
  const isLast = windowsOfPhb(without, phb.properties.index).length === 0;
  const restores = qemu.config.features.restoresDefaultWindow && isLast && !table.defWin;
  if (!restores) return { qemu: without, sent: [removed, rtasReturn(call, 'SUCCESS')], aborted: null };

  const reset = phbDmaReset(without, phb);
  if (reset.aborted !== null) return { ...reset, sent: [removed, ...reset.sent] };
  const logged = traced({ event: 'spapr_iommu_ddw_reset', buid: phb.buid, cfgaddr: 0 });
  return { ...reset, sent: [removed, ...reset.sent, logged, rtasReturn(call, 'SUCCESS')] };
}
