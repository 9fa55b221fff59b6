import { type HGetTce, hcallNumber } from '@spapr-dma/protocol';
import { tceAt } from '@spapr-dma/tce-table';
import { hcallReturn, type Outcome, traced } from './sent.js';
import { type QemuState, tableOf } from './state.js';
import { pageMaskOf, pageShiftOf, tceIndexAt } from './tce-index.js';

/**
 * H_GET_TCE in QEMU: returns the stored value, or H_PARAMETER and leaves r4 alone.
 * @see [QEMU] hw/ppc/spapr_iommu.c: h_get_tce
 */
export function hGetTce(qemu: QemuState, call: HGetTce): Outcome {
  const table = tableOf(qemu, call.liobn);
  const ioba = table === undefined ? call.ioba : call.ioba & pageMaskOf(pageShiftOf(table));
  const index = table?.mode === 'enabled' ? tceIndexAt(table, ioba) : undefined;
  const found = table?.mode === 'enabled' && index !== undefined ? tceAt(table.view, index) : null;
  const status = found === null ? 'H_PARAMETER' : 'H_SUCCESS';
  return {
    qemu,
    sent: [
      traced({
        event: 'spapr_iommu_get',
        liobn: call.liobn,
        ioba,
        ret: hcallNumber(status),
        tce: found ?? 0n,
      }),
      hcallReturn(call, status, found),
    ],
  };
}
