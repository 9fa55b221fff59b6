import {
  type HardwareRun,
  type IommuTableFacts,
  type MemoryAccessReturn,
  type TableAccessReturn,
  tceCount,
  tceIndex,
  type Ua,
  unreachable,
} from '@spapr-dma/protocol';
import type { MappedDecFrame } from './frames.js';
import type { KvmState } from './state.js';
import { ask, dropped, type Resumption, type Step } from './steps.js';

/** A frame that counts down hardware entries which were valid. */
export const mappedDecFrame = (
  hw: IommuTableFacts,
  old: readonly HardwareRun[],
  stops: boolean,
): MappedDecFrame => ({
  fn: 'kvmppc_tce_iommu_mapped_dec',
  at: 'begin',
  hw,
  stops,
  runs: old.map(({ index, count }) => ({ index, count })),
  run: 0,
  next: old[0]?.index ?? 0,
  known: old[0]?.index ?? 0,
  slots: [],
  now: 0,
});

/**
 * Counts down what hardware entries stood for: the region is found by what their userspace slots hold now, which
 * another CPU may have changed since the entry was exchanged (B-16). A slot whose level is missing counts as done;
 * one that names no region cannot be counted down.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_iommu_mapped_dec
 */
export function mappedDec(kvm: KvmState, frame: MappedDecFrame, resumed: Resumption): Step {
  if (resumed.type !== 'answer') return nextEntries(kvm, frame);
  const answer = resumed.answer as MemoryAccessReturn & TableAccessReturn;
  switch (frame.at) {
    case 'readingSlots':
      return readSlots(kvm, frame, answer);
    case 'lookingUp':
      return lookedUp(kvm, frame, answer);
    case 'uncounting':
      return empty(kvm, frame);
    case 'emptying':
      return nextEntries(kvm, { ...frame, next: frame.next + frame.now, now: 0 });
    default:
      return unreachable(`${frame.fn} is answered at ${frame.at}`);
  }
}

function nextEntries(kvm: KvmState, frame: MappedDecFrame): Step {
  const run = frame.runs[frame.run];
  if (run === undefined) return dropped(kvm, null);
  const { next, known } = frame;
  const end = run.index + run.count;
  if (next >= end) {
    const after = frame.runs[frame.run + 1]?.index ?? 0;
    return nextEntries(kvm, { ...frame, run: frame.run + 1, next: after, known: after, slots: [] });
  }
  if (next >= known) {
    return ask(
      kvm,
      'dropping.readingSlots',
      { ...frame, at: 'readingSlots' },
      {
        type: 'userspace_slot_read',
        table: frame.hw.table,
        index: tceIndex(next),
        count: tceCount(end - next),
        alloc: false,
      },
    );
  }
  return inSlots(kvm, frame);
}

/** Goes on with what the slots hold that were read. */
function inSlots(kvm: KvmState, frame: MappedDecFrame): Step {
  const { next, known, slots, hw } = frame;
  const slot = slots.find(({ index, count }) => next >= index && next < index + count);
  if (slot === undefined) {
    // An empty slot names no region.
    if (frame.stops) return dropped(kvm, next);
    const after = slots.find(({ index }) => index > next)?.index ?? known;
    return nextEntries(kvm, { ...frame, next: Math.min(after, known) });
  }
  const now = Math.min(slot.index + slot.count, known) - next;
  const ua = (slot.ua + (BigInt(next - slot.index) << BigInt(hw.pageShift))) as Ua;
  return ask(
    kvm,
    'dropping.lookingUp',
    { ...frame, at: 'lookingUp', now },
    { type: 'mm_iommu_lookup', ua, pageShift: hw.pageShift, count: now },
  );
}

function readSlots(kvm: KvmState, frame: MappedDecFrame, { ok, done, slots }: TableAccessReturn): Step {
  const { index, count } = frame.runs[frame.run]!;
  if (ok) return nextEntries(kvm, { ...frame, known: index + count, slots });
  // The level of the first of them is missing: nothing is there to count down.
  if (done === 0) return nextEntries(kvm, { ...frame, next: frame.next + 1, known: frame.next + 1 });
  return nextEntries(kvm, { ...frame, known: frame.next + done, slots });
}

function lookedUp(kvm: KvmState, frame: MappedDecFrame, { region, count }: MemoryAccessReturn): Step {
  if (region === null) {
    return frame.stops
      ? dropped(kvm, frame.next)
      : nextEntries(kvm, { ...frame, next: frame.next + 1, now: 0 });
  }
  const now = Math.min(frame.now, count);
  return ask(
    kvm,
    'dropping.uncounting',
    { ...frame, at: 'uncounting', now },
    { type: 'mapped_dec', region, count: now },
  );
}

const empty = (kvm: KvmState, frame: MappedDecFrame): Step =>
  ask(
    kvm,
    'dropping.emptying',
    { ...frame, at: 'emptying' },
    {
      type: 'userspace_slot_write',
      table: frame.hw.table,
      index: tceIndex(frame.next),
      count: tceCount(frame.now),
      ua: null,
    },
  );
