import {
  type HcallCode,
  type HPutTceIndirect,
  INDIRECT_LIST_BYTES,
  type Ua,
  unreachable,
} from '@spapr-dma/protocol';
import type { IndirectFrame } from './frames.js';
import {
  clearFrame,
  entriesAtOnce,
  failure,
  mapFrame,
  nextTable,
  subpagesOf,
  unmapFrame,
  warn,
} from './hardware.js';
import { entryAt, iobaStatus, permOf, tceStatus } from './ioba-validate.js';
import { gpaToUa, tceToUa } from './memslots.js';
import { effect, type ReportBody } from './sent.js';
import { type KvmState, presentTable, tableById } from './state.js';
import { answerHcall, call, type Resumption, type Step } from './steps.js';
import { hasPages, storeTces } from './view-pages.js';

/** What stands at a place of the list; memory behind what the call carries reads as 0. */
const listed = ({ tces }: HPutTceIndirect, at: number): bigint => tces[at] ?? 0n;

/**
 * H_PUT_TCE_INDIRECT: looks through the whole list, then applies it entry by entry. Up to linux-4.19 each entry is
 * looked at only when its turn comes, so that those before a bad one stay (B-15).
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_h_put_tce_indirect
 */
export const hPutTceIndirect = (kvm: KvmState, frame: IndirectFrame, resumed: Resumption): Step =>
  resumed.type === 'begin' ? begin(kvm, frame) : goOn(kvm, frame, resumed);

function begin(kvm: KvmState, { call: hcall, real }: IndirectFrame): Step {
  const table = presentTable(kvm, hcall.liobn);
  if (table === undefined) return answerHcall(kvm, 'H_TOO_HARD');
  if (hcall.npages > BigInt(kvm.config.indirectTcesMax)) return answerHcall(kvm, 'H_PARAMETER');
  if (hcall.tceList % INDIRECT_LIST_BYTES !== 0n) return answerHcall(kvm, 'H_PARAMETER');
  const addressed = iobaStatus(kvm.config, table, hcall.type, hcall.ioba, hcall.npages);
  if (addressed !== 'H_SUCCESS') return answerHcall(kvm, addressed);
  const entry = entryAt(table, hcall.ioba);
  const npages = Number(hcall.npages);
  if (real && !hasPages(kvm, table, entry, npages)) return answerHcall(kvm, 'H_TOO_HARD');
  if (gpaToUa(kvm, hcall.tceList) === undefined) return answerHcall(kvm, 'H_TOO_HARD');
  const tables = table.iommuTables.map(({ hw }) => hw);
  const frame: IndirectFrame = {
    fn: 'kvmppc_h_put_tce_indirect',
    at: 'lookingThrough',
    call: hcall,
    real,
    stt: table.id,
    tables,
    entry,
    table: 0,
    failed: 'H_SUCCESS',
    done: 0,
    now: 0,
  };
  if (tables.length === 0) return withoutHardware(kvm, frame, npages);
  const { liobn, ioba, tceList } = hcall;
  const ran = [effect('kvmppc_h_put_tce_indirect', { liobn, ioba, tce_list: tceList, npages, real })];
  const next = kvm.config.switches.indirect === 'twoPass' ? lookThrough(kvm, frame) : apply(kvm, frame);
  return { ...next, reports: [...ran, ...next.reports] };
}

/** Why an entry is not even tried: what it is by itself, then whether there is memory behind it. */
function refusal(kvm: KvmState, frame: IndirectFrame, at: number): HcallCode | null {
  const status = tceStatus(kvm, tableById(kvm, frame.stt)!, listed(frame.call, at));
  return status === 'H_SUCCESS' ? null : status;
}
const hasMemory = (kvm: KvmState, tce: bigint): boolean =>
  !kvm.config.features.spaprTceVfio || tceToUa(kvm, tce) !== undefined;

/** Nothing but the guest view to write, in one go. */
function withoutHardware(kvm: KvmState, frame: IndirectFrame, npages: number): Step {
  const table = tableById(kvm, frame.stt)!;
  const tces = Array.from({ length: npages }, (_, at) => listed(frame.call, at));
  const statuses = (tce: bigint): HcallCode => tceStatus(kvm, table, tce);
  const applied = (tce: bigint): HcallCode => (hasMemory(kvm, tce) ? 'H_SUCCESS' : 'H_PARAMETER');
  const passes =
    kvm.config.switches.indirect === 'twoPass'
      ? [statuses, applied]
      : [(tce: bigint): HcallCode => (statuses(tce) === 'H_SUCCESS' ? applied(tce) : statuses(tce))];
  for (const [pass, statusOf] of passes.entries()) {
    const bad = tces.findIndex((tce) => statusOf(tce) !== 'H_SUCCESS');
    if (bad < 0) continue;
    const good = pass === passes.length - 1 ? tces.slice(0, bad) : [];
    return keepAll(kvm, frame, good, statusOf(tces[bad]!));
  }
  return keepAll(kvm, frame, tces, 'H_SUCCESS');
}

function keepAll(kvm: KvmState, frame: IndirectFrame, tces: readonly bigint[], status: HcallCode): Step {
  const after = storeTces(kvm, tableById(kvm, frame.stt)!, frame.entry, tces);
  return answerHcall(after.kvm, after.failed ? 'H_TOO_HARD' : status, after.reports);
}

/** TCEs in a row, from a place in the list on: the same permissions, and memory in one piece. */
function rowFrom(
  kvm: KvmState,
  frame: IndirectFrame,
  at: number,
): { ua: Ua; perm: number; count: number } | null {
  const table = tableById(kvm, frame.stt)!;
  const ua = tceToUa(kvm, listed(frame.call, at));
  if (ua === undefined) return null;
  const perm = permOf(listed(frame.call, at));
  const npages = Number(frame.call.npages);
  const isNext = (count: number): boolean => {
    const tce = listed(frame.call, at + count);
    if (permOf(tce) !== perm || refusal(kvm, frame, at + count) !== null) return false;
    return tceToUa(kvm, tce) === ua + (BigInt(count) << BigInt(table.pageShift));
  };
  let count = 1;
  while (at + count < npages && isNext(count)) count += 1;
  return { ua, perm, count };
}

/** The first pass: nothing is touched while an entry can still be refused. */
function lookThrough(kvm: KvmState, frame: IndirectFrame): Step {
  const npages = Number(frame.call.npages);
  for (let at = frame.done; at < npages; at += 1) {
    const refused = refusal(kvm, frame, at);
    if (refused !== null) return answerHcall(kvm, refused);
    const checks = kvm.config.features.validate === 'regions' && permOf(listed(frame.call, at)) !== 0;
    const row = checks ? rowFrom(kvm, frame, at) : null;
    if (row !== null) return validate(kvm, { ...frame, at: 'lookingThrough', done: at }, row);
  }
  return apply(kvm, { ...frame, at: 'mapping', done: 0 });
}

const validate = (kvm: KvmState, frame: IndirectFrame, row: { ua: Ua; count: number }): Step =>
  call(
    kvm,
    { ...frame, now: row.count },
    {
      fn: 'kvmppc_tce_validate',
      tables: frame.tables,
      table: 0,
      ua: row.ua,
      pageShift: tableById(kvm, frame.stt)!.pageShift,
      asked: row.count,
      count: row.count,
      done: 0,
      found: 0,
    },
  );

/** Applies the next entries: as many as lie in a row, where one hardware table is all there is. */
function apply(kvm: KvmState, frame: IndirectFrame): Step {
  const { done } = frame;
  if (done >= Number(frame.call.npages)) return answerHcall(kvm, 'H_SUCCESS');
  const onePass = kvm.config.switches.indirect === 'onePass';
  const refused = onePass ? refusal(kvm, frame, done) : null;
  if (refused !== null) return answerHcall(kvm, refused);
  const row = rowFrom(kvm, frame, done);
  if (row === null) return answerHcall(kvm, 'H_PARAMETER');
  if (onePass && row.perm !== 0 && kvm.config.features.validate === 'regions') {
    return validate(kvm, { ...frame, at: 'validating' }, { ua: row.ua, count: 1 });
  }
  return onTable(kvm, { ...frame, at: 'mapping', now: atOnce(kvm, frame, row.count) }, 0);
}

function atOnce(kvm: KvmState, frame: IndirectFrame, count: number): number {
  const [hw, ...others] = frame.tables;
  if (hw === undefined || others.length > 0) return 1;
  // The view is written after each entry, so that a page it does not get stops the next one.
  if (kvm.failNext.viewPage) return 1;
  return Math.min(count, entriesAtOnce(kvm.config, subpagesOf(tableById(kvm, frame.stt)!, hw)));
}

/** Goes on with a call that met hardware tables. */
function goOn(kvm: KvmState, frame: IndirectFrame, resumed: Resumption): Step {
  if (resumed.type !== 'returned') return unreachable(`${frame.fn} waits for no answer`);
  const { value } = resumed;
  if (frame.at === 'clearing') {
    return failure(kvm.config, frame.failed) === 'H_TOO_HARD'
      ? answerHcall(kvm, frame.failed)
      : onTable(kvm, { ...frame, at: 'mapping' }, frame.table + 1);
  }
  if (value.kind !== 'entries') return unreachable(`${frame.fn} was returned ${value.kind}`);
  if (frame.at === 'lookingThrough') {
    if (value.status !== 'H_SUCCESS') return answerHcall(kvm, value.status);
    return lookThrough(kvm, { ...frame, done: frame.done + frame.now });
  }
  if (frame.at === 'validating') {
    if (value.status !== 'H_SUCCESS') return answerHcall(kvm, value.status);
    return onTable(kvm, { ...frame, at: 'mapping', now: 1 }, 0);
  }
  if (value.status === 'H_SUCCESS') return onTable(kvm, frame, frame.table + 1);
  return failed(kvm, frame, value.done, value.status);
}

/** Writes the entries under way into the next hardware table; after the last one, into the guest view. */
function onTable(kvm: KvmState, frame: IndirectFrame, from: number): Step {
  const place = nextTable(kvm, frame, from);
  const hw = frame.tables[place];
  if (hw === undefined) {
    const kept = keep(kvm, frame, frame.now);
    if (kept.failed) return answerHcall(kept.kvm, 'H_TOO_HARD', kept.reports);
    const next = apply(kept.kvm, { ...frame, done: frame.done + frame.now, now: 0 });
    return { ...next, reports: [...kept.reports, ...next.reports] };
  }
  const table = tableById(kvm, frame.stt)!;
  const row = rowFrom(kvm, frame, frame.done);
  if (row === null) return answerHcall(kvm, 'H_PARAMETER');
  const entry = frame.entry + frame.done;
  const unmaps = row.perm === 0 && kvm.config.switches.indirectZeroPerm === 'fixed';
  const callee = unmaps
    ? unmapFrame(table, hw, entry, frame.now)
    : mapFrame(table, hw, entry, frame.now, { ua: row.ua, perm: row.perm, alloc: !frame.real });
  return call(kvm, { ...frame, table: place }, callee);
}

/** Stores the first of the entries under way in the guest view. */
const keep = (kvm: KvmState, frame: IndirectFrame, count: number) =>
  storeTces(
    kvm,
    tableById(kvm, frame.stt)!,
    frame.entry + frame.done,
    Array.from({ length: count }, (_, i) => listed(frame.call, frame.done + i)),
  );

/** The entries before the one that failed stay, in both tables; that one is wiped from the hardware table. */
function failed(kvm: KvmState, frame: IndirectFrame, good: number, status: HcallCode): Step {
  const kept = keep(kvm, frame, good);
  if (kept.failed) return answerHcall(kept.kvm, 'H_TOO_HARD', kept.reports);
  const stopped: IndirectFrame = { ...frame, done: frame.done + good, now: 1, failed: status };
  const swallows = kvm.config.switches.kvmErrors === 'swallow';
  if (swallows && status === 'H_TOO_HARD') return answerHcall(kept.kvm, status, kept.reports);
  // The kernels that took the guest's index took that of the first entry.
  const { clearTceIndex } = kvm.config.switches;
  const entry = frame.entry + (clearTceIndex === 'hwIdx' ? stopped.done : 0);
  const wiped = clearFrame(kvm.config, tableById(kvm, frame.stt)!, frame.tables[frame.table]!, entry);
  const warned: readonly ReportBody[] = swallows ? [warn('kvmppc_h_put_tce_indirect')] : [];
  const reports = [...kept.reports, ...warned, ...wiped.reports];
  const clearing: IndirectFrame = { ...stopped, at: 'clearing' };
  if (wiped.frame !== null) return call(kept.kvm, clearing, wiped.frame, reports);
  const next = goOn(kept.kvm, clearing, { type: 'returned', value: { kind: 'nothing' } });
  return { ...next, reports: [...reports, ...next.reports] };
}
