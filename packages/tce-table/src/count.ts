import type { TceCount, TceIndex } from '@spapr-dma/protocol';
import { isMapped } from './halves.js';
import { mappedOf, type Node, nonZeroOf } from './node.js';
import { spanOf } from './shape.js';
import { assertRange, type TceTable } from './table.js';

/** How many entries let a device through, that is, have a permission bit. Kept with the tree, so it costs nothing. */
export const mappedCount = (table: TceTable): TceCount => mappedOf(table.root, table.entries) as TceCount;

/** How many entries are not zero: an address without a permission bit maps nothing but is not zero. */
export const nonZeroCount = (table: TceTable): TceCount => nonZeroOf(table.root, table.entries) as TceCount;

/**
 * How many entries of a range let a device through. Only the edges of the range are looked into.
 * @throws RangeError if the range does not lie in the table.
 */
export function mappedCountIn(table: TceTable, first: TceIndex, count: TceCount): TceCount {
  assertRange(table, first, count);
  if (count === table.entries) return mappedCount(table);
  return mappedIn(table.root, table.height, first, first + count) as TceCount;
}

/** Counts from `from` up to, not including, `to`; both count from the subtree's first entry. */
function mappedIn(node: Node, height: number, from: number, to: number): number {
  if (node.kind === 'uniform') return isMapped(node.low) ? to - from : 0;
  if (node.mapped === 0 || from === to) return 0;
  if (node.kind === 'leaf') {
    let mapped = 0;
    for (let entry = from; entry < to; entry += 1) mapped += isMapped(node.halves[2 * entry + 1]!) ? 1 : 0;
    return mapped;
  }
  const span = spanOf(height - 1);
  const lastSlot = Math.floor((to - 1) / span);
  let mapped = 0;
  for (let slot = Math.floor(from / span); slot <= lastSlot; slot += 1) {
    const child = node.children[slot]!;
    const start = Math.max(from - slot * span, 0);
    const end = Math.min(to - slot * span, span);
    mapped += end - start === span ? mappedOf(child, span) : mappedIn(child, height - 1, start, end);
  }
  return mapped;
}
