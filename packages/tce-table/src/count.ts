import type { TceCount, TceIndex } from '@spapr-dma/protocol';
import { positionOf } from './few.js';
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
  return mappedIn(table.root, table.height, 0, first, first + count) as TceCount;
}

/** Counts from `from` up to, not including, `to`, in a subtree that begins at `start`. */
function mappedIn(node: Node, height: number, start: number, from: number, to: number): number {
  if (node.kind === 'uniform') return isMapped(node.low) ? to - from : 0;
  if (node.mapped === 0) return 0;
  let mapped = 0;
  if (node.kind === 'leaf') {
    for (let index = from; index < to; index += 1) {
      if (isMapped(node.halves[2 * (index - start) + 1]!)) mapped += 1;
    }
  } else if (node.kind === 'few') {
    const { list } = node;
    for (let at = positionOf(list, from); at < list.length && list[at]! < to; at += 3) {
      if (isMapped(list[at + 2]!)) mapped += 1;
    }
  } else {
    const span = spanOf(height - 1);
    const lastSlot = Math.floor((to - 1 - start) / span);
    for (let slot = Math.floor((from - start) / span); slot <= lastSlot; slot += 1) {
      const child = node.children[slot]!;
      const childStart = start + slot * span;
      const childFrom = Math.max(from, childStart);
      const childTo = Math.min(to, childStart + span);
      const isWhole = childTo - childFrom === span;
      mapped += isWhole ? mappedOf(child, span) : mappedIn(child, height - 1, childStart, childFrom, childTo);
    }
  }
  return mapped;
}
