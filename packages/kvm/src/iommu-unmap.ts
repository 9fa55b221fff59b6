import {
  type HardwareRun,
  type Hpa,
  type TableAccessReturn,
  tceCount,
  tceIndex,
  unreachable,
} from '@spapr-dma/protocol';
import type { UnmapFrame } from './frames.js';
import { failure, warn } from './hardware.js';
import { mappedDecFrame } from './mapped-dec.js';
import { cost, type ReportBody } from './sent.js';
import type { KvmState } from './state.js';
import { ask, call, entriesDone, type Resumption, type Step } from './steps.js';

const total = ({ entries, subpages }: UnmapFrame): number => entries * subpages;

/**
 * Unmaps guest entries in one hardware table: each hardware entry is exchanged for nothing, and what stood there is
 * counted down. An entry that cannot be counted down is put back, and unmapping stops there.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_iommu_unmap, kvmppc_tce_iommu_do_unmap
 */
export function iommuUnmap(kvm: KvmState, frame: UnmapFrame, resumed: Resumption): Step {
  if (resumed.type === 'begin') return nextBatch(kvm, frame);
  if (resumed.type === 'returned') {
    const { value } = resumed;
    if (value.kind !== 'dropped') return unreachable(`${frame.fn} was returned ${value.kind}`);
    return value.failedAt === null ? batchDone(kvm, frame) : putBack(kvm, frame, value.failedAt);
  }
  switch (frame.at) {
    case 'exchanging':
      return exchanged(kvm, frame, resumed.answer as TableAccessReturn);
    case 'restoring':
      return restore(kvm, frame);
    case 'killing':
      return ended(kvm, frame);
    default:
      return unreachable(`${frame.fn} is answered at ${frame.at}`);
  }
}

function nextBatch(kvm: KvmState, frame: UnmapFrame): Step {
  const now = Math.min(kvm.config.entriesAtOnce, total(frame) - frame.done);
  if (now === 0) return finish(kvm, frame);
  return ask(
    kvm,
    'unmapping.exchanging',
    { ...frame, at: 'exchanging', now },
    {
      type: 'tce_xchg',
      table: frame.hw.table,
      index: tceIndex(frame.index + frame.done),
      count: tceCount(now),
      hpa: 0n as Hpa,
      perm: 0,
    },
  );
}

function exchanged(kvm: KvmState, frame: UnmapFrame, { ok, done, old }: TableAccessReturn): Step {
  const batch: UnmapFrame = ok
    ? { ...frame, old }
    : { ...frame, old, now: done, failed: failure(kvm.config, 'H_HARDWARE') };
  const reports: readonly ReportBody[] = ok ? [] : [warn('kvmppc_tce_iommu_do_unmap')];
  const valid = old.filter(({ perm }) => perm !== 0);
  if (valid.length === 0) return batchDone(kvm, batch, reports);
  return call(kvm, { ...batch, at: 'dropping' }, mappedDecFrame(frame.hw, valid, true), reports);
}

/** What is left of runs from an index on. */
const from = ({ hw }: UnmapFrame, runs: readonly HardwareRun[], index: number): readonly HardwareRun[] =>
  runs.flatMap((run) => {
    const skipped = Math.max(0, index - run.index);
    if (skipped >= run.count) return [];
    const hpa = (run.hpa + (BigInt(skipped) << BigInt(hw.pageShift))) as Hpa;
    return [{ ...run, index: tceIndex(run.index + skipped), count: tceCount(run.count - skipped), hpa }];
  });

/** The entry that could not be counted down, and those behind it that were cleared with it, come back. */
const putBack = (kvm: KvmState, frame: UnmapFrame, failedAt: number): Step =>
  restore(kvm, {
    ...frame,
    now: failedAt - frame.index - frame.done,
    failed: 'H_TOO_HARD',
    old: from(frame, frame.old, failedAt),
  });

function restore(kvm: KvmState, frame: UnmapFrame): Step {
  const [run, ...rest] = frame.old;
  if (run === undefined) return batchDone(kvm, frame);
  return ask(
    kvm,
    'unmapping.restoring',
    { ...frame, at: 'restoring', old: rest },
    { type: 'tce_xchg', table: frame.hw.table, ...run },
  );
}

function batchDone(kvm: KvmState, frame: UnmapFrame, reports: readonly ReportBody[] = []): Step {
  const next: UnmapFrame = { ...frame, done: frame.done + frame.now, now: 0, old: [] };
  const step = next.failed === null ? nextBatch(kvm, next) : finish(kvm, next);
  return { ...step, reports: [...reports, ...step.reports] };
}

/** Guest entries that were begun: each is killed as a whole. */
const begun = ({ failed, entries, done, subpages }: UnmapFrame): number =>
  failed === null ? entries : Math.floor(done / subpages) + 1;

function finish(kvm: KvmState, frame: UnmapFrame): Step {
  if (!kvm.config.features.killSplit) return ended(kvm, frame);
  return ask(
    kvm,
    'unmapping.killing',
    { ...frame, at: 'killing' },
    {
      type: 'tce_kill',
      table: frame.hw.table,
      index: tceIndex(frame.index),
      pages: tceCount(begun(frame) * frame.subpages),
    },
    [cost('kill', begun(frame))],
  );
}

const ended = (kvm: KvmState, { failed, done, subpages }: UnmapFrame): Step =>
  entriesDone(kvm, failed ?? 'H_SUCCESS', Math.floor(done / subpages));
