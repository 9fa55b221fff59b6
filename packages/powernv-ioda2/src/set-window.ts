import type { GroupId, IommuTableId, OpalCode } from '@spapr-dma/protocol';
import { iommuTceTableGet, shownTable } from './iommu-tce-table-put.js';
import { opalPciMapPeDmaWindow } from './opal.js';
import { type Running, ran } from './sent.js';
import { groupOf, liveTableOf, peOfGroup, withGroup, withIommuTable } from './state.js';
import { tceInvalidatePe } from './tce-invalidate.js';

/**
 * Programs a window of a group's PE with a table, and links the two. What the firmware refuses changes nothing.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_set_window
 */
export function setWindow(running: Running, id: GroupId, num: 0 | 1, tableId: IommuTableId): OpalCode {
  const group = groupOf(running.powernv, id)!;
  const pe = peOfGroup(running.powernv, id)!;
  const table = liveTableOf(running.powernv, tableId)!;
  const [t0, t1] = group.tables;
  ran(running, 'pnv_pci_ioda2_set_window', {
    tg: id,
    t0,
    t1,
    num,
    ...shownTable(table),
    kref: table.kref,
  });
  const code = opalPciMapPeDmaWindow(running, pe, num, table);
  if (code !== 'OPAL_SUCCESS') return code;
  linkTableAndGroup(running, id, num, tableId);
  tceInvalidatePe(running, pe);
  return 'OPAL_SUCCESS';
}

/**
 * The group comes first in the table's list, and its slot holds a reference.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_link_table_and_group
 */
function linkTableAndGroup(running: Running, id: GroupId, num: 0 | 1, tableId: IommuTableId): void {
  const { kref, groups } = liveTableOf(running.powernv, tableId)!;
  ran(running, 'pnv_pci_link_table_and_group', { num, tbl: tableId, kref, tg: id });
  iommuTceTableGet(running, tableId);
  running.powernv = withIommuTable(running.powernv, {
    ...liveTableOf(running.powernv, tableId)!,
    groups: [id, ...groups],
  });
  const group = groupOf(running.powernv, id)!;
  const { tables } = group;
  running.powernv = withGroup(running.powernv, {
    ...group,
    tables: num === 0 ? [tableId, tables[1]] : [tables[0], tableId],
  });
}
