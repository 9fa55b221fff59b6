import type { IommuTableId, TceCount, TceIndex } from '@spapr-dma/protocol';
import { tceTable, withFill } from '@spapr-dma/tce-table';
import { shownTable } from './iommu-tce-table-put.js';
import { type Running, ran } from './sent.js';
import { type AllocationMap, liveTableOf, withIommuTable } from './state.js';
import { tceInvalidate } from './tce-invalidate.js';

const TAKEN = 1n as never;

/** The map of a table of which no entry is handed out: page 0 and the reserved range are nobody's. */
export function emptyMap(
  size: TceCount,
  offset: bigint,
  [first, end]: readonly [TceIndex, TceIndex],
): AllocationMap {
  const reserved = withFill(tceTable(size), first, (end - first) as TceCount, TAKEN);
  const taken = offset === 0n ? withFill(reserved, 0 as TceIndex, 1 as TceCount, TAKEN) : reserved;
  return { taken, hint: 0 as TceIndex, reserved: [first, end] };
}

/**
 * Makes a table one of the host's DMA API: gives it a map of what is taken, and clears it.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_init_table
 */
export function iommuInitTable(
  running: Running,
  id: IommuTableId,
  resStart: TceIndex,
  resEnd: TceIndex,
): void {
  const table = liveTableOf(running.powernv, id)!;
  ran(running, 'iommu_init_table', {
    ...shownTable(table),
    res_start: resStart,
    res_end: resEnd,
    kref: table.kref,
  });
  const map = emptyMap(table.size, table.offset, [resStart, resEnd]);
  running.powernv = withIommuTable(running.powernv, { ...table, map });
  tceInvalidate(running, table, 0 as TceIndex, table.size);
}
