import { unreachable } from '@spapr-dma/protocol';
import type { ReleaseGroupFrame } from './frames.js';
import { effect, type ReportBody } from './sent.js';
import type { SpaprTceIommuTable } from './spapr-tce-table.js';
import { callRcu, type KvmState, withTable } from './state.js';
import { ask, done, type Resumption, type Step } from './steps.js';

/**
 * A group leaves: each of its hardware tables is counted down behind every LIOBN, and unlinked at 0. A table whose
 * window the group has no more is not found, and stays until its LIOBN is closed. Up to linux-4.20 only the first
 * table found is counted down.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_spapr_tce_release_iommu_group
 */
export function releaseIommuGroup(kvm: KvmState, frame: ReleaseGroupFrame, resumed: Resumption): Step {
  const { group } = frame;
  if (resumed.type === 'begin') {
    return ask(
      kvm,
      'detaching.readingGroup',
      { ...frame, at: 'readingGroup' },
      { type: 'table_group_read', group },
      [effect('kvm_spapr_tce_release_iommu_group', { grp: group })],
    );
  }
  if (resumed.type !== 'answer' || resumed.answer.type !== 'table-group-return') {
    return unreachable(`${frame.fn} was not answered`);
  }
  const { result } = resumed.answer;
  if (!result.ok || result.facts === null) {
    return done(kvm, [effect('WARN_ON', { where: 'kvm_spapr_tce_release_iommu_group' })]);
  }
  const { tables } = result.facts;
  const isGroups = (id: number): boolean => tables.some((hw) => hw !== null && hw.table === id);
  return letGo(kvm, group, isGroups);
}

function letGo(kvm: KvmState, group: number, isGroups: (id: number) => boolean): Step {
  const reports: ReportBody[] = [];
  let left = kvm;
  for (const table of kvm.tables.filter(({ mode }) => mode === 'PRESENT')) {
    let iommuTables = table.iommuTables;
    for (const known of table.iommuTables.filter(({ hw }) => isGroups(hw.table))) {
      const kref = known.kref - 1;
      const next: readonly SpaprTceIommuTable[] =
        kref === 0 ? [] : [{ ...known, kref, groups: known.groups.filter((one) => one !== group) }];
      iommuTables = iommuTables.flatMap((one) => (one === known ? next : [one]));
      left = withTable(left, { ...table, iommuTables });
      if (kref === 0) {
        reports.push(effect('kvm_spapr_tce_liobn_put', { tbl: known.hw.table }));
        left = callRcu(left, { kind: 'iommuTable', hw: known.hw });
      }
      if (!kvm.config.features.releaseAll) return done(left, reports);
    }
  }
  return done(left, reports);
}
