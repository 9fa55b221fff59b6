import { type EnabledTable, type QemuState, regionOf } from '@spapr-dma/qemu-spapr';

/** Do devices find a window elsewhere than hypercalls, or another one? Only a loaded stream does that. */
export const isMoved = (table: EnabledTable): boolean =>
  table.region.start !== table.busOffset || table.region.bytes !== regionOf(table).bytes;

/** Do devices find two windows at one address? */
export const overlap = ({ region: a }: EnabledTable, { region: b }: EnabledTable): boolean =>
  a.start < b.start + b.bytes && b.start < a.start + a.bytes;

/** The other window of a PHB, where it overlaps this one. */
export function overlapOf({ tables }: QemuState, table: EnabledTable): EnabledTable | undefined {
  if (table.owner.kind !== 'phb') return undefined;
  const wanted = (table.liobn ^ 1) >>> 0;
  for (const other of tables)
    if (other.liobn === wanted) return other.mode === 'enabled' && overlap(table, other) ? other : undefined;
  return undefined;
}
