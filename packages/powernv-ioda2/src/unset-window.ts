import type { GroupId, IommuTableId, OpalCode } from '@spapr-dma/protocol';
import { iommuTceTablePut } from './iommu-tce-table-put.js';
import { opalPciMapPeDmaWindow } from './opal.js';
import { type Running, ran } from './sent.js';
import { groupOf, peOfGroup, tableOf, withGroup, withIommuTable } from './state.js';
import { tceInvalidatePe } from './tce-invalidate.js';

/**
 * Disables a window of a group's PE and takes table and group apart. Entries stay in the table as they are.
 *
 * Where the firmware refuses (B-50), the window goes on working; the kernel takes the two apart all the same,
 * and whoever drops the last reference frees a table that the hardware walks. Fixed, the two stay together.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_unset_window
 */
export function unsetWindow(running: Running, id: GroupId, num: 0 | 1): OpalCode {
  const { tables } = groupOf(running.powernv, id)!;
  const pe = peOfGroup(running.powernv, id)!;
  ran(running, 'pnv_pci_ioda2_unset_window', { tg: id, t0: tables[0], t1: tables[1], num });
  const code = opalPciMapPeDmaWindow(running, pe, num, null);
  if (code === 'OPAL_SUCCESS') tceInvalidatePe(running, pe);
  else if (running.powernv.config.switches.unsetFailure === 'fixed') return code;
  const table = tables[num];
  if (table !== null) unlinkTableAndGroup(running, id, table);
  return code;
}

/**
 * Drops the reference of each slot of the group that holds the table.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_unlink_table_and_group
 */
function unlinkTableAndGroup(running: Running, id: GroupId, tableId: IommuTableId): void {
  ran(running, 'pnv_pci_unlink_table_and_group', { tbl: tableId, tg: id });
  const table = tableOf(running.powernv, tableId);
  if (table !== undefined) {
    const at = table.groups.indexOf(id);
    running.powernv = withIommuTable(running.powernv, { ...table, groups: table.groups.toSpliced(at, 1) });
  }
  for (const num of [0, 1] as const) {
    const group = groupOf(running.powernv, id)!;
    if (group.tables[num] !== tableId) continue;
    const tables = num === 0 ? ([null, group.tables[1]] as const) : ([group.tables[0], null] as const);
    running.powernv = withGroup(running.powernv, { ...group, tables });
    iommuTceTablePut(running, tableId);
  }
}
