import type { Effect, IommuTableId } from '@spapr-dma/protocol';
import { mappedCount } from '@spapr-dma/tce-table';
import { type Running, ran } from './sent.js';
import { type IommuTable, liveTableOf, withAccident, withIommuTable } from './state.js';

/** What the recordings show of a table. */
export const shownTable = (table: IommuTable): Effect['args'] => ({
  tbl: table.table,
  off: table.offset,
  size: table.size,
  shift: table.pageShift,
  ind: table.levels - 1,
  lvlsz: table.levelSize,
  alloc: table.allocatedBytes,
});

/**
 * Takes a reference on a table; false, and nothing done, if it is being freed.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_tce_table_get
 */
export function iommuTceTableGet(running: Running, id: IommuTableId): boolean {
  const table = liveTableOf(running.powernv, id);
  if (table === undefined) return false;
  ran(running, 'iommu_tce_table_get', { tbl: id, kref: table.kref });
  running.powernv = withIommuTable(running.powernv, { ...table, kref: table.kref + 1 });
  return true;
}

/** Entries of the host's own map that drivers still hold: what is taken beside page 0 and the reserved range. */
export function heldEntries({ map, offset }: IommuTable): number {
  if (map === null) return 0;
  const [first, end] = map.reserved;
  return mappedCount(map.taken) - (end - first) - (offset === 0n ? 1 : 0);
}

/**
 * Drops a reference; the last one frees the table, with a warning where drivers still hold entries of it.
 * False if there is no such table.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_tce_table_put, iommu_table_free
 */
export function iommuTceTablePut(running: Running, id: IommuTableId): boolean {
  const table = liveTableOf(running.powernv, id);
  if (table === undefined) {
    running.powernv = withAccident(running.powernv, 'useAfterFree');
    return false;
  }
  ran(running, 'iommu_tce_table_put', { ...shownTable(table), kref: table.kref });
  const kref = table.kref - 1;
  running.powernv = withIommuTable(running.powernv, { ...table, kref });
  if (kref > 0) return true;
  const held = heldEntries(table);
  // The kernel prints "Unexpected TCEs" here.
  if (held > 0) ran(running, 'iommu_table_free', { tbl: id, unexpected: held });
  ran(running, 'pnv_pci_ioda2_table_free_pages', { tbl: id });
  running.powernv = withIommuTable(running.powernv, { ...table, kref, mode: 'freed' });
  return true;
}
