import { type HStuffTce, hcallNumber, tce as tceValue } from '@spapr-dma/protocol';
import { withFill } from '@spapr-dma/tce-table';
import { notifiesOf } from './notify.js';
import { cost, hcallReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type QemuState, type SpaprTceTable, tableOf, withTable } from './state.js';
import {
  pageBytesOf,
  pageMaskOf,
  pageShiftOf,
  pagesFrom,
  ringOf,
  runsFrom,
  tceIndexAt,
} from './tce-index.js';

/** Refused before anything is written and before anything is logged. */
const refusedEarly = (table: SpaprTceTable, npages: bigint): boolean =>
  npages > (table.mode === 'enabled' ? BigInt(table.nbTable) : 0n);

/**
 * H_STUFF_TCE in QEMU: writes entry by entry and stops at the window's end, where what was written stays.
 * 0 pages are refused, and so are more pages than the table has; permissions in the value are allowed.
 * @see [QEMU] hw/ppc/spapr_iommu.c: h_stuff_tce
 */
export function hStuffTce(qemu: QemuState, call: HStuffTce): Outcome {
  const table = tableOf(qemu, call.liobn);
  if (table === undefined || refusedEarly(table, call.npages)) {
    return { qemu, sent: [hcallReturn(call, 'H_PARAMETER')] };
  }
  const ioba = call.ioba & pageMaskOf(pageShiftOf(table));
  if (table.mode !== 'enabled') return answer(qemu, call, ioba, false, []);

  const first = tceIndexAt(table, ioba);
  const npages = Number(call.npages);
  const written = first === undefined ? 0 : pagesFrom(table, first, npages);
  const complete = npages > 0 && written === npages;
  const stopped = BigInt.asUintN(64, ioba + BigInt(written) * pageBytesOf(table.pageShift));
  if (first === undefined || written === 0) return answer(qemu, call, stopped, complete, []);
  // Going round once writes what going round often would: the value is the same.
  const runs = runsFrom(table, first, Math.min(npages, ringOf(table)));
  const value = tceValue(call.tceValue);
  const view = runs.reduce((filled, run) => withFill(filled, run.first, run.count, value), table.view);
  const told = runs.flatMap((run) =>
    notifiesOf(table, run.first, table.needVfio ? new Array<bigint>(run.count).fill(value) : []),
  );
  return answer(withTable(qemu, { ...table, view }), call, stopped, complete, [
    ...told,
    cost('table-write', written),
  ]);
}

/** The line names the address after the loop: the end, or the first entry that could not be written. */
function answer(
  qemu: QemuState,
  call: HStuffTce,
  stopped: bigint,
  complete: boolean,
  before: readonly QemuSent[],
): Outcome {
  const status = complete ? 'H_SUCCESS' : 'H_PARAMETER';
  const line = traced({
    event: 'spapr_iommu_stuff',
    liobn: call.liobn,
    ioba: stopped,
    tcevalue: call.tceValue,
    npages: call.npages,
    ret: hcallNumber(status),
  });
  return { qemu, sent: [...before, line, hcallReturn(call, status)] };
}
