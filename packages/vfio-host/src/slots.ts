import {
  type HardwareRun,
  type TableAccessReturn,
  tceCount,
  tceIndex,
  type UserspaceRun,
} from '@spapr-dma/protocol';
import type { Span } from './frames.js';
import { unuseRun } from './mm-iommu.js';
import type { MmId } from './objects.js';
import { ran, type Said } from './said.js';
import type { VfioHost } from './state.js';

/** Entries that the hardware would have used; one with an address and no rights is none. */
export const validRuns = ({ old }: TableAccessReturn): readonly HardwareRun[] =>
  old.filter(({ perm }) => perm !== 0);

export const countOf = (runs: readonly { readonly count: number }[]): number =>
  runs.reduce((sum, { count }) => sum + count, 0);

/** From the first of the entries to the last. */
export function spanOf(runs: readonly HardwareRun[]): Span {
  const first = runs[0]!;
  const last = runs.at(-1)!;
  return { index: first.index, count: tceCount(last.index + last.count - first.index) };
}

const spanBetween = (from: number, to: number): Span => ({
  index: tceIndex(from),
  count: tceCount(to - from),
});

/** What of the slots stands beside entries that were in use. */
function slotsOf(old: readonly HardwareRun[], slots: readonly UserspaceRun[], page: bigint): UserspaceRun[] {
  const found: UserspaceRun[] = [];
  let at = 0;
  for (const entries of old) {
    const end = entries.index + entries.count;
    while (at < slots.length && slots[at]!.index + slots[at]!.count <= entries.index) at += 1;
    for (let i = at; i < slots.length && slots[i]!.index < end; i += 1) {
      const slot = slots[i]!;
      const from = Math.max(entries.index, slot.index);
      const to = Math.min(end, slot.index + slot.count);
      const ua = (slot.ua + BigInt(from - slot.index) * page) as UserspaceRun['ua'];
      if (to > from) found.push({ ...spanBetween(from, to), ua });
    }
  }
  return found;
}

/** Neighbouring runs as one. */
function joinedSpans(runs: readonly Span[]): readonly Span[] {
  const spans: Span[] = [];
  for (const { index, count } of runs) {
    const last = spans.at(-1);
    if (last !== undefined && last.index + last.count === index) {
      spans[spans.length - 1] = spanBetween(last.index, index + count);
    } else spans.push({ index, count });
  }
  return spans;
}

/** After slots of entries that were in use have been read: those are counted off, and which are to be emptied. */
export interface Unused {
  readonly host: VfioHost;
  readonly said: readonly Said[];
  readonly slots: readonly Span[];
}

/**
 * Counts off the entries that were in use, by what their slots say.
 *
 * Abstraction: a run of slots in which nothing else stands is emptied in one access.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_unuse_page_v2
 */
export function unuse(
  start: VfioHost,
  mm: MmId | null,
  pageShift: Parameters<typeof unuseRun>[3],
  old: readonly HardwareRun[],
  slots: readonly UserspaceRun[],
): Unused {
  const theirs = slotsOf(old, slots, 1n << BigInt(pageShift));
  const host = theirs.reduce((next, run) => unuseRun(next, mm, run, pageShift), start);
  const said = [ran('tce_iommu_unuse_page_v2', { count: countOf(old) })];
  const first = theirs[0];
  const last = theirs.at(-1);
  if (first === undefined || last === undefined) return { host, said, slots: [] };
  const onlyTheirs = countOf(theirs) === countOf(slots);
  return {
    host,
    said,
    slots: onlyTheirs ? [spanBetween(first.index, last.index + last.count)] : joinedSpans(theirs),
  };
}
