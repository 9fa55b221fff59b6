import { type TceIndex, unreachable, type ViewRun } from '@spapr-dma/protocol';
import { forEachMapped, mappedCount } from '@spapr-dma/tce-table';
import type { ReplayFrame, ReplayRun } from './frames-vfio.js';
import { isMarked, markedRuns } from './replay-stretches.js';
import { cost } from './sent.js';
import { type EnabledTable, type QemuState, tableOf } from './state.js';
import { call, goto, kvmCall, type Resumption, ret, type Step, viewAccess, viewResult } from './steps.js';
import { containerOf } from './vfio-state.js';

const enabledOf = (qemu: QemuState, { liobn }: ReplayFrame): EnabledTable => {
  const table = tableOf(qemu, BigInt(liobn));
  return table?.mode === 'enabled' ? table : unreachable('a window without a view is replayed');
};

const isValid = (tce: bigint): boolean => (tce & 3n) !== 0n;

/** What of QEMU's own view is live, one run for each entry. */
function ownRuns(table: EnabledTable): readonly ViewRun[] {
  const runs: ViewRun[] = [];
  forEachMapped(table.view, (index, high, low) =>
    runs.push({ index, count: 1, tce: (BigInt(high) << 32n) | BigInt(low), stride: 0n }),
  );
  return runs;
}

/** Does the policy leave a window out, without a look at it? */
function skips({ config, vfio }: QemuState, table: EnabledTable): boolean {
  const { replayPolicy } = config.switches;
  // A flag that asks KVM's view is no use to a create: to ask is to look at every entry.
  const knowsNew = replayPolicy !== 'always' && replayPolicy !== 'anyMappingFlag';
  if (knowsNew && table.skippingReplay) return true;
  // QEMU's own puts set the flag; what KVM put is not seen (B-02).
  if (replayPolicy === 'anyMappingFlagBlind') return !vfio.putLiobns.includes(table.liobn);
  // Before the first H_PUT_TCE binds the view to KVM nothing can be mapped.
  return replayPolicy === 'lazyBind' && table.fd < 0 && mappedCount(table.view) === 0;
}

/** May vCPUs run while the whole window is replayed? Only where KVM has the view is there anything to hold them for. */
const holdsVcpus = ({ config: { switches } }: QemuState): boolean =>
  switches.replayVsKvm === 'vcpusPaused' || switches.replayPolicy === 'kvmReplay';

/**
 * Maps for a container that begins to listen what a window already holds; it never unmaps. QEMU looks at every
 * entry, mapped or not, which costs as much as the window is large (B-01, B-52), and which brings in every page of
 * a view in KVM. While it looks and maps, vCPUs go on to change a view in KVM (B-16).
 *
 * `kvmReplay`, `bitmap` and `lazyBind` are proposals that were never built.
 *
 * Abstraction: KVM's own replay is QEMU's with all vCPUs held, without system calls and without the cost of looking,
 * since KVM knows which pages of the view there are; a bitmap of the view is one read of what is there.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_replay
 */
export function spaprTceReplay(qemu: QemuState, frame: ReplayFrame, resumed: Resumption): Step {
  switch (frame.at) {
    case 'begin':
      return beginReplay(qemu, frame);
    case 'pausingVcpus':
      return look(qemu, frame);
    case 'loadingView':
      return looked(qemu, frame, viewResult(resumed).runs);
    case 'nextEntry':
      return nextEntry(qemu, frame);
    case 'pausingForEntry':
      return loadEntry(qemu, frame);
    case 'loadingEntry':
      return notify(qemu, frame, viewResult(resumed).tce ?? 0n);
    case 'mapped':
      return qemu.config.switches.replayVsKvm === 'atomicPerEntry' && enabledOf(qemu, frame).fd >= 0
        ? kvmCall(qemu, { ...frame, at: 'resumingAfterEntry' }, { type: 'resume_all_vcpus' })
        : nextEntry(qemu, advanced(frame));
    case 'resumingAfterEntry':
      return nextEntry(qemu, advanced(frame));
    case 'resumingVcpus':
      return ret(qemu);
    default:
      return unreachable(`spapr_tce_replay at ${frame.at satisfies never}`);
  }
}

function beginReplay(qemu: QemuState, frame: ReplayFrame): Step {
  const table = enabledOf(qemu, frame);
  if (skips(qemu, table)) return ret(qemu);
  if (table.fd < 0) {
    const runs = ownRuns(table);
    const counted =
      qemu.config.switches.replayPolicy === 'anyMappingFlag' && runs.length === 0 ? 0 : table.nbTable;
    return goto(qemu, { ...frame, at: 'nextEntry', runs }, counted > 0 ? [cost('replay', counted)] : []);
  }
  return holdsVcpus(qemu)
    ? kvmCall(qemu, { ...frame, at: 'pausingVcpus' }, { type: 'pause_all_vcpus' })
    : look(qemu, frame);
}

/** Reads the view in one go, or leaves each entry to be read when its turn comes. */
function look(qemu: QemuState, frame: ReplayFrame): Step {
  const { liobn } = frame;
  const { entriesAtOnce, switches } = qemu.config;
  const presentOnly = switches.replayPolicy === 'kvmReplay' || switches.replayPolicy === 'bitmap';
  if (presentOnly || switches.replayPolicy === 'anyMappingFlag' || entriesAtOnce > 1) {
    const request = { type: 'view_bulk_load', liobn, ...(presentOnly ? { presentOnly } : {}) } as const;
    // A bitmap is asked for by a system call; other reads are QEMU's own, or KVM's.
    const sent = switches.replayPolicy === 'bitmap' ? [cost('ioctl', 1)] : [];
    return viewAccess(qemu, { ...frame, at: 'loadingView' }, request, sent);
  }
  const { nbTable } = enabledOf(qemu, frame);
  return nextEntry(qemu, { ...frame, runs: [unread(0, nbTable)] }, nbTable);
}

const unread = (index: number, count: number): ReplayRun => ({
  index: index as TceIndex,
  count,
  tce: null,
  stride: 0n,
});

/** What was read in one go decides what is looked at. */
function looked(qemu: QemuState, frame: ReplayFrame, seen: readonly ViewRun[]): Step {
  const { nbTable, pageShift } = enabledOf(qemu, frame);
  const { entriesAtOnce, switches } = qemu.config;
  const oneByOne = entriesAtOnce === 1;
  switch (switches.replayPolicy) {
    case 'kvmReplay':
      return nextEntry(qemu, { ...frame, runs: seen });
    case 'bitmap': {
      const marked = markedRuns(seen, nbTable, pageShift);
      const scanned = marked.reduce((sum, { count }) => sum + count, 0);
      const runs = oneByOne ? marked.map(({ index, count }) => unread(index, count)) : seen;
      return nextEntry(qemu, { ...frame, runs }, scanned);
    }
    case 'anyMappingFlag':
      if (!seen.some(isMarked)) return nextEntry(qemu, frame, nbTable);
      return nextEntry(qemu, { ...frame, runs: oneByOne ? [unread(0, nbTable)] : seen }, nbTable);
    default:
      return nextEntry(qemu, { ...frame, runs: seen }, nbTable);
  }
}

/** The next entry that is looked at; with none left, vCPUs that were held go on. */
function nextEntry(qemu: QemuState, frame: ReplayFrame, scanned = 0): Step {
  const sent = scanned > 0 ? [cost('replay', scanned)] : [];
  const table = enabledOf(qemu, frame);
  const [run] = frame.runs;
  if (run === undefined) {
    return table.fd >= 0 && holdsVcpus(qemu)
      ? kvmCall(qemu, { ...frame, at: 'resumingVcpus' }, { type: 'resume_all_vcpus' }, sent)
      : ret(qemu, null, sent);
  }
  if (table.fd >= 0 && qemu.config.switches.replayVsKvm === 'atomicPerEntry') {
    return kvmCall(qemu, { ...frame, at: 'pausingForEntry' }, { type: 'pause_all_vcpus' }, sent);
  }
  if (run.tce === null) return loadEntry(qemu, frame, sent);
  return notify(qemu, frame, run.tce + run.stride * BigInt(frame.offset), sent);
}

const indexOf = ({ runs: [run], offset }: ReplayFrame): TceIndex =>
  ((run?.index ?? unreachable('a replay beyond its end')) + offset) as TceIndex;

const loadEntry = (qemu: QemuState, frame: ReplayFrame, sent: Step['sent'] = []): Step =>
  viewAccess(
    qemu,
    { ...frame, at: 'loadingEntry' },
    { type: 'view_load', liobn: frame.liobn, index: indexOf(frame) },
    sent,
  );

/** Maps an entry that was read, where it has permissions. */
function notify(qemu: QemuState, frame: ReplayFrame, tce: bigint, sent: Step['sent'] = []): Step {
  const { containerFd, liobn } = frame;
  const next: ReplayFrame = { ...frame, at: 'mapped' };
  const giommu = containerOf(qemu.vfio, containerFd)?.giommus.find((candidate) => candidate.liobn === liobn);
  if (!isValid(tce) || giommu === undefined) return goto(qemu, next, sent);
  const { pageShift, fd } = enabledOf(qemu, frame);
  const inKernel = fd >= 0 && qemu.config.switches.replayPolicy === 'kvmReplay';
  return call(
    qemu,
    next,
    {
      fn: 'vfio_iommu_map_notify',
      at: 'begin',
      containerFd,
      giommu,
      pageShift,
      index: indexOf(frame),
      tce,
      ...(inKernel ? { inKernel } : {}),
    },
    sent,
  );
}

function advanced(frame: ReplayFrame): ReplayFrame {
  const [run, ...rest] = frame.runs;
  if (run === undefined) unreachable('a replay beyond its end');
  return frame.offset + 1 < run.count
    ? { ...frame, offset: frame.offset + 1 }
    : { ...frame, offset: 0, runs: rest };
}
