import { type Hpa, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { ClearFrame } from './frames.js';
import { costs, ran, type Said } from './said.js';
import { countOf, spanOf, unuse, validRuns } from './slots.js';
import { tceOf, type VfioHost } from './state.js';
import { access, accessReply, after, ret, type Step, type StepFunction } from './steps.js';
import { unpinned } from './v1-pins.js';

/** A clear of entries of a table that a container has. */
export const clearFrame = (
  { container, mm, facts }: Pick<ClearFrame, 'container' | 'mm' | 'facts'>,
  span: ClearFrame['span'],
): ClearFrame => ({
  fn: 'tce_iommu_clear',
  at: 'entered',
  container,
  mm,
  facts,
  span,
  next: span.index,
  old: [],
  slots: [],
});
/** A clear of all entries that the window has. */
export const clearWhole = (of: Pick<ClearFrame, 'container' | 'mm' | 'facts'>): ClearFrame =>
  clearFrame(of, { index: tceIndex(0), count: of.facts.size });

/**
 * How many entries the next exchange covers.
 *
 * Abstraction: entries that nobody maps in a machine of minimal size are cleared in one access.
 */
function nowOf({ config }: VfioHost, { span, next }: ClearFrame): number {
  const left = span.index + span.count - next;
  return next < config.coarseFrom ? Math.min(config.entriesAtOnce, left) : left;
}

/** The next entries are exchanged for nothing, or the range is done and killed. */
function exchange(host: VfioHost, frame: ClearFrame, said: readonly Said[] = []): Step {
  const { facts, span, next } = frame;
  const end = span.index + span.count;
  if (next >= end) {
    return access(
      host,
      { ...frame, at: 'killing', old: [], slots: [] },
      { type: 'tce_kill', table: facts.table, index: span.index, pages: span.count },
      said,
    );
  }
  const count = tceCount(nowOf(host, frame));
  return access(
    host,
    { ...frame, at: 'exchanging', old: [], slots: [] },
    { type: 'tce_xchg', table: facts.table, index: tceIndex(next), count, hpa: hpa0, perm: 0 },
    said,
  );
}
const hpa0 = 0n as Hpa;

/** Slots of entries that were in use are emptied, one run after the other. */
function forget(host: VfioHost, frame: ClearFrame, said: readonly Said[] = []): Step {
  const [span, ...slots] = frame.slots;
  if (span === undefined) return exchange(host, frame, said);
  return access(
    host,
    { ...frame, at: 'forgettingSlot', slots },
    { type: 'userspace_slot_write', table: frame.facts.table, ...span, ua: null },
    said,
  );
}

/**
 * Clears entries of a table one after the other, gives back what they held, and tells the PHB once at the end.
 * Entries that cannot be exchanged are passed over. Always 0.
 *
 * Abstraction: clearing fails only where the table is gone under it (B-47), and then for all entries alike.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_clear
 */
export const tceIommuClear: StepFunction<ClearFrame> = (host, frame, resumed) => {
  switch (frame.at) {
    case 'entered':
      return exchange(host, frame, [ran('tce_iommu_clear')]);
    case 'exchanging': {
      const reply = accessReply(resumed);
      const passed = nowOf(host, frame);
      const sparse = host.config.switches.sparseClear === 'fixed' && frame.facts.levels > 1;
      const said = costs('clear', sparse ? Math.min(passed, reply.walked ?? passed) : passed);
      const old = validRuns(reply);
      const next: ClearFrame = { ...frame, next: frame.next + passed };
      if (old.length === 0) return exchange(host, next, said);
      if (tceOf(host, frame.container)?.version === 'v1') {
        return after(said, exchange(unpinned(host, frame.mm, countOf(old)), next));
      }
      const slots = {
        type: 'userspace_slot_read',
        table: frame.facts.table,
        ...spanOf(old),
        alloc: false,
      } as const;
      return access(host, { ...next, at: 'readingSlot', old }, slots, said);
    }
    case 'readingSlot': {
      const { slots } = accessReply(resumed);
      const unused = unuse(host, frame.mm, frame.facts.pageShift, frame.old, slots);
      return forget(unused.host, { ...frame, slots: unused.slots }, unused.said);
    }
    case 'forgettingSlot':
      return forget(host, frame);
    case 'killing':
      return ret(host);
  }
};
