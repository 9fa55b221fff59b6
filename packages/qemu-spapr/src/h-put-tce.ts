import { type HPutTce, hcallNumber, tce as tceValue } from '@spapr-dma/protocol';
import { withTce } from '@spapr-dma/tce-table';
import { notifiesOf } from './notify.js';
import { hcallReturn, type Outcome, traced } from './sent.js';
import { type QemuState, tableOf, withTable } from './state.js';
import { pageMaskOf, pageShiftOf, tceIndexAt } from './tce-index.js';

/**
 * H_PUT_TCE in QEMU: the address is rounded down to its page, the value is stored unread.
 * @see [QEMU] hw/ppc/spapr_iommu.c: h_put_tce
 */
export function hPutTce(qemu: QemuState, call: HPutTce): Outcome {
  const table = tableOf(qemu, call.liobn);
  const ioba = table === undefined ? call.ioba : call.ioba & pageMaskOf(pageShiftOf(table));
  const index = table?.mode === 'enabled' ? tceIndexAt(table, ioba) : undefined;
  const status = index === undefined ? 'H_PARAMETER' : 'H_SUCCESS';
  const line = traced({
    event: 'spapr_iommu_put',
    liobn: call.liobn,
    ioba,
    tce: call.tce,
    ret: hcallNumber(status),
  });
  if (table?.mode !== 'enabled' || index === undefined)
    return { qemu, sent: [line, hcallReturn(call, status)] };
  return {
    qemu: withTable(qemu, { ...table, view: withTce(table.view, index, tceValue(call.tce)) }),
    sent: [...notifiesOf(table, index, [call.tce]), line, hcallReturn(call, status)],
  };
}
