import { tce, tceCount, tceIndex, unreachable, type ViewRun } from '@spapr-dma/protocol';
import { forEachRun, type TceTable, withFill } from '@spapr-dma/tce-table';
import type { EntryRuns, ReadViewFrame, WriteViewFrame } from './frames-qemu.js';
import { type EnabledTable, type QemuState, tableOf, withTable } from './state.js';
import { goto, type Resumption, ret, type Step, viewAccess, viewResult } from './steps.js';

/** Is the guest view KVM's? Then QEMU reads and writes it by messages, one access each. */
export const isInKvm = (table: EnabledTable): boolean => table.fd >= 0;

/** The window that a function works on, which nobody can take away while the big lock is held. */
export function windowOf(qemu: QemuState, liobn: number): EnabledTable {
  const table = tableOf(qemu, BigInt(liobn));
  return table?.mode === 'enabled' ? table : unreachable(`0x${liobn.toString(16)} has no window`);
}

/** The entries of a view as runs. */
export function runsOf(view: TceTable): EntryRuns {
  const runs: [number, number, bigint][] = [];
  forEachRun(view, (first, count, high, low) => {
    runs.push([first, count, (BigInt(high) << 32n) | BigInt(low)]);
  });
  return runs;
}

/** A view with further runs stored. */
export const withRuns = (view: TceTable, runs: EntryRuns): TceTable =>
  runs.reduce(
    (filled, [first, count, value]) => withFill(filled, tceIndex(first), tceCount(count), tce(value)),
    view,
  );

/** A run more, joined to the last one where it only continues it. */
export function joinedRun(runs: EntryRuns, index: number, count: number, value: bigint): EntryRuns {
  if (value === 0n || count === 0) return runs;
  const last = runs.at(-1);
  if (last === undefined || last[2] !== value || last[0] + last[1] !== index) {
    return [...runs, [index, count, value]];
  }
  return [...runs.slice(0, -1), [last[0], last[1] + count, value]];
}

/** Runs of equal entries, of runs whose addresses may ascend. */
const flattened = (runs: readonly ViewRun[]): EntryRuns => {
  const flat: [number, number, bigint][] = [];
  for (const { index, count, tce: value, stride } of runs) {
    if (stride === 0n) flat.push([index, count, value]);
    else for (let at = 0; at < count; at++) flat.push([index + at, 1, value + BigInt(at) * stride]);
  }
  return flat.reduce<EntryRuns>(
    (joined, [index, count, value]) => joinedRun(joined, index, count, value),
    [],
  );
};

/**
 * Reads a whole view: at once, or entry by entry where others may come in between.
 *
 * Abstraction: where QEMU's memcpy and its replay read entry after entry, one message hands over a version of all.
 */
export function readView(qemu: QemuState, frame: ReadViewFrame, resumed: Resumption): Step {
  const table = windowOf(qemu, frame.liobn);
  const { liobn } = frame;
  switch (frame.at) {
    case 'begin':
      if (!frame.fromKvm && !isInKvm(table)) return ret(qemu, runsOf(table.view));
      if (qemu.config.entriesAtOnce >= table.nbTable) {
        return viewAccess(qemu, { ...frame, at: 'loadingView' }, { type: 'view_bulk_load', liobn });
      }
      return viewAccess(
        qemu,
        { ...frame, at: 'loadingEntry' },
        { type: 'view_load', liobn, index: tceIndex(frame.index) },
      );
    case 'loadingView':
      return ret(qemu, flattened(viewResult(resumed).runs));
    case 'loadingEntry': {
      const runs = joinedRun(frame.runs, frame.index, 1, viewResult(resumed).tce ?? 0n);
      const index = frame.index + 1;
      return index < table.nbTable ? goto(qemu, { ...frame, at: 'begin', index, runs }) : ret(qemu, runs);
    }
    default:
      return unreachable(`read_view at ${frame.at satisfies never}`);
  }
}

/** Stores runs of entries: at once where the view is QEMU's, else as many entries as one access may cover. */
export function writeView(qemu: QemuState, frame: WriteViewFrame): Step {
  const table = windowOf(qemu, frame.liobn);
  if (!isInKvm(table)) {
    return ret(withTable(qemu, { ...table, view: withRuns(table.view, frame.runs) }));
  }
  const [run, ...rest] = frame.runs;
  if (run === undefined) return ret(qemu);
  const [first, count, value] = run;
  const batch = Math.min(count, qemu.config.entriesAtOnce);
  const left: EntryRuns = batch < count ? [[first + batch, count - batch, value], ...rest] : rest;
  return viewAccess(
    qemu,
    { ...frame, at: 'storingEntries', runs: left },
    { type: 'view_store', liobn: frame.liobn, index: tceIndex(first), count: batch, tce: value },
  );
}

/** All entries of a window as one run of a value. */
export const wholeOf = ({ nbTable }: EnabledTable, value: bigint): EntryRuns => [[0, nbTable, value]];
