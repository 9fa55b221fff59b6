import {
  type IommuTableFacts,
  type TableGroupFacts,
  type TableGroupReturn,
  unreachable,
} from '@spapr-dma/protocol';
import type { AttachFrame } from './frames.js';
import { answerOf, isKvmFile } from './kvm-vfio.js';
import { effect } from './sent.js';
import type { SpaprTceIommuTable, SpaprTceTable } from './spapr-tce-table.js';
import { type KvmState, tableById, tableOfFd, withTable } from './state.js';
import { ask, type Resumption, refuse, type Step, succeed } from './steps.js';

/**
 * Whether calls on a guest view can write a hardware table as well: same start, pages no larger, and no shorter.
 * Up to linux-4.18 page size, start and size had to be the same (B-40).
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_spapr_tce_attach_iommu_group
 */
export function isCompatible(
  { switches }: KvmState['config'],
  table: SpaprTceTable,
  hw: IommuTableFacts,
): boolean {
  const size = BigInt(hw.size);
  if (switches.sizeMatch === 'exact') {
    return hw.pageShift === table.pageShift && hw.offset === table.offset && size === BigInt(table.size);
  }
  const bytes = (pages: bigint, shift: number): bigint => BigInt.asUintN(64, pages << BigInt(shift));
  return (
    hw.pageShift <= table.pageShift &&
    bytes(hw.offset, hw.pageShift) === bytes(table.offset, table.pageShift) &&
    bytes(size, hw.pageShift) >= bytes(BigInt(table.size), table.pageShift)
  );
}

/**
 * Attaches the first of a group's hardware tables that fits. A table that is attached already is counted once more,
 * and the reference just taken on it stays taken (B-20, B-56). Nothing is copied: what the guest view holds reaches
 * the hardware only if somebody replays it.
 *
 * Abstraction: an iommu table behind a LIOBN is unlinked at once when its kref gets to 0, so that −ENOTTY for one that
 * is going is never answered.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_spapr_tce_attach_iommu_group
 */
export function attachIommuGroup(kvm: KvmState, frame: AttachFrame, resumed: Resumption): Step {
  if (resumed.type === 'begin') return begin(kvm, frame);
  if (frame.at === 'findingTableFile') {
    return refuse(kvm, answerOf(resumed).file === null ? 'EBADF' : 'EINVAL');
  }
  if (frame.at === 'puttingTable') return frame.failed === null ? succeed(kvm) : refuse(kvm, frame.failed);
  if (resumed.type !== 'answer' || resumed.answer.type !== 'table-group-return') {
    return unreachable(`${frame.fn} was not answered`);
  }
  const { result } = resumed.answer;
  return frame.at === 'readingGroup' ? choose(kvm, frame, factsOf(result)) : take(kvm, frame, result.ok);
}

const factsOf = (result: TableGroupReturn['result']): TableGroupFacts | null =>
  result.ok ? result.facts : null;

function begin(kvm: KvmState, frame: AttachFrame): Step {
  const { tableFd, group } = frame;
  const ran = [effect('kvm_spapr_tce_attach_iommu_group', { tablefd: tableFd, grp: group })];
  const table = tableOfFd(kvm, tableFd);
  if (table !== undefined) {
    return ask(
      kvm,
      'attaching.readingGroup',
      { ...frame, at: 'readingGroup', stt: table.id },
      { type: 'table_group_read', group },
      ran,
    );
  }
  if (isKvmFile(kvm, tableFd)) return refuse(kvm, 'EINVAL', ran);
  return ask(
    kvm,
    'attaching.findingTableFile',
    { ...frame, at: 'findingTableFile' },
    { type: 'vfio_file', fd: tableFd },
    ran,
  );
}

/** A table whose file nobody held may be freed by now; what is read there is not modelled, but reported (B-35). */
const freed = (kvm: KvmState): Step =>
  refuse(kvm, 'EINVAL', [effect('kvm_spapr_tce_attach_iommu_group', { useAfterFree: true })]);

function choose(kvm: KvmState, frame: AttachFrame, facts: TableGroupFacts | null): Step {
  if (facts === null) {
    return refuse(kvm, 'EFAULT', [effect('WARN_ON', { where: 'kvm_spapr_tce_attach_iommu_group' })]);
  }
  const table = tableById(kvm, frame.stt);
  if (table === undefined) return freed(kvm);
  const hw = facts.tables.find((one) => one !== null && isCompatible(kvm.config, table, one)) ?? null;
  if (hw === null || !kvm.config.features.spaprTceVfio) return refuse(kvm, 'EINVAL');
  return ask(
    kvm,
    'attaching.takingTable',
    { ...frame, at: 'takingTable', hw },
    { type: 'iommu_tce_table_get', table: hw.table },
  );
}

/** Refused where the table is being freed. */
function take(kvm: KvmState, frame: AttachFrame, ok: boolean): Step {
  if (!ok) return refuse(kvm, 'EINVAL');
  const hw = frame.hw ?? unreachable('a table was taken that was not chosen');
  const table = tableById(kvm, frame.stt);
  if (table === undefined) return freed(kvm);
  const known = table.iommuTables.find((one) => one.hw.table === hw.table);
  return known === undefined ? attach(kvm, frame, table, hw) : again(kvm, frame, table, known);
}

function attach(kvm: KvmState, frame: AttachFrame, table: SpaprTceTable, hw: IommuTableFacts): Step {
  if (kvm.failNext.iommuTable) {
    return ask(
      { ...kvm, failNext: { ...kvm.failNext, iommuTable: false } },
      'attaching.puttingTable',
      { ...frame, at: 'puttingTable', failed: 'ENOMEM' },
      { type: 'iommu_tce_table_put', table: hw.table },
    );
  }
  const attached: SpaprTceIommuTable = { hw, kref: 1, groups: [frame.group] };
  return succeed(withTable(kvm, { ...table, iommuTables: [attached, ...table.iommuTables] }));
}

/**
 * The table is attached already: by this group (B-20), or by another one that shares it (B-56). Where the first is
 * mended, attaching a group twice is as attaching it once, since it is released once.
 */
function again(kvm: KvmState, frame: AttachFrame, table: SpaprTceTable, known: SpaprTceIommuTable): Step {
  const { attachRefLeak, attachRefPerGroup } = kvm.config.switches;
  const isMine = known.groups.includes(frame.group);
  const mended = (isMine ? attachRefLeak : attachRefPerGroup) === 'fixed';
  const next: SpaprTceIommuTable = isMine
    ? { ...known, kref: known.kref + (mended ? 0 : 1) }
    : {
        ...known,
        kref: known.kref + 1,
        groups: [...known.groups, frame.group].sort((a, b) => a - b),
      };
  const iommuTables = table.iommuTables.map((one) => (one === known ? next : one));
  const counted = withTable(kvm, { ...table, iommuTables });
  if (!mended) return succeed(counted);
  return ask(
    counted,
    'attaching.puttingTable',
    { ...frame, at: 'puttingTable', failed: null },
    { type: 'iommu_tce_table_put', table: known.hw.table },
  );
}
