import {
  type HcallCode,
  type HPutTceIndirect,
  hcallNumber,
  INDIRECT_LIST_BYTES,
  INDIRECT_TCES_MAX,
  type TceIndex,
  tce as tceValue,
} from '@spapr-dma/protocol';
import { withTces } from '@spapr-dma/tce-table';
import type { HPutTceIndirectFrame } from './frames-qemu.js';
import { notifiesOf } from './notify.js';
import { entryAt, putStatus, putTceFrame } from './put-tce.js';
import { hcallReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type EnabledTable, type QemuState, type SpaprTceTable, tableOf, withTable } from './state.js';
import { call as callFunction, type Resumption, ret, type Step } from './steps.js';
import { pageMaskOf, pageShiftOf, runsFrom, tceIndexAt } from './tce-index.js';
import { noteOwnPut } from './vfio-hooks.js';

/** Refused before the list is read and before anything is logged. */
const refusedEarly = ({ npages, tceList }: HPutTceIndirect): boolean =>
  npages > BigInt(INDIRECT_TCES_MAX) || tceList % INDIRECT_LIST_BYTES !== 0n;

/** What stands at place `at` of the list; memory behind it, and where there is none, reads as 0. */
const listed = (call: HPutTceIndirect, at: number): bigint => call.tces[at] ?? 0n;

/** The first entry that a call means, where there is one. */
function firstOf(table: SpaprTceTable, { ioba }: HPutTceIndirect): TceIndex | undefined {
  if (table.mode !== 'enabled') return undefined;
  return tceIndexAt(table, ioba & pageMaskOf(pageShiftOf(table)));
}

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
  const first = firstOf(table, call);
  const runs = table.mode === 'enabled' && first !== undefined ? runsFrom(table, first, npages) : [];
  if (table.mode !== 'enabled' || runs.length === 0) return { qemu, sent: answer(call, 0) };

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
  const stored = notedPuts(withTable(qemu, { ...table, view }), table, call);
  return { qemu: stored, sent: [...told, ...answer(call, written)] };
}

/** One entry with permissions is enough to be noted. */
const notedPuts = (qemu: QemuState, { liobn }: EnabledTable, { tces }: HPutTceIndirect): QemuState =>
  noteOwnPut(qemu, liobn, tces.find((value) => (value & 3n) !== 0n) ?? 0n);

/** The same where the view is KVM's, or VFIO listens: an entry is written and told of, then the next one. */
export function hPutTceIndirectLong(qemu: QemuState, frame: HPutTceIndirectFrame, resumed: Resumption): Step {
  const { call } = frame;
  const table = tableOf(qemu, call.liobn);
  if (table === undefined || refusedEarly(call)) {
    return ret(qemu, null, [hcallReturn(call, 'H_PARAMETER')]);
  }
  const status = frame.at === 'put' ? putStatus(resumed) : 'H_SUCCESS';
  if (status !== 'H_SUCCESS') return ret(qemu, null, answer(call, frame.done, status));
  const done = frame.at === 'put' ? frame.done + 1 : 0;
  const index = done < Number(call.npages) ? nextEntry(table, call, done) : undefined;
  if (table.mode !== 'enabled' || index === undefined) return ret(qemu, null, answer(call, done));
  return callFunction(qemu, { ...frame, at: 'put', done }, putTceFrame(table, index, listed(call, done)));
}

function nextEntry(table: SpaprTceTable, call: HPutTceIndirect, done: number): TceIndex | undefined {
  const first = firstOf(table, call);
  return first === undefined ? undefined : entryAt(table as EnabledTable, first, done);
}

/**
 * The line shows the last entry that was done, beside the last TCE that was read: the failing one on failure.
 * `failing` is what an entry was refused with; the end of the window is H_PARAMETER.
 */
function answer(
  call: HPutTceIndirect,
  written: number,
  failing: HcallCode = 'H_PARAMETER',
): readonly QemuSent[] {
  const npages = Number(call.npages);
  const complete = npages > 0 && written === npages;
  const status = complete ? 'H_SUCCESS' : failing;
  const line = traced({
    event: 'spapr_iommu_indirect',
    liobn: call.liobn,
    ioba: call.ioba,
    tcelist: call.tceList,
    iobaN: Math.max(written - 1, 0),
    tceN: npages === 0 ? 0n : listed(call, complete ? written - 1 : written),
    ret: hcallNumber(status),
  });
  return [line, hcallReturn(call, status)];
}
