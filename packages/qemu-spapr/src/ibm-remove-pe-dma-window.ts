import { unreachable } from '@spapr-dma/protocol';
import type { RemoveWindowFrame } from './frames-qemu.js';
import { phbDmaReset } from './phb-dma-reset.js';
import { rtasReturn, traced } from './sent.js';
import { phbOfIndex, type QemuState, tableOf, windowsOfPhb } from './state.js';
import { call as callFunction, type Resumption, ret, returned, type Step } from './steps.js';

/**
 * Removes a window by its LIOBN. Where it was the last one, and not the default one, the default window
 * comes back; QEMU asks a flag that outlives the default window (B-31). A VIO LIOBN is refused.
 * @see [QEMU] hw/ppc/spapr_rtas_ddw.c: rtas_ibm_remove_pe_dma_window
 */
export function rtasIbmRemovePeDmaWindow(
  qemu: QemuState,
  frame: RemoveWindowFrame,
  resumed: Resumption,
): Step {
  const { call } = frame;
  const table = tableOf(qemu, BigInt((call.args[0] ?? 0) >>> 0));
  const phb = table?.owner.kind === 'phb' ? phbOfIndex(qemu, table.owner.index) : undefined;
  switch (frame.at) {
    case 'begin': {
      const wellFormed = call.args.length === 1 && call.nret === 1;
      if (!wellFormed || table?.mode !== 'enabled' || !phb?.properties.ddw) {
        return ret(qemu, null, [rtasReturn(call, 'PARAM_ERROR')]);
      }
      const removed = traced({ event: 'spapr_iommu_ddw_remove', liobn: BigInt(table.liobn) });
      return callFunction(
        qemu,
        { ...frame, at: 'disabled', defWin: table.defWin },
        { fn: 'spapr_tce_table_disable', at: 'begin', liobn: table.liobn },
        [removed],
      );
    }
    case 'disabled': {
      const index = phb?.properties.index ?? unreachable('a PHB went while its window did');
      const isLast = windowsOfPhb(qemu, index).length === 0;
      const restores = qemu.config.features.restoresDefaultWindow && isLast && !frame.defWin;
      if (!restores) return ret(qemu, null, [rtasReturn(call, 'SUCCESS')]);
      return callFunction(qemu, { ...frame, at: 'reset' }, phbDmaReset(index));
    }
    case 'reset': {
      const logged = traced({ event: 'spapr_iommu_ddw_reset', buid: phb?.buid ?? 0n, cfgaddr: 0 });
      return ret(qemu, null, [logged, rtasReturn(call, returned(resumed) ? 'HW_ERROR' : 'SUCCESS')]);
    }
    default:
      return unreachable(`rtas_ibm_remove_pe_dma_window at ${frame.at satisfies never}`);
  }
}
