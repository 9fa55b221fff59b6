import type { TceCount, TceIndex } from '@spapr-dma/protocol';
import { positionOf } from './few.js';
import { isMapped } from './halves.js';
import { type Node, zero } from './node.js';
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
  assertRange(table, first, count);
  if (count > 0) entriesOf(table.root, table.height, 0, first, first + count, true, visit);
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
  assertRange(table, first, count);
  if (count > 0) entriesOf(table.root, table.height, 0, first, first + count, false, visit);
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
  assertRange(table, first, count);
  if (count === 0) return;
  piecesOf(table.root, table.height, 0, first, first + count, (from, length, high, low) => {
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

/** Entries of a subtree that begins at `start`, from `from` up to, not including, `to`, both in the table. */
function entriesOf(
  node: Node,
  height: number,
  start: number,
  from: number,
  to: number,
  mappedOnly: boolean,
  visit: EntryVisitor,
): void {
  if (node.kind === 'uniform') {
    const { high, low } = node;
    if (!isWanted(high, low, mappedOnly)) return;
    for (let index = from; index < to; index += 1) visit(index as TceIndex, high, low);
    return;
  }
  let left = mappedOnly ? node.mapped : node.nonZero;
  if (node.kind === 'leaf') {
    const { halves } = node;
    for (let index = from; left > 0 && index < to; index += 1) {
      const at = 2 * (index - start);
      const high = halves[at]!;
      const low = halves[at + 1]!;
      if (!isWanted(high, low, mappedOnly)) continue;
      left -= 1;
      visit(index as TceIndex, high, low);
    }
    return;
  }
  if (node.kind === 'few') {
    const { list } = node;
    for (let at = positionOf(list, from); at < list.length && list[at]! < to; at += 3) {
      const high = list[at + 1]!;
      const low = list[at + 2]!;
      if (isWanted(high, low, mappedOnly)) visit(list[at] as TceIndex, high, low);
    }
    return;
  }
  if (left === 0) return;
  const span = spanOf(height - 1);
  const lastSlot = Math.floor((to - 1 - start) / span);
  for (let slot = Math.floor((from - start) / span); slot <= lastSlot; slot += 1) {
    const child = node.children[slot]!;
    if (child === zero) continue;
    const childStart = start + slot * span;
    const childFrom = Math.max(from, childStart);
    entriesOf(child, height - 1, childStart, childFrom, Math.min(to, childStart + span), mappedOnly, visit);
  }
}

const isWanted = (high: number, low: number, mappedOnly: boolean): boolean =>
  mappedOnly ? isMapped(low) : (high | low) !== 0;

/**
 * What is not zero as the tree holds it, single entries and whole uniform subtrees, in a subtree that begins at
 * `start`, from `from` up to, not including, `to`, both in the table.
 */
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
  } else if (node.kind === 'few') {
    const { list } = node;
    for (let at = positionOf(list, from); at < list.length && list[at]! < to; at += 3) {
      visit(list[at] as TceIndex, 1 as TceCount, list[at + 1]!, list[at + 2]!);
    }
  } else {
    const span = spanOf(height - 1);
    const lastSlot = Math.floor((to - 1 - start) / span);
    for (let slot = Math.floor((from - start) / span); slot <= lastSlot; slot += 1) {
      const child = node.children[slot]!;
      if (child === zero) continue;
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
