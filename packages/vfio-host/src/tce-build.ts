import { type Hpa, tceCount, tceIndex, type Ua } from '@spapr-dma/protocol';
import { isError, type Rc } from './answers.js';
import type { BuildFrame } from './frames.js';
import { mappedDec, mappedInc, runAt } from './mm-iommu.js';
import { costs, type Said } from './said.js';
import { countOf, spanOf, unuse, validRuns } from './slots.js';
import type { VfioHost } from './state.js';
import { access, accessReply, call, ret, type Step, type StepFunction } from './steps.js';
import { clearFrame } from './tce-clear.js';

/** The entry that is next, its index and its address. */
const indexOf = (frame: BuildFrame) => tceIndex(frame.span.index + frame.done);
const uaOf = ({ ua, done, facts }: BuildFrame): Ua => (ua + (BigInt(done) << BigInt(facts.pageShift))) as Ua;

/** All is written, or as much as could be: what was written before an error is cleared. */
function finish(host: VfioHost, frame: BuildFrame, rc: Rc, said: readonly Said[] = []): Step {
  if (isError(rc)) {
    const written = { index: frame.span.index, count: tceCount(frame.done) };
    return call(host, { ...frame, at: 'clearing', rc }, clearFrame(frame, written), said);
  }
  const { index, count } = frame.span;
  return access(
    host,
    { ...frame, at: 'killing', rc },
    { type: 'tce_kill', table: frame.facts.table, index, pages: count },
    said,
  );
}

/**
 * The slots of the next entries are looked at, which brings their levels in.
 *
 * Abstraction: the region is looked up as the slots are, and its TCEs are counted when the slots have been
 * read. The kernel does both behind the slots, one right after the other; a region that is released in between
 * is what `mapIncFailRet` is about (B-23).
 */
function next(host: VfioHost, frame: BuildFrame, said: readonly Said[] = []): Step {
  const { span, done, facts, mm } = frame;
  const left = span.count - done;
  if (left === 0) return finish(host, frame, 0, said);
  const run = runAt(host, mm, uaOf(frame), facts.pageShift, Math.min(left, host.config.entriesAtOnce));
  const contained = run !== null && run.backingShift >= facts.pageShift;
  const count = contained ? run.count : 1;
  return access(
    host,
    {
      ...frame,
      at: 'readingSlot',
      count,
      region: run?.region.region ?? null,
      hpa: run?.hpa ?? null,
      rc: run === null ? 'EINVAL' : contained ? 0 : 'EPERM',
      failed: false,
      old: [],
      slots: [],
    },
    {
      type: 'userspace_slot_read',
      table: facts.table,
      index: indexOf(frame),
      count: tceCount(count),
      alloc: true,
    },
    said,
  );
}

/** The TCEs are counted where they will point, and exchanged. */
function exchange(host: VfioHost, frame: BuildFrame): Step {
  const { facts, mm, region, count, hpa, perm } = frame;
  const counted = region === null ? undefined : mappedInc(host, mm, region, count);
  if (counted === undefined) {
    return finish(host, frame, host.config.switches.mapIncFailRet === 'enxio' ? 'ENXIO' : 0);
  }
  return access(
    counted,
    { ...frame, at: 'exchanging' },
    {
      type: 'tce_xchg',
      table: facts.table,
      index: indexOf(frame),
      count: tceCount(count),
      hpa: hpa ?? (0n as Hpa),
      perm,
    },
  );
}

/** Slots of entries that were replaced are emptied; then the new ones are written. */
function forget(host: VfioHost, frame: BuildFrame, said: readonly Said[] = []): Step {
  const [span, ...slots] = frame.slots;
  if (span !== undefined) {
    return access(
      host,
      { ...frame, at: 'forgettingSlot', slots },
      { type: 'userspace_slot_write', table: frame.facts.table, ...span, ua: null },
      said,
    );
  }
  if (frame.count === 0) return frame.failed ? giveBack(host, frame, said) : next(host, frame, said);
  return access(
    host,
    { ...frame, at: 'writingSlot' },
    {
      type: 'userspace_slot_write',
      table: frame.facts.table,
      index: indexOf(frame),
      count: tceCount(frame.count),
      ua: uaOf(frame),
    },
    said,
  );
}

/** An entry that could not be exchanged counts off what its slot names, which is not what was counted (B-67). */
function giveBack(host: VfioHost, frame: BuildFrame, said: readonly Said[] = []): Step {
  if (host.config.switches.failedMapCount === 'fixed') {
    return finish(mappedDec(host, frame.mm, frame.region!, 1), frame, 'ENOMEM', said);
  }
  const at = { index: indexOf(frame), count: tceCount(1) };
  return access(
    host,
    { ...frame, at: 'readingOldSlot', old: [{ ...at, hpa: 0n as Hpa, perm: 0 }] },
    { type: 'userspace_slot_read', table: frame.facts.table, ...at, alloc: false },
    said,
  );
}

/**
 * Writes entries for memory that is registered, one after the other. EINVAL where a page is in no region or is
 * larger than the region's pages; EPERM where it is larger than the page behind it; ENOMEM where a level of the
 * table cannot be allocated. A region that is being released ends the call, with success. After an error what
 * was written is cleared, which does not bring back what stood there before.
 *
 * Abstraction: where a level of the userspace view cannot be allocated the kernel goes on with a null pointer;
 * here the call fails with ENOMEM.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_build_v2
 */
export const tceIommuBuildV2: StepFunction<BuildFrame> = (host, frame, resumed) => {
  const { facts, mm } = frame;
  switch (frame.at) {
    case 'entered':
      return next(host, frame);
    case 'readingSlot': {
      const reply = accessReply(resumed);
      if (isError(frame.rc)) return finish(host, frame, frame.rc);
      if (reply.ok) return exchange(host, frame);
      const count = Math.min(frame.count, reply.done);
      return count === 0 ? finish(host, frame, 'ENOMEM') : exchange(host, { ...frame, count });
    }
    case 'exchanging': {
      const reply = accessReply(resumed);
      const count = reply.ok ? frame.count : Math.min(frame.count, reply.done);
      // Entries behind the one that failed have not been counted.
      const uncounted = frame.count - count - (reply.ok ? 0 : 1);
      const counted = uncounted > 0 ? mappedDec(host, mm, frame.region!, uncounted) : host;
      const old = validRuns(reply);
      const said = costs('map', count);
      const going: BuildFrame = { ...frame, count, failed: !reply.ok, old };
      if (old.length === 0) return forget(counted, going, said);
      return access(
        counted,
        { ...going, at: 'readingOldSlot' },
        { type: 'userspace_slot_read', table: facts.table, ...spanOf(old), alloc: false },
        said,
      );
    }
    case 'readingOldSlot': {
      const { slots } = accessReply(resumed);
      const unused = unuse(host, mm, facts.pageShift, frame.old, slots);
      const givesBack = frame.count === 0 && countOf(frame.old) === 1 && frame.old[0]!.perm === 0;
      if (!givesBack) return forget(unused.host, { ...frame, old: [], slots: unused.slots }, unused.said);
      const [span] = unused.slots;
      if (span === undefined) return finish(unused.host, frame, 'ENOMEM', unused.said);
      return access(
        unused.host,
        { ...frame, at: 'forgettingSlot', failed: false, rc: 'ENOMEM', slots: [] },
        { type: 'userspace_slot_write', table: facts.table, ...span, ua: null },
        unused.said,
      );
    }
    case 'forgettingSlot':
      return isError(frame.rc) ? finish(host, frame, frame.rc) : forget(host, frame);
    case 'writingSlot': {
      const written: BuildFrame = { ...frame, done: frame.done + frame.count, count: 0 };
      return frame.failed ? giveBack(host, written) : next(host, written);
    }
    case 'clearing':
    case 'killing':
      return ret(host, frame.rc);
  }
};
