import type { MemoryAccessReturn, Ua } from '@spapr-dma/protocol';
import type { ValidateFrame } from './frames.js';
import type { KvmState } from './state.js';
import { ask, entriesDone, type Resumption, type Step } from './steps.js';

const subpagesOf = ({ pageShift, tables, table }: ValidateFrame): number =>
  2 ** (pageShift - tables[table]!.pageShift);
const uaOf = ({ ua, done, pageShift }: ValidateFrame): Ua => (ua + (BigInt(done) << BigInt(pageShift))) as Ua;

/**
 * Whether the memory behind a row of TCEs is registered, in pages as large as each hardware table has them. Only the
 * first hardware page of a TCE is looked at. Tells how many from the first on are good.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_validate
 */
export function tceValidate(kvm: KvmState, frame: ValidateFrame, resumed: Resumption): Step {
  if (resumed.type !== 'answer') return nextRow(kvm, frame);
  const answer = resumed.answer as MemoryAccessReturn;
  return answer.call === 'mm_iommu_lookup' ? lookedUp(kvm, frame, answer) : translated(kvm, frame, answer);
}

function nextRow(kvm: KvmState, frame: ValidateFrame): Step {
  if (frame.count === 0) return entriesDone(kvm, 'H_TOO_HARD', 0);
  if (frame.done === frame.count) return nextTable(kvm, frame);
  const subpages = subpagesOf(frame);
  const { entriesAtOnce } = kvm.config;
  const asked = (frame.count - frame.done) * subpages;
  return ask(kvm, 'validating.lookingUp', frame, {
    type: 'mm_iommu_lookup',
    ua: uaOf(frame),
    pageShift: frame.tables[frame.table]!.pageShift,
    count: entriesAtOnce < subpages ? 1 : Math.min(asked, entriesAtOnce),
  });
}

/** What one table finds wanting, the tables after it need not look at. */
function nextTable(kvm: KvmState, frame: ValidateFrame): Step {
  const table = frame.table + 1;
  if (table < frame.tables.length) return nextRow(kvm, { ...frame, table, done: 0 });
  return entriesDone(kvm, frame.count === frame.asked ? 'H_SUCCESS' : 'H_TOO_HARD', frame.count);
}

const ends = (kvm: KvmState, frame: ValidateFrame): Step => nextRow(kvm, { ...frame, count: frame.done });

function lookedUp(kvm: KvmState, frame: ValidateFrame, { region, count }: MemoryAccessReturn): Step {
  if (region === null) return ends(kvm, frame);
  const found = Math.min(Math.ceil(count / subpagesOf(frame)), frame.count - frame.done);
  return ask(
    kvm,
    'validating.translating',
    { ...frame, found },
    { type: 'ua_to_hpa', region, ua: uaOf(frame), pageShift: frame.tables[frame.table]!.pageShift },
  );
}

const translated = (kvm: KvmState, frame: ValidateFrame, { ok }: MemoryAccessReturn): Step =>
  ok ? nextRow(kvm, { ...frame, done: frame.done + frame.found }) : ends(kvm, frame);
