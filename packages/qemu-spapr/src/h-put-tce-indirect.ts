import {
  type HPutTceIndirect,
  hcallNumber,
  INDIRECT_LIST_BYTES,
  INDIRECT_TCES_MAX,
  tce as tceValue,
} from '@spapr-dma/protocol';
import { withTces } from '@spapr-dma/tce-table';
import { notifiesOf } from './notify.js';
import { hcallReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type QemuState, tableOf, withTable } from './state.js';
import { pageMaskOf, pageShiftOf, runsFrom, tceIndexAt } from './tce-index.js';

/** Refused before the list is read and before anything is logged. */
const refusedEarly = ({ npages, tceList }: HPutTceIndirect): boolean =>
  npages > BigInt(INDIRECT_TCES_MAX) || tceList % INDIRECT_LIST_BYTES !== 0n;

/** What stands at place `at` of the list; memory behind it, and where there is none, reads as 0. */
const listed = (call: HPutTceIndirect, at: number): bigint => call.tces[at] ?? 0n;

/**
 * H_PUT_TCE_INDIRECT in QEMU: applies the list entry by entry, without looking ahead and without undoing;
 * what was written before the window's end stays. 0 pages are refused.
 * @see [QEMU] hw/ppc/spapr_iommu.c: h_put_tce_indirect
 */
export function hPutTceIndirect(qemu: QemuState, call: HPutTceIndirect): Outcome {
  const table = tableOf(qemu, call.liobn);
  if (table === undefined || refusedEarly(call)) {
    return { qemu, sent: [hcallReturn(call, 'H_PARAMETER')] };
  }
  const npages = Number(call.npages);
  const ioba = call.ioba & pageMaskOf(pageShiftOf(table));
  const first = table.mode === 'enabled' ? tceIndexAt(table, ioba) : undefined;
  const runs = table.mode === 'enabled' && first !== undefined ? runsFrom(table, first, npages) : [];
  if (table.mode !== 'enabled' || runs.length === 0) return answer(qemu, call, 0, []);

  let written = 0;
  let view = table.view;
  const told: QemuSent[] = [];
  for (const run of runs) {
    const from = written;
    const tces = Array.from({ length: run.count }, (_, at) => tceValue(listed(call, from + at)));
    view = withTces(view, run.first, tces);
    told.push(...notifiesOf(table, run.first, tces));
    written += run.count;
  }
  return answer(withTable(qemu, { ...table, view }), call, written, told);
}

/** The line shows the last entry that was done, beside the last TCE that was read: the failing one on failure. */
function answer(qemu: QemuState, call: HPutTceIndirect, written: number, told: readonly QemuSent[]): Outcome {
  const npages = Number(call.npages);
  const complete = npages > 0 && written === npages;
  const status = complete ? 'H_SUCCESS' : 'H_PARAMETER';
  const line = traced({
    event: 'spapr_iommu_indirect',
    liobn: call.liobn,
    ioba: call.ioba,
    tcelist: call.tceList,
    iobaN: Math.max(written - 1, 0),
    tceN: npages === 0 ? 0n : listed(call, complete ? written - 1 : written),
    ret: hcallNumber(status),
  });
  return { qemu, sent: [...told, line, hcallReturn(call, status)] };
}
