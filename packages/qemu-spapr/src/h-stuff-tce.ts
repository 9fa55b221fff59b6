import {
  type HcallCode,
  type HStuffTce,
  hcallNumber,
  type TceIndex,
  tce as tceValue,
  unreachable,
} from '@spapr-dma/protocol';
import { withFill } from '@spapr-dma/tce-table';
import type { HStuffTceFrame } from './frames-qemu.js';
import { notifiesOf } from './notify.js';
import { entryAt, putStatus, putTceFrame } from './put-tce.js';
import { cost, hcallReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type EnabledTable, type QemuState, type SpaprTceTable, tableOf, withTable } from './state.js';
import { call as callFunction, goto, type Resumption, ret, type Step, viewAccess } from './steps.js';
import {
  pageBytesOf,
  pageMaskOf,
  pageShiftOf,
  pagesFrom,
  ringOf,
  runsFrom,
  tceIndexAt,
} from './tce-index.js';
import { isHeard, noteOwnPut } from './vfio-hooks.js';
import { isInKvm } from './view.js';

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
  if (table.mode !== 'enabled') return { qemu, sent: answer(table, call, 0) };

  const first = firstOf(table, call);
  const npages = Number(call.npages);
  const written = first === undefined ? 0 : pagesFrom(table, first, npages);
  if (first === undefined || written === 0) return { qemu, sent: answer(table, call, written) };
  // Going round once writes what going round often would: the value is the same.
  const runs = runsFrom(table, first, Math.min(npages, ringOf(table)));
  const value = tceValue(call.tceValue);
  const view = runs.reduce((filled, run) => withFill(filled, run.first, run.count, value), table.view);
  const told = runs.flatMap((run) =>
    notifiesOf(table, run.first, table.needVfio ? new Array<bigint>(run.count).fill(value) : []),
  );
  return {
    qemu: noteOwnPut(withTable(qemu, { ...table, view }), table.liobn, call.tceValue),
    sent: [...told, cost('table-write', written), ...answer(table, call, written)],
  };
}

const firstOf = (table: EnabledTable, { ioba }: HStuffTce): TceIndex | undefined =>
  tceIndexAt(table, ioba & pageMaskOf(pageShiftOf(table)));

/**
 * The same where the view is KVM's, or VFIO listens: an entry is written and told of, then the next one. Where
 * nobody listens, one access to KVM's view covers as many entries as may be.
 */
export function hStuffTceLong(qemu: QemuState, frame: HStuffTceFrame, resumed: Resumption): Step {
  const { call } = frame;
  const table = tableOf(qemu, call.liobn);
  if (table === undefined || refusedEarly(table, call.npages)) {
    return ret(qemu, null, [hcallReturn(call, 'H_PARAMETER')]);
  }
  if (frame.at === 'put' && putStatus(resumed) !== 'H_SUCCESS') {
    return over(qemu, table, frame, putStatus(resumed));
  }
  if (frame.at !== 'begin') return goto(qemu, { ...frame, at: 'begin', done: frame.done + frame.batch });
  const left = Number(call.npages) - frame.done;
  const first = table.mode === 'enabled' ? firstOf(table, call) : undefined;
  if (table.mode !== 'enabled' || first === undefined || left === 0) return over(qemu, table, frame);
  const index = entryAt(table, first, frame.done);
  if (index === undefined) return over(qemu, table, frame);
  if (table.needVfio || isHeard(qemu, table.liobn) || !isInKvm(table)) {
    return callFunction(qemu, { ...frame, at: 'put', batch: 1 }, putTceFrame(table, index, call.tceValue));
  }
  const batch = Math.min(left, qemu.config.entriesAtOnce, table.nbTable - index);
  if (batch < 1) return unreachable('a window without room for the entry that it has');
  return viewAccess(
    qemu,
    { ...frame, at: 'storingEntries', batch },
    { type: 'view_store', liobn: table.liobn, index, count: batch, tce: call.tceValue },
  );
}

const over = (
  qemu: QemuState,
  table: SpaprTceTable,
  { call, done }: HStuffTceFrame,
  failing?: HcallCode,
): Step =>
  ret(qemu, null, [...(done > 0 ? [cost('table-write', done)] : []), ...answer(table, call, done, failing)]);

/**
 * The line names the address after the loop: the end, or the first entry that could not be written. `failing` is
 * what that was refused with; the end of the window is H_PARAMETER.
 */
function answer(
  table: SpaprTceTable,
  call: HStuffTce,
  written: number,
  failing: HcallCode = 'H_PARAMETER',
): readonly QemuSent[] {
  const ioba = call.ioba & pageMaskOf(pageShiftOf(table));
  const complete = call.npages > 0n && BigInt(written) === call.npages;
  const status = complete ? 'H_SUCCESS' : failing;
  const line = traced({
    event: 'spapr_iommu_stuff',
    liobn: call.liobn,
    ioba: BigInt.asUintN(64, ioba + BigInt(written) * pageBytesOf(pageShiftOf(table))),
    tcevalue: call.tceValue,
    npages: call.npages,
    ret: hcallNumber(status),
  });
  return [line, hcallReturn(call, status)];
}
