import type { TceCount, TceIndex } from '@spapr-dma/protocol';
import { isMapped } from './halves.js';
import type { Node } from './node.js';
import { spanOf } from './shape.js';
import { assertRange, type TceTable } from './table.js';

/** Sees one entry, as its unsigned 32-bit halves. */
export type EntryVisitor = (index: TceIndex, high: number, low: number) => void;
/** Sees a range of entries that are all the same, as their unsigned 32-bit halves. */
export type RunVisitor = (first: TceIndex, count: TceCount, high: number, low: number) => void;

/**
 * Visits, in order, the entries that let a device through: of the whole table, or of a range. It costs what
 * is visited and the branches above it; absent subtrees are stepped over.
 * @throws RangeError if the range does not lie in the table.
 */
export function forEachMapped(
  table: TceTable,
  visit: EntryVisitor,
  first: TceIndex = 0 as TceIndex,
  count: TceCount = (table.entries - first) as TceCount,
): void {
  forEachPiece(table, first, count, (from, length, high, low) => {
    if (!isMapped(low)) return;
    for (let index: number = from; index < from + length; index += 1) visit(index as TceIndex, high, low);
  });
}

/**
 * Visits, in order, the entries that are not zero: of the whole table, or of a range.
 * @throws RangeError if the range does not lie in the table.
 */
export function forEachNonZero(
  table: TceTable,
  visit: EntryVisitor,
  first: TceIndex = 0 as TceIndex,
  count: TceCount = (table.entries - first) as TceCount,
): void {
  forEachPiece(table, first, count, (from, length, high, low) => {
    for (let index: number = from; index < from + length; index += 1) visit(index as TceIndex, high, low);
  });
}

/**
 * Visits, in order, the longest runs of equal entries that are not zero: of the whole table, or of a range, at
 * whose ends runs are cut. A table filled with one value is one visit.
 * @throws RangeError if the range does not lie in the table.
 */
export function forEachRun(
  table: TceTable,
  visit: RunVisitor,
  first: TceIndex = 0 as TceIndex,
  count: TceCount = (table.entries - first) as TceCount,
): void {
  let runFirst = 0;
  let runCount = 0;
  let runHigh = 0;
  let runLow = 0;
  forEachPiece(table, first, count, (from, length, high, low) => {
    if (runCount > 0 && from === runFirst + runCount && high === runHigh && low === runLow) {
      runCount += length;
      return;
    }
    if (runCount > 0) visit(runFirst as TceIndex, runCount as TceCount, runHigh, runLow);
    runFirst = from;
    runCount = length;
    runHigh = high;
    runLow = low;
  });
  if (runCount > 0) visit(runFirst as TceIndex, runCount as TceCount, runHigh, runLow);
}

/** Visits what is not zero as the tree holds it: single entries, and whole uniform subtrees. */
function forEachPiece(table: TceTable, first: number, count: number, visit: RunVisitor): void {
  assertRange(table, first, count);
  if (count > 0) piecesOf(table.root, table.height, 0, first, first + count, visit);
}

/** The pieces of a subtree that begins at `start`, from `from` up to, not including, `to`, both in the table. */
function piecesOf(
  node: Node,
  height: number,
  start: number,
  from: number,
  to: number,
  visit: RunVisitor,
): void {
  if (node.kind === 'uniform') {
    if ((node.high | node.low) !== 0) visit(from as TceIndex, (to - from) as TceCount, node.high, node.low);
  } else if (node.kind === 'leaf') {
    const { halves } = node;
    for (let entry = from - start; entry < to - start; entry += 1) {
      const high = halves[2 * entry]!;
      const low = halves[2 * entry + 1]!;
      if ((high | low) !== 0) visit((start + entry) as TceIndex, 1 as TceCount, high, low);
    }
  } else {
    const span = spanOf(height - 1);
    const lastSlot = Math.floor((to - 1 - start) / span);
    for (let slot = Math.floor((from - start) / span); slot <= lastSlot; slot += 1) {
      const child = node.children[slot]!;
      const childStart = start + slot * span;
      piecesOf(
        child,
        height - 1,
        childStart,
        Math.max(from, childStart),
        Math.min(to, childStart + span),
        visit,
      );
    }
  }
}
