import type { TceIndex, ViewRun } from '@spapr-dma/protocol';

/** One bit of the bitmap stands for this much of a window, as a shift: 256 MiB. */
const STRETCH_SHIFT = 28;

/** Is there an entry with permissions among these? A run's entries have the same ones, its stride is of whole pages. */
export const isMarked = ({ tce }: ViewRun): boolean => (tce & 3n) !== 0n;

/**
 * The stretches of a window that hold something, as runs of entries: what a bitmap of one bit for each 256 MiB would
 * tell QEMU to look at.
 * @param seen the entries that are not 0, by index
 */
export function markedRuns(
  seen: readonly ViewRun[],
  nbTable: number,
  pageShift: number,
): readonly { readonly index: TceIndex; readonly count: number }[] {
  const perStretch = 2 ** Math.max(0, STRETCH_SHIFT - (pageShift & 63));
  const runs: { index: TceIndex; count: number }[] = [];
  for (const { index, count } of seen) {
    const first = Math.floor(index / perStretch) * perStretch;
    const end = Math.min(nbTable, Math.ceil((index + count) / perStretch) * perStretch);
    const last = runs.at(-1);
    const from = last === undefined ? first : Math.max(first, last.index + last.count);
    if (from < end) runs.push({ index: from as TceIndex, count: end - from });
  }
  return runs;
}
