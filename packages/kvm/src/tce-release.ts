import { unreachable } from '@spapr-dma/protocol';
import type { ReleaseTableFrame } from './frames.js';
import { effect } from './sent.js';
import { callRcu, type KvmState, tableById, withTable } from './state.js';
import { ask, done, type Resumption, type Step } from './steps.js';
import { sttPages } from './tce-create.js';

/**
 * The last user of a table's file has gone: no call finds the LIOBN any more, every hardware table is let go
 * whatever its kref, the charge is given back, and RCU frees the rest.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_spapr_tce_release
 */
export function tceRelease(kvm: KvmState, frame: ReleaseTableFrame, resumed: Resumption): Step {
  const table = tableById(kvm, frame.stt) ?? unreachable('a table that is freed is released');
  if (resumed.type !== 'begin') return done(callRcu(kvm, { kind: 'table', stt: table.id }));
  let unlinked = withTable(kvm, { ...table, mode: 'DYING', fd: null, iommuTables: [] });
  const reports = [effect('kvm_spapr_tce_release', { liobn: table.liobn })];
  for (const { hw } of table.iommuTables) {
    reports.push(effect('kvm_spapr_tce_liobn_put', { tbl: hw.table }));
    unlinked = callRcu(unlinked, { kind: 'iommuTable', hw });
  }
  if (!kvm.config.features.chargesViews) {
    return done(callRcu(unlinked, { kind: 'table', stt: table.id }), reports);
  }
  return ask(
    unlinked,
    'releasing.uncharging',
    { ...frame, at: 'uncharging' },
    {
      type: 'account_locked_vm',
      pages: sttPages(kvm.config.hostPageShift, BigInt(table.size)),
      inc: false,
    },
    reports,
  );
}
