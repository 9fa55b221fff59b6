import {
  type Tce,
  type TceIndex,
  tceCount,
  tceIndex,
  type ViewAccess,
  type ViewReturn,
  type ViewRun,
} from '@spapr-dma/protocol';
import { forEachRun, type TceTable, tceAt, withFill } from '@spapr-dma/tce-table';
import { type KvmState, presentTable, withTable } from './state.js';
import { withPages } from './view-pages.js';

/** Whether there is a view to access. */
export const hasView = (kvm: KvmState, { liobn }: ViewAccess): boolean =>
  presentTable(kvm, BigInt(liobn)) !== undefined;

/** A view after QEMU's access through its mapping, and what QEMU is told. */
export interface Accessed {
  readonly kvm: KvmState;
  readonly answer: Pick<ViewReturn, 'tce' | 'runs' | 'faults'>;
}

/**
 * QEMU reads or writes the view it has mapped. Whatever it touches is allocated, by reading as by writing.
 *
 * Abstraction: there is always memory for such a page; QEMU would get SIGBUS otherwise.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_spapr_tce_fault
 */
export function accessView(kvm: KvmState, access: ViewAccess): Accessed {
  const table = presentTable(kvm, BigInt(access.liobn))!;
  if (access.type === 'view_bulk_load') {
    const touched = access.presentOnly ? { table, faults: 0 } : withPages(kvm, table, 0, table.size);
    const answer = { tce: null, runs: viewRuns(table.view), faults: touched.faults };
    return { kvm: touched.faults > 0 ? withTable(kvm, touched.table) : kvm, answer };
  }
  const count = access.type === 'view_store' ? access.count : 1;
  const { table: touched, faults } = withPages(kvm, table, access.index, count);
  if (access.type === 'view_load') {
    const answer = { tce: tceAt(table.view, access.index), runs: [], faults };
    return { kvm: faults > 0 ? withTable(kvm, touched) : kvm, answer };
  }
  const view = withFill(touched.view, access.index, tceCount(count), access.tce as Tce);
  return { kvm: withTable(kvm, { ...touched, view }), answer: { tce: null, runs: [], faults } };
}

/** What a view holds, as runs of entries that differ by the same amount from one to the next. */
export function viewRuns(view: TceTable): readonly ViewRun[] {
  const runs: ViewRun[] = [];
  let run: { index: TceIndex; count: number; tce: bigint; stride: bigint } | null = null;
  forEachRun(view, (first, count, high, low) => {
    const tce = (BigInt(high) << 32n) | BigInt(low);
    if (run !== null && count === 1 && first === run.index + run.count) {
      if (run.count === 1) {
        run = { ...run, count: 2, stride: tce - run.tce };
        return;
      }
      if (run.stride !== 0n && tce === run.tce + BigInt(run.count) * run.stride) {
        run = { ...run, count: run.count + 1 };
        return;
      }
    }
    if (run !== null) runs.push(run);
    run = { index: tceIndex(first), count, tce, stride: 0n };
  });
  if (run !== null) runs.push(run);
  return runs;
}
