import { unreachable } from '@spapr-dma/protocol';
import type { PutFrame } from './frames.js';
import { clearFrame, failure, mapFrame, nextTable, unmapFrame, warn } from './hardware.js';
import { entryAt, iobaStatus, permOf, tceStatus } from './ioba-validate.js';
import { tceToUa } from './memslots.js';
import { effect, type ReportBody } from './sent.js';
import { type KvmState, presentTable, tableById } from './state.js';
import { answerHcall, call, type Resumption, type Step } from './steps.js';
import { hasPage, storeTces } from './view-pages.js';

/**
 * H_PUT_TCE: finds the table, looks at the address and the TCE, writes each hardware table, then the guest view.
 * Whatever KVM cannot do itself is H_TOO_HARD and goes to QEMU.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_h_put_tce
 */
export const hPutTce = (kvm: KvmState, frame: PutFrame, resumed: Resumption): Step =>
  resumed.type === 'begin' ? begin(kvm, frame) : goOn(kvm, frame, resumed);

function begin(kvm: KvmState, { call: hcall, real }: PutFrame): Step {
  const table = presentTable(kvm, hcall.liobn);
  if (table === undefined) return answerHcall(kvm, 'H_TOO_HARD');
  const addressed = iobaStatus(kvm.config, table, hcall.type, hcall.ioba, 1n);
  if (addressed !== 'H_SUCCESS') return answerHcall(kvm, addressed);
  const entry = entryAt(table, hcall.ioba);
  if (real && hcall.tce !== 0n && !hasPage(kvm, table, entry)) return answerHcall(kvm, 'H_TOO_HARD');
  const valid = tceStatus(kvm, table, hcall.tce);
  if (valid !== 'H_SUCCESS') return answerHcall(kvm, valid);
  const maps = permOf(hcall.tce) !== 0 && kvm.config.features.spaprTceVfio;
  const ua = maps ? (tceToUa(kvm, hcall.tce) ?? null) : null;
  if (maps && ua === null) return answerHcall(kvm, 'H_PARAMETER');
  const tables = table.iommuTables.map(({ hw }) => hw);
  const frame: PutFrame = {
    fn: 'kvmppc_h_put_tce',
    at: 'mapping',
    call: hcall,
    real,
    stt: table.id,
    tables,
    entry,
    table: 0,
    ua,
    failed: 'H_SUCCESS',
  };
  if (tables.length === 0) return stored(kvm, frame);
  const ran = [effect('kvmppc_h_put_tce', { liobn: hcall.liobn, ioba: hcall.ioba, tce: hcall.tce, real })];
  if (permOf(hcall.tce) === 0 || kvm.config.features.validate !== 'regions') {
    return onTable(kvm, frame, 0, ran);
  }
  const { pageShift } = table;
  return call(
    kvm,
    { ...frame, at: 'validating' },
    {
      fn: 'kvmppc_tce_validate',
      tables,
      table: 0,
      ua: ua!,
      pageShift,
      asked: 1,
      count: 1,
      done: 0,
      found: 0,
    },
    ran,
  );
}

/** Goes on with a call that met hardware tables. */
function goOn(kvm: KvmState, frame: PutFrame, resumed: Resumption): Step {
  if (resumed.type !== 'returned') return unreachable(`${frame.fn} waits for no answer`);
  const { value } = resumed;
  if (frame.at === 'clearing') {
    return failure(kvm.config, frame.failed) === 'H_TOO_HARD'
      ? answerHcall(kvm, frame.failed)
      : onTable(kvm, { ...frame, at: 'mapping' }, frame.table + 1);
  }
  if (value.kind !== 'entries') return unreachable(`${frame.fn} was returned ${value.kind}`);
  if (frame.at === 'validating') {
    if (value.status !== 'H_SUCCESS') return answerHcall(kvm, value.status);
    // The guest's memory may have gone while it was looked at.
    const ua = tceToUa(kvm, frame.call.tce);
    if (ua === undefined) return answerHcall(kvm, 'H_PARAMETER');
    return onTable(kvm, { ...frame, at: 'mapping', ua }, 0);
  }
  if (value.status === 'H_SUCCESS') return onTable(kvm, frame, frame.table + 1);
  return failed(kvm, { ...frame, failed: value.status });
}

/** Writes the next hardware table that is still attached; after the last one, the guest view. */
function onTable(kvm: KvmState, frame: PutFrame, from: number, reports: readonly ReportBody[] = []): Step {
  const place = nextTable(kvm, frame, from);
  const hw = frame.tables[place];
  if (hw === undefined) return stored(kvm, frame, reports);
  const table = tableById(kvm, frame.stt)!;
  const perm = permOf(frame.call.tce);
  const callee =
    perm === 0
      ? unmapFrame(table, hw, frame.entry, 1)
      : mapFrame(table, hw, frame.entry, 1, { ua: frame.ua!, perm, alloc: !frame.real });
  return call(kvm, { ...frame, table: place }, callee, reports);
}

/** What could not be written is wiped; up to linux-4.19, but for H_TOO_HARD, the guest does not hear of it (B-15). */
function failed(kvm: KvmState, frame: PutFrame): Step {
  const swallows = kvm.config.switches.kvmErrors === 'swallow';
  if (swallows && frame.failed === 'H_TOO_HARD') return answerHcall(kvm, 'H_TOO_HARD');
  const table = tableById(kvm, frame.stt)!;
  const wiped = clearFrame(kvm.config, table, frame.tables[frame.table]!, frame.entry);
  const reports = [...(swallows ? [warn('kvmppc_h_put_tce')] : []), ...wiped.reports];
  const clearing: PutFrame = { ...frame, at: 'clearing' };
  if (wiped.frame !== null) return call(kvm, clearing, wiped.frame, reports);
  const next = goOn(kvm, clearing, { type: 'returned', value: { kind: 'nothing' } });
  return { ...next, reports: [...reports, ...next.reports] };
}

function stored(kvm: KvmState, frame: PutFrame, reports: readonly ReportBody[] = []): Step {
  const after = storeTces(kvm, tableById(kvm, frame.stt)!, frame.entry, [frame.call.tce]);
  return answerHcall(after.kvm, after.failed ? 'H_TOO_HARD' : 'H_SUCCESS', [...reports, ...after.reports]);
}
