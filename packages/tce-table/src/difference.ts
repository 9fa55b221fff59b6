import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { tceOf } from './halves.js';
import type { Branch, Node, Uniform } from './node.js';
import { leafWidth, spanOf } from './shape.js';
import type { TceTable } from './table.js';

/** Sees an entry that two versions have different. */
export type DifferenceVisitor = (index: TceIndex, before: Tce, after: Tce) => void;
/** Sees a range in which all entries of one version are the same, and all of the other, but not as the first. */
export type DifferentRunVisitor = (
  first: TceIndex,
  count: TceCount,
  beforeHigh: number,
  beforeLow: number,
  afterHigh: number,
  afterLow: number,
) => void;

/**
 * Visits, in order, the entries in which two versions differ. What they share is not looked into, so it costs
 * what was written in between.
 * @throws RangeError if the tables differ in size: then they are no versions of one table.
 */
export function forEachDifference(before: TceTable, after: TceTable, visit: DifferenceVisitor): void {
  forEachDifferentRun(before, after, (first, count, beforeHigh, beforeLow, afterHigh, afterLow) => {
    const tceBefore = tceOf(beforeHigh, beforeLow);
    const tceAfter = tceOf(afterHigh, afterLow);
    for (let index: number = first; index < first + count; index += 1)
      visit(index as TceIndex, tceBefore, tceAfter);
  });
}

/**
 * As `forEachDifference`, the differences put together to the longest runs of equal ones: a fill of an empty
 * range is one visit.
 * @throws RangeError if the tables differ in size.
 */
export function forEachDifferentRun(before: TceTable, after: TceTable, visit: DifferentRunVisitor): void {
  if (before.entries !== after.entries) {
    throw new RangeError(
      `Tables of ${before.entries} and of ${after.entries} entries are not versions of one table.`,
    );
  }
  let runFirst = 0;
  let runCount = 0;
  let run: readonly [number, number, number, number] = [0, 0, 0, 0];
  const flush = (): void => {
    if (runCount > 0) visit(runFirst as TceIndex, runCount as TceCount, run[0], run[1], run[2], run[3]);
  };
  differencesOf(before.root, after.root, before.height, 0, before.entries, (first, count, h0, l0, h1, l1) => {
    const continues =
      first === runFirst + runCount && h0 === run[0] && l0 === run[1] && h1 === run[2] && l1 === run[3];
    if (runCount > 0 && continues) {
      runCount += count;
      return;
    }
    flush();
    runFirst = first;
    runCount = count;
    run = [h0, l0, h1, l1];
  });
  flush();
}

/** The differences of two subtrees of one height that begin at `start` and cover `span` entries of the table. */
function differencesOf(
  before: Node,
  after: Node,
  height: number,
  start: number,
  span: number,
  visit: DifferentRunVisitor,
): void {
  if (before === after || span === 0) return;
  if (before.kind === 'uniform' && after.kind === 'uniform') {
    if (before.high === after.high && before.low === after.low) return;
    visit(start as TceIndex, span as TceCount, before.high, before.low, after.high, after.low);
    return;
  }
  if (height === 0) {
    leafDifferencesOf(before, after, start, Math.min(span, leafWidth), visit);
    return;
  }
  const childSpan = spanOf(height - 1);
  for (let slot = 0; slot * childSpan < span; slot += 1) {
    const childStart = start + slot * childSpan;
    const covered = Math.min(childSpan, span - slot * childSpan);
    differencesOf(
      childAt(before as Branch | Uniform, slot),
      childAt(after as Branch | Uniform, slot),
      height - 1,
      childStart,
      covered,
      visit,
    );
  }
}

const childAt = (node: Branch | Uniform, slot: number): Node =>
  node.kind === 'branch' ? node.children[slot]! : node;

function leafDifferencesOf(
  before: Node,
  after: Node,
  start: number,
  span: number,
  visit: DifferentRunVisitor,
): void {
  for (let entry = 0; entry < span; entry += 1) {
    const beforeHigh = highIn(before, entry);
    const beforeLow = lowIn(before, entry);
    const afterHigh = highIn(after, entry);
    const afterLow = lowIn(after, entry);
    if (beforeHigh === afterHigh && beforeLow === afterLow) continue;
    visit((start + entry) as TceIndex, 1 as TceCount, beforeHigh, beforeLow, afterHigh, afterLow);
  }
}

function highIn(node: Node, entry: number): number {
  if (node.kind === 'branch') throw new TypeError('A branch has no entries of its own.');
  return node.kind === 'leaf' ? node.halves[2 * entry]! : node.high;
}

function lowIn(node: Node, entry: number): number {
  if (node.kind === 'branch') throw new TypeError('A branch has no entries of its own.');
  return node.kind === 'leaf' ? node.halves[2 * entry + 1]! : node.low;
}
