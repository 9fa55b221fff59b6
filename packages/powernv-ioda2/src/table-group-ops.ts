import type { Errno, OpalCode, TableGroupOp, TableGroupReturn } from '@spapr-dma/protocol';
import { claimStatus, iommuGroupClaimDmaOwner, iommuGroupReleaseDmaOwner } from './claim-dma-owner.js';
import { createTableUserspace } from './create-table.js';
import { getTableSize } from './get-table-size.js';
import { iommuTceTableGet, iommuTceTablePut } from './iommu-tce-table-put.js';
import { releaseOwnership } from './release-ownership.js';
import { type Running, ran } from './sent.js';
import { setWindow } from './set-window.js';
import { groupOf, liveTableOf, withAccident, withGroup } from './state.js';
import { factsOf, tableGroupFacts } from './table-group-read.js';
import { takeOwnership } from './take-ownership.js';
import { unsetWindow } from './unset-window.js';

type Result = TableGroupReturn['result'];
type Op<Type extends TableGroupOp['type']> = Extract<TableGroupOp, { type: Type }>;

const OK = { ok: true, table: null, bytes: null, facts: null } as const satisfies Result;
const failed = (code: Errno | OpalCode): Result => ({ ok: false, code });
const errnoOr = (errno: Errno | null): Result => (errno === null ? OK : failed(errno));
const opalOr = (code: OpalCode): Result => (code === 'OPAL_SUCCESS' ? OK : failed(code));

/**
 * Until linux-6.3 the driver of VFIO takes the group, once.
 *
 * Abstraction: it would not come so far where a driver of the host is bound, since VFIO finds the group not
 * viable first; here the call itself answers `EPERM`.
 */
function take(running: Running, { group }: Op<'take_ownership'>): Result {
  const status = claimStatus(running.powernv, group);
  if (status !== null) return failed(status);
  const code = takeOwnership(running, group, null);
  if (code !== 'OPAL_SUCCESS') return failed(code);
  running.powernv = withGroup(running.powernv, { ...groupOf(running.powernv, group)!, owner: 'vfio' });
  return OK;
}

function release(running: Running, { group: id }: Op<'release_ownership'>): Result {
  const group = groupOf(running.powernv, id);
  if (group?.owner !== 'vfio') return failed('EINVAL');
  releaseOwnership(running, id, null);
  running.powernv = withGroup(running.powernv, { ...groupOf(running.powernv, id)!, owner: 'platform' });
  return OK;
}

function create(
  running: Running,
  { group: id, num, pageShift, windowSize, levels }: Op<'create_table'>,
): Result {
  const group = groupOf(running.powernv, id);
  if (group === undefined) return failed('ENODEV');
  const made = createTableUserspace(running, group, { num, pageShift, windowBytes: windowSize, levels });
  return typeof made === 'string' ? failed(made) : { ...OK, table: factsOf(made) };
}

function set(running: Running, { group, num, table }: Op<'set_window'>): Result {
  if (groupOf(running.powernv, group) === undefined) return failed('ENODEV');
  if (liveTableOf(running.powernv, table) === undefined) {
    running.powernv = withAccident(running.powernv, 'useAfterFree');
    return failed('EINVAL');
  }
  return opalOr(setWindow(running, group, num, table));
}

function size(running: Running, { pageShift, windowSize, levels }: Op<'get_table_size'>): Result {
  ran(running, 'pnv_pci_ioda2_get_table_size');
  const { config } = running.powernv;
  return { ...OK, bytes: getTableSize(config, { pageShift, windowBytes: windowSize, levels }) };
}

/** What each call does, and what it answers. */
const OPS: {
  readonly [Type in TableGroupOp['type']]: (running: Running, call: Op<Type>) => Result;
} = {
  iommu_group_claim_dma_owner: (running, { group }) => errnoOr(iommuGroupClaimDmaOwner(running, group)),
  iommu_group_release_dma_owner: (running, { group }) => errnoOr(iommuGroupReleaseDmaOwner(running, group)),
  take_ownership: take,
  release_ownership: release,
  get_table_size: size,
  create_table: create,
  set_window: set,
  unset_window: (running, { group, num }) =>
    groupOf(running.powernv, group) === undefined
      ? failed('ENODEV')
      : opalOr(unsetWindow(running, group, num)),
  table_group_read: ({ powernv }, { group }) => ({ ...OK, facts: tableGroupFacts(powernv, group) }),
  iommu_tce_table_get: (running, { table }) => (iommuTceTableGet(running, table) ? OK : failed('EINVAL')),
  iommu_tce_table_put: (running, { table }) => (iommuTceTablePut(running, table) ? OK : failed('EINVAL')),
};

/** A call of VFIO's or KVM's on a group or on a table's references, and its answer. */
export function tableGroupOp(running: Running, call: TableGroupOp): TableGroupReturn {
  const op = OPS[call.type] as (running: Running, call: TableGroupOp) => Result;
  const result = op(running, call);
  return {
    type: 'table-group-return',
    from: 'powernv-ioda2',
    to: call.from,
    thread: call.thread,
    call: call.type,
    result,
  };
}
