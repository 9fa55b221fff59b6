import { type Hpa, type TableAccessReturn, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { ClearFrame } from './frames.js';
import { mappedDecFrame } from './mapped-dec.js';
import type { KvmState } from './state.js';
import { ask, call, done, type Resumption, type Step } from './steps.js';

/**
 * Wipes hardware entries after a failure. It neither counts down what stood there (B-25) nor touches the userspace
 * slots, unless `clearTceDec` is fixed; and it makes no TCE kill.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_clear_tce
 */
export function clearTce(kvm: KvmState, frame: ClearFrame, resumed: Resumption): Step {
  if (resumed.type === 'begin') return nextBatch(kvm, frame);
  if (resumed.type === 'returned') return batchDone(kvm, frame);
  const { old, ok, done: exchanged } = resumed.answer as TableAccessReturn;
  // An entry that cannot be exchanged is passed over.
  const passed = { ...frame, now: ok ? frame.now : exchanged + 1 };
  const valid = old.filter(({ perm }) => perm !== 0);
  if (kvm.config.switches.clearTceDec === 'unfixed' || valid.length === 0) return batchDone(kvm, passed);
  return call(kvm, { ...passed, at: 'dropping' }, mappedDecFrame(frame.hw, valid, false));
}

function nextBatch(kvm: KvmState, frame: ClearFrame): Step {
  const now = Math.min(kvm.config.entriesAtOnce, frame.count - frame.done);
  if (now === 0) return done(kvm);
  return ask(
    kvm,
    'clearing.exchanging',
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

const batchDone = (kvm: KvmState, frame: ClearFrame): Step =>
  nextBatch(kvm, { ...frame, done: frame.done + frame.now, now: 0 });
