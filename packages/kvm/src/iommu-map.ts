import {
  type HcallCode,
  type Hpa,
  type MemoryAccessReturn,
  type TableAccessReturn,
  tceCount,
  tceIndex,
  type Ua,
  unreachable,
} from '@spapr-dma/protocol';
import type { MapFrame } from './frames.js';
import { failure, warn } from './hardware.js';
import { mappedDecFrame } from './mapped-dec.js';
import { cost } from './sent.js';
import type { KvmState } from './state.js';
import { ask, call, entriesDone, type Resumption, type Step } from './steps.js';

const total = ({ entries, subpages }: MapFrame): number => entries * subpages;
const uaOf = ({ ua, done, hw }: MapFrame): Ua => (ua + (BigInt(done) << BigInt(hw.pageShift))) as Ua;

/**
 * Maps guest entries in one hardware table. Each hardware entry goes through the same stations: its userspace slot
 * is found, the region behind it, the host address, the region's count goes up, the entry is exchanged, what stood
 * there is counted down, and the slot is written. Entries that lie in a row go through a station together.
 *
 * Where one fails, those before it stay, and it says which guest entry it stopped at; the range is killed either way.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_iommu_map, kvmppc_tce_iommu_do_map
 */
export function iommuMap(kvm: KvmState, frame: MapFrame, resumed: Resumption): Step {
  if (resumed.type === 'begin') return nextBatch(kvm, frame);
  if (resumed.type === 'returned') return store(kvm, frame);
  const answer = resumed.answer as MemoryAccessReturn & TableAccessReturn;
  switch (frame.at) {
    case 'lookingUp':
      return lookedUp(kvm, frame, answer);
    case 'findingSlots':
      return foundSlots(kvm, frame, answer);
    case 'translating':
      return translated(kvm, frame, answer);
    case 'counting':
      return counted(kvm, frame, answer);
    case 'exchanging':
      return exchanged(kvm, frame, answer);
    case 'uncounting':
      return frame.now === 0 ? finish(kvm, frame) : dropOld(kvm, frame);
    case 'storing':
      return batchDone(kvm, frame);
    case 'killing':
      return ended(kvm, frame);
    default:
      return unreachable(`${frame.fn} is answered at ${frame.at}`);
  }
}

/** One entry finds its slot first, as in the kernel; a row is cut first to what one region holds. */
function nextBatch(kvm: KvmState, frame: MapFrame): Step {
  const now = Math.min(kvm.config.entriesAtOnce, (frame.slotless ?? total(frame)) - frame.done);
  if (now === 0) return stop(kvm, frame, 'H_TOO_HARD');
  const batch = { ...frame, now };
  return now === 1 ? findSlots(kvm, batch) : lookUp(kvm, batch);
}

const lookUp = (kvm: KvmState, frame: MapFrame): Step =>
  ask(
    kvm,
    'mapping.lookingUp',
    { ...frame, at: 'lookingUp' },
    { type: 'mm_iommu_lookup', ua: uaOf(frame), pageShift: frame.hw.pageShift, count: frame.now },
  );

const findSlots = (kvm: KvmState, frame: MapFrame): Step =>
  ask(
    kvm,
    'mapping.findingSlots',
    { ...frame, at: 'findingSlots' },
    {
      type: 'userspace_slot_read',
      table: frame.hw.table,
      index: tceIndex(frame.index + frame.done),
      count: tceCount(frame.now),
      alloc: frame.alloc,
    },
  );

const translate = (kvm: KvmState, frame: MapFrame): Step =>
  ask(
    kvm,
    'mapping.translating',
    { ...frame, at: 'translating' },
    { type: 'ua_to_hpa', region: frame.region, ua: uaOf(frame), pageShift: frame.hw.pageShift },
  );

/** A v1 container has no regions, so its tables always end here. */
function lookedUp(kvm: KvmState, frame: MapFrame, { region, count }: MemoryAccessReturn): Step {
  if (frame.now === 1) {
    return region === null ? stop(kvm, frame, 'H_TOO_HARD') : translate(kvm, { ...frame, region });
  }
  // The entry without a region still finds its slot, and fails after that.
  return region === null
    ? findSlots(kvm, { ...frame, now: 1 })
    : findSlots(kvm, { ...frame, region, now: Math.max(1, Math.min(frame.now, count)) });
}

function foundSlots(kvm: KvmState, frame: MapFrame, { ok, done }: TableAccessReturn): Step {
  if (!ok && done === 0) return stop(kvm, frame, 'H_TOO_HARD');
  const found: MapFrame = ok ? frame : { ...frame, now: done, slotless: frame.done + done };
  return found.now === 1 ? lookUp(kvm, found) : translate(kvm, found);
}

/** Where a row is not in one piece of host memory, the rest is the next row. */
function translated(kvm: KvmState, frame: MapFrame, { ok, hpa, count }: MemoryAccessReturn): Step {
  if (!ok || hpa === null) {
    const stopped = stop(kvm, frame, failure(kvm.config, 'H_HARDWARE'));
    return { ...stopped, reports: [warn('kvmppc_tce_iommu_do_map'), ...stopped.reports] };
  }
  const batch: MapFrame = { ...frame, hpa, now: Math.max(1, Math.min(frame.now, count)) };
  return ask(
    kvm,
    'mapping.counting',
    { ...batch, at: 'counting' },
    { type: 'mapped_inc', region: batch.region, count: batch.now },
  );
}

/** Refused while the region is being released. */
function counted(kvm: KvmState, frame: MapFrame, { ok }: MemoryAccessReturn): Step {
  if (!ok) return stop(kvm, frame, failure(kvm.config, 'H_CLOSED'));
  return ask(
    kvm,
    'mapping.exchanging',
    { ...frame, at: 'exchanging' },
    {
      type: 'tce_xchg',
      table: frame.hw.table,
      index: tceIndex(frame.index + frame.done),
      count: tceCount(frame.now),
      hpa: frame.hpa,
      perm: frame.perm,
    },
  );
}

function exchanged(kvm: KvmState, frame: MapFrame, { ok, done, old }: TableAccessReturn): Step {
  const valid = old.filter(({ perm }) => perm !== 0);
  if (ok) return dropOld(kvm, { ...frame, old: valid });
  const failed = failure(kvm.config, 'H_HARDWARE');
  return ask(
    kvm,
    'mapping.uncounting',
    { ...frame, at: 'uncounting', now: done, failed, old: valid },
    { type: 'mapped_dec', region: frame.region, count: frame.now - done },
    [warn('kvmppc_tce_iommu_do_map')],
  );
}

/** What stood there is counted down by its slot, and whether that worked is nobody's concern here. */
function dropOld(kvm: KvmState, frame: MapFrame): Step {
  if (frame.old.length === 0) return store(kvm, frame);
  const dropping: MapFrame = { ...frame, at: 'dropping', old: [] };
  return call(kvm, dropping, mappedDecFrame(frame.hw, frame.old, false));
}

const store = (kvm: KvmState, frame: MapFrame): Step =>
  ask(
    kvm,
    'mapping.storing',
    { ...frame, at: 'storing' },
    {
      type: 'userspace_slot_write',
      table: frame.hw.table,
      index: tceIndex(frame.index + frame.done),
      count: tceCount(frame.now),
      ua: uaOf(frame),
    },
  );

function batchDone(kvm: KvmState, frame: MapFrame): Step {
  const next: MapFrame = {
    ...frame,
    done: frame.done + frame.now,
    now: 0,
    old: [],
    region: -1,
    hpa: 0n as Hpa,
  };
  return next.failed !== null || next.done === total(next) ? finish(kvm, next) : nextBatch(kvm, next);
}

/** It stops before the entries that are under way. */
const stop = (kvm: KvmState, frame: MapFrame, failed: HcallCode): Step =>
  finish(kvm, { ...frame, now: 0, failed });

/** Guest entries that were begun: each is killed as a whole. */
const begun = ({ failed, entries, done, subpages }: MapFrame): number =>
  failed === null ? entries : Math.floor(done / subpages) + 1;

function finish(kvm: KvmState, frame: MapFrame): Step {
  if (!kvm.config.features.killSplit) return ended(kvm, frame);
  return ask(
    kvm,
    'mapping.killing',
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

const ended = (kvm: KvmState, { failed, done, subpages }: MapFrame): Step =>
  entriesDone(kvm, failed ?? 'H_SUCCESS', Math.floor(done / subpages));
