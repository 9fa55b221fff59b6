import type { TceCount, TceIndex } from '@spapr-dma/protocol';
import { nonZeroCount, withFill } from '@spapr-dma/tce-table';
import { callOn, peNow } from './opal.js';
import { costs, type Running, ran } from './sent.js';
import { type IommuTable, type Pe, peOfGroup, phbOf, withPe } from './state.js';

/** A store to the PHB3's register that names one page. */
const INVAL_ONE = 1n << 61n;

/**
 * Stores that a PHB3 kernel makes for a range: one for each page, by a loop from the first address to the last
 * one. With no page the last address is one page before the first. At address 0 that wraps around, and the
 * loop goes on nearly for ever; elsewhere it ends at once.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_phb3_tce_invalidate
 */
export function phb3KillWrites(start: bigint, pageShift: number, pages: TceCount): number {
  if (pages > 0) return pages;
  if (start > 0n) return 0;
  const page = 1n << BigInt(pageShift);
  return Number((BigInt.asUintN(64, -page) - INVAL_ONE) / page + 1n);
}

/** What a PE's cache may still hold, without a range of one table. */
function forget(running: Running, at: Pe, { table }: IommuTable, first: TceIndex, count: TceCount): void {
  const pe = peNow(running, at);
  const cached = pe.cache.find((each) => each.table === table);
  if (cached === undefined) return;
  const end = Math.min(first + count, cached.tces.entries);
  const tces =
    first < end ? withFill(cached.tces, first, (end - first) as TceCount, 0n as never) : cached.tces;
  const cache = pe.cache.flatMap((each) =>
    each !== cached ? [each] : nonZeroCount(tces) === 0 ? [] : [{ table, tces }],
  );
  running.powernv = withPe(running.powernv, { ...pe, cache });
}

/**
 * Makes every PE that has the table forget a range of translations, the one that got it last first. `calls` is
 * how often it is done: once for a range, or for each of its pages, which differs in cost and in nothing else.
 *
 * Abstraction: also what is done page by page is told as one call.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_tce_invalidate
 */
export function tceInvalidate(
  running: Running,
  table: IommuTable,
  index: TceIndex,
  pages: TceCount,
  calls = 1,
): void {
  ran(running, 'pnv_pci_ioda2_tce_invalidate');
  const start = (table.offset + BigInt(index)) << BigInt(table.pageShift);
  for (const group of table.groups) {
    const pe = peOfGroup(running.powernv, group)!;
    killPages(running, pe, table, start, pages, calls);
    forget(running, pe, table, index, pages);
  }
}

function killPages(
  running: Running,
  pe: Pe,
  table: IommuTable,
  start: bigint,
  pages: TceCount,
  calls: number,
): void {
  if (phbOf(running.powernv, pe.phb)!.generation !== 'PHB3') {
    running.sent.push({
      type: 'opal_pci_tce_kill',
      ...callOn(running, pe),
      code: 'OPAL_SUCCESS',
      kind: 'PAGES',
      start,
      pages,
    });
    costs(running, 'kill', calls);
    return;
  }
  const endless = running.powernv.config.switches.killZeroPages === 'unfixed';
  const writes = pages === 0 && !endless ? 0 : phb3KillWrites(start, table.pageShift, pages);
  running.sent.push({
    type: 'tce_kill_register',
    ...callOn(running, pe),
    code: 'OPAL_SUCCESS',
    kind: 'ONE',
    start,
    writes,
  });
  costs(running, 'kill', writes);
}

/**
 * Makes a PE forget all translations.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_tce_invalidate_pe
 */
export function tceInvalidatePe(running: Running, at: Pe): void {
  const pe = peNow(running, at);
  const call = { ...callOn(running, pe), code: 'OPAL_SUCCESS', kind: 'PE', start: 0n } as const;
  if (phbOf(running.powernv, pe.phb)!.generation === 'PHB3') {
    running.sent.push({ ...call, type: 'tce_kill_register', writes: 1 });
  } else {
    running.sent.push({ ...call, type: 'opal_pci_tce_kill', pages: 0 as TceCount });
  }
  costs(running, 'kill', 1);
  if (pe.cache.length > 0) running.powernv = withPe(running.powernv, { ...pe, cache: [] });
}
