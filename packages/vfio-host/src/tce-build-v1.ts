import { type Hpa, tceCount, tceIndex, type Ua } from '@spapr-dma/protocol';
import { isError, type Rc } from './answers.js';
import type { BuildV1Frame } from './frames.js';
import { endOf, pieceAt } from './memory.js';
import { costs, type Said } from './said.js';
import { countOf, validRuns } from './slots.js';
import { mmOf, type VfioHost } from './state.js';
import { access, accessReply, call, ret, type Step, type StepFunction } from './steps.js';
import { clearFrame } from './tce-clear.js';
import { pinned, unpinned } from './v1-pins.js';

const uaOf = ({ ua, done, facts }: BuildV1Frame): Ua =>
  (ua + (BigInt(done) << BigInt(facts.pageShift))) as Ua;

/** All is written, or as much as could be: what was written before an error is cleared. */
function finish(host: VfioHost, frame: BuildV1Frame, rc: Rc, said: readonly Said[] = []): Step {
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

/** The next pages are pinned, as far as they lie in one piece, and written. */
function next(host: VfioHost, frame: BuildV1Frame, said: readonly Said[] = []): Step {
  const { facts, span, done, perm } = frame;
  const left = span.count - done;
  if (left === 0) return finish(host, frame, 0, said);
  const ua = uaOf(frame);
  // Pages are pinned for writing, whatever the device may do with them.
  const vma = pieceAt(mmOf(host, frame.mm)?.vmas ?? [], ua);
  if (vma === undefined || vma.access !== 'read-write') return finish(host, frame, 'EFAULT', said);
  if (vma.pageShift < facts.pageShift) {
    const leaks = host.config.switches.containedUnpin === 'unfixed';
    return finish(leaks ? pinned(host, frame.mm, 1) : host, frame, 'EPERM', [...said, ...costs('pin', 1)]);
  }
  const page = 1n << BigInt(facts.pageShift);
  const begun = Number((endOf(vma) - ua + page - 1n) >> BigInt(facts.pageShift));
  const count = Math.min(left, begun, host.config.entriesAtOnce);
  return access(
    pinned(host, frame.mm, count),
    { ...frame, at: 'exchanging', count, rc: 0 },
    {
      type: 'tce_xchg',
      table: facts.table,
      index: tceIndex(span.index + done),
      count: tceCount(count),
      hpa: (vma.hpa + (ua - vma.ua)) as Hpa,
      perm,
    },
    [...said, ...costs('pin', count)],
  );
}

/**
 * Pins pages and writes entries for them, one after the other. EFAULT where a page cannot be pinned for writing,
 * EPERM where it is smaller than the IOMMU's, ENOMEM where a level of the table cannot be allocated; what was
 * written is then cleared.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_build, tce_iommu_use_page
 */
export const tceIommuBuild: StepFunction<BuildV1Frame> = (host, frame, resumed) => {
  switch (frame.at) {
    case 'entered':
      return next(host, frame);
    case 'exchanging': {
      const reply = accessReply(resumed);
      const done = reply.ok ? frame.count : Math.min(frame.count, reply.done);
      const goes = frame.count - done + countOf(validRuns(reply));
      const unpin = goes === 0 ? host : unpinned(host, frame.mm, goes);
      const going = { ...frame, done: frame.done + done };
      const said = costs('map', done);
      return reply.ok ? next(unpin, going, said) : finish(unpin, going, 'ENOMEM', said);
    }
    case 'clearing':
    case 'killing':
      return ret(host, frame.rc);
  }
};
