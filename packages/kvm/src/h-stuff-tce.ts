import { type HStuffTce, TCE_PERMISSIONS, unreachable } from '@spapr-dma/protocol';
import type { StuffFrame } from './frames.js';
import { clearFrame, entriesAtOnce, nextTable, subpagesOf, unmapFrame, warn } from './hardware.js';
import { entryAt, iobaStatus } from './ioba-validate.js';
import { effect, type ReportBody } from './sent.js';
import { type KvmState, presentTable, tableById } from './state.js';
import { answerHcall, call, type Resumption, type Step } from './steps.js';
import { hasPages, storeFill } from './view-pages.js';

/** Entries of a call; a count beyond what a number tells exactly is beyond any table. */
const npagesOf = ({ npages }: HStuffTce): number => Number(npages);

/**
 * H_STUFF_TCE: clears the entries of one hardware table after the other, then writes the value into the guest view.
 * Where an entry has to be left to QEMU it stops at once, and the guest view is what it was.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_h_stuff_tce
 */
export const hStuffTce = (kvm: KvmState, frame: StuffFrame, resumed: Resumption): Step =>
  resumed.type === 'begin' ? begin(kvm, frame) : goOn(kvm, frame, resumed);

function begin(kvm: KvmState, { call: hcall, real }: StuffFrame): Step {
  const table = presentTable(kvm, hcall.liobn);
  if (table === undefined) return answerHcall(kvm, 'H_TOO_HARD');
  const addressed = iobaStatus(kvm.config, table, hcall.type, hcall.ioba, hcall.npages);
  if (addressed !== 'H_SUCCESS') return answerHcall(kvm, addressed);
  if ((hcall.tceValue & TCE_PERMISSIONS) !== 0n) return answerHcall(kvm, 'H_PARAMETER');
  const entry = entryAt(table, hcall.ioba);
  const npages = npagesOf(hcall);
  if (real && hcall.tceValue !== 0n && !hasPages(kvm, table, entry, npages)) {
    return answerHcall(kvm, 'H_TOO_HARD');
  }
  const tables = table.iommuTables.map(({ hw }) => hw);
  const frame: StuffFrame = {
    fn: 'kvmppc_h_stuff_tce',
    at: 'unmapping',
    call: hcall,
    real,
    stt: table.id,
    tables,
    entry,
    table: 0,
    done: 0,
  };
  if (tables.length === 0) return stored(kvm, frame);
  const { liobn, ioba, tceValue } = hcall;
  const ran = [effect('kvmppc_h_stuff_tce', { liobn, ioba, tce_value: tceValue, npages, real })];
  const next = onTable(kvm, { ...frame, table: nextTable(kvm, frame, 0) });
  return { ...next, reports: [...ran, ...next.reports] };
}

/** Goes on with a call that met hardware tables. */
function goOn(kvm: KvmState, frame: StuffFrame, resumed: Resumption): Step {
  if (resumed.type !== 'returned') return unreachable(`${frame.fn} waits for no answer`);
  if (frame.at === 'clearing') return onTable(kvm, { ...frame, at: 'unmapping', done: frame.done + 1 });
  const { value } = resumed;
  if (value.kind !== 'entries') return unreachable(`${frame.fn} was returned ${value.kind}`);
  const unmapped: StuffFrame = { ...frame, done: frame.done + value.done };
  if (value.status === 'H_SUCCESS') return onTable(kvm, unmapped);
  if (value.status === 'H_TOO_HARD') return answerHcall(kvm, 'H_TOO_HARD');
  return wiped(kvm, unmapped);
}

/** Unmaps the next entries of a table; after its last one, goes on with the next table. */
function onTable(kvm: KvmState, frame: StuffFrame): Step {
  const hw = frame.tables[frame.table];
  if (hw === undefined) return stored(kvm, frame);
  const table = tableById(kvm, frame.stt)!;
  const left = npagesOf(frame.call) - frame.done;
  if (left <= 0) return onTable(kvm, { ...frame, table: nextTable(kvm, frame, frame.table + 1), done: 0 });
  const now = Math.min(left, entriesAtOnce(kvm.config, subpagesOf(table, hw)));
  return call(kvm, frame, unmapFrame(table, hw, frame.entry + frame.done, now));
}

/** Up to linux-4.19: an entry that could not be exchanged is wiped, and nobody hears of it. */
function wiped(kvm: KvmState, frame: StuffFrame): Step {
  const table = tableById(kvm, frame.stt)!;
  const guestIdx = kvm.config.switches.clearTceIndex === 'guestIdx';
  const entry = frame.entry + (guestIdx ? 0 : frame.done);
  const wipe = clearFrame(kvm.config, table, frame.tables[frame.table]!, entry);
  const reports: readonly ReportBody[] = [warn('kvmppc_h_stuff_tce'), ...wipe.reports];
  const clearing: StuffFrame = { ...frame, at: 'clearing' };
  if (wipe.frame !== null) return call(kvm, clearing, wipe.frame, reports);
  const next = goOn(kvm, clearing, { type: 'returned', value: { kind: 'nothing' } });
  return { ...next, reports: [...reports, ...next.reports] };
}

function stored(kvm: KvmState, frame: StuffFrame): Step {
  const { call: hcall, entry } = frame;
  const after = storeFill(kvm, tableById(kvm, frame.stt)!, entry, npagesOf(hcall), hcall.tceValue);
  return answerHcall(after.kvm, after.failed ? 'H_TOO_HARD' : 'H_SUCCESS', after.reports);
}
