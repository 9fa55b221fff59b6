import { type PhbProperties, QUERY_PAGE_SIZES, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  type EnabledTable,
  phbOfIndex,
  type QemuState,
  tablesOfPhb,
  withPhb,
  withTable,
} from '@spapr-dma/qemu-spapr';
import { forEachRun, type TceTable, tceTable, withFill } from '@spapr-dma/tce-table';
import { type Branch, qemuOf, withQemu } from './branch.js';
import type { WindowPlace } from './default-window.js';
import { withDoubts } from './explain-call.js';

/** Changes to what a branch takes for granted: another machine that explains the same lines. */

/** The branch with other properties of one PHB. */
export function withProperties(branch: Branch, index: number, properties: Partial<PhbProperties>): Branch {
  const phb = phbOfIndex(qemuOf(branch), index);
  if (phb === undefined) return branch;
  return withQemu(
    branch,
    withPhb(qemuOf(branch), { ...phb, properties: { ...phb.properties, ...properties, index } }),
  );
}

/** A page size mask that a query reports so: only the sizes the query has a bit for are known. */
export const pgszOfQuery = (mask: number): bigint =>
  QUERY_PAGE_SIZES.filter(({ bit }) => (mask & bit) !== 0).reduce(
    (pgsz, { shift }) => pgsz | (1n << BigInt(shift)),
    0n,
  );

/** The default window of a PHB where it has one: slot 0, where the PHB's properties put it. */
export function defaultTableOf(qemu: QemuState, index: number): EnabledTable | undefined {
  const phb = phbOfIndex(qemu, index);
  const slot = tablesOfPhb(qemu, index)[0];
  if (phb === undefined || slot?.mode !== 'enabled' || !slot.defWin || slot.pageShift !== 12)
    return undefined;
  const { dmaWinAddr, dmaWinSize } = phb.properties;
  const isDefault = slot.busOffset === dmaWinAddr && BigInt(slot.nbTable) === dmaWinSize >> 12n;
  return isDefault ? slot : undefined;
}

/** Entries of a table of another place, as far as they lie in both. */
function moved(view: TceTable, entries: number, by: bigint): TceTable {
  let result = tceTable(tceCount(entries));
  forEachRun(view, (first, count, high, low) => {
    const from = BigInt(first) + by;
    const start = from < 0n ? 0n : from;
    const end = from + BigInt(count) < BigInt(entries) ? from + BigInt(count) : BigInt(entries);
    if (end <= start) return;
    const value = ((BigInt(high) << 32n) | BigInt(low)) as Parameters<typeof withFill>[3];
    result = withFill(result, tceIndex(Number(start)), tceCount(Number(end - start)), value);
  });
  return result;
}

/** The branch with the default window of a PHB in another place; what was mapped stays at its addresses. */
export function withDefaultPlace(branch: Branch, index: number, { start, bytes }: WindowPlace): Branch {
  const table = defaultTableOf(qemuOf(branch), index);
  if (table?.busOffset === start && table.region.bytes === bytes) return branch;
  const changed = withProperties(branch, index, { dmaWinAddr: start, dmaWinSize: bytes });
  if (table === undefined) return changed;
  const nbTable = tceCount(Number(BigInt.asUintN(32, bytes >> 12n)));
  const shifted = (table.busOffset - start) >> 12n;
  const next: EnabledTable = {
    ...table,
    busOffset: start,
    nbTable,
    region: { start, bytes },
    view: moved(table.view, nbTable, shifted),
  };
  const placed = withQemu(changed, withTable(qemuOf(changed), next));
  const doubts = branch.doubts.get(table.liobn);
  if (doubts === undefined) return placed;
  return withDoubts(placed, table.liobn, {
    ...doubts,
    kinds: moved(doubts.kinds, nbTable, shifted),
    others: moved(doubts.others, nbTable, shifted),
  });
}
