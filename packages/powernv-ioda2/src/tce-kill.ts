import type { TableAccessReturn, TceCount, TceKill } from '@spapr-dma/protocol';
import type { Running } from './sent.js';
import { tceInvalidate } from './tce-invalidate.js';
import { touchedTable } from './tce-xchg.js';

/**
 * Invalidates a range of pages in every PE that has the table. Before linux-5.4 each exchange did it itself,
 * and this does nothing.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_tce_kill
 */
export function tceKill(running: Running, call: TceKill): TableAccessReturn {
  const { index, pages, from, thread, type } = call;
  const table = touchedTable(running, call.table);
  if (table !== undefined && running.powernv.config.features.killSplit) {
    tceInvalidate(running, table, index, pages);
  }
  return {
    type: 'table-access-return',
    from: 'powernv-ioda2',
    to: from,
    thread,
    call: type,
    done: table === undefined ? (0 as TceCount) : pages,
    ok: table !== undefined,
    old: [],
    slots: [],
  };
}
