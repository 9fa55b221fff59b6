import { type HGetTce, hcallNumber, type TceIndex } from '@spapr-dma/protocol';
import { tceAt } from '@spapr-dma/tce-table';
import type { HGetTceFrame } from './frames-qemu.js';
import { hcallReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type QemuState, type SpaprTceTable, tableOf } from './state.js';
import { type Resumption, ret, type Step, viewAccess, viewResult } from './steps.js';
import { pageMaskOf, pageShiftOf, tceIndexAt } from './tce-index.js';
import { isInKvm } from './view.js';

const pageOf = (table: SpaprTceTable | undefined, { ioba }: HGetTce): bigint =>
  table === undefined ? ioba : ioba & pageMaskOf(pageShiftOf(table));

const indexOf = (table: SpaprTceTable | undefined, ioba: bigint): TceIndex | undefined =>
  table?.mode === 'enabled' ? tceIndexAt(table, ioba) : undefined;

/** The call's line, and its answer. */
function answer(call: HGetTce, ioba: bigint, found: bigint | null): readonly QemuSent[] {
  const status = found === null ? 'H_PARAMETER' : 'H_SUCCESS';
  return [
    traced({
      event: 'spapr_iommu_get',
      liobn: call.liobn,
      ioba,
      ret: hcallNumber(status),
      tce: found ?? 0n,
    }),
    hcallReturn(call, status, found),
  ];
}

/**
 * H_GET_TCE in QEMU: returns the stored value, or H_PARAMETER and leaves r4 alone.
 * @see [QEMU] hw/ppc/spapr_iommu.c: h_get_tce
 */
export function hGetTce(qemu: QemuState, call: HGetTce): Outcome {
  const table = tableOf(qemu, call.liobn);
  const ioba = pageOf(table, call);
  const index = indexOf(table, ioba);
  const found = table?.mode === 'enabled' && index !== undefined ? tceAt(table.view, index) : null;
  return { qemu, sent: answer(call, ioba, found) };
}

/** The same where the view is KVM's. */
export function hGetTceLong(qemu: QemuState, frame: HGetTceFrame, resumed: Resumption): Step {
  const { call } = frame;
  const table = tableOf(qemu, call.liobn);
  const ioba = pageOf(table, call);
  const index = indexOf(table, ioba);
  if (frame.at === 'loadingEntry') return ret(qemu, null, answer(call, ioba, viewResult(resumed).tce ?? 0n));
  if (table?.mode !== 'enabled' || index === undefined) return ret(qemu, null, answer(call, ioba, null));
  if (!isInKvm(table)) return ret(qemu, null, answer(call, ioba, tceAt(table.view, index)));
  return viewAccess(qemu, { ...frame, at: 'loadingEntry' }, { type: 'view_load', liobn: table.liobn, index });
}
