import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { childrenOf, halvesOf } from './build.js';
import { tceOf } from './halves.js';
import { type Few, type Node, type Uniform, zero } from './node.js';
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
  if (isSparse(before) && isSparse(after)) {
    listDifferencesOf(listOf(before), listOf(after), visit);
    return;
  }
  if (height === 0) {
    halvesDifferencesOf(halvesOf(before, leafWidth), halvesOf(after, leafWidth), start, span, visit);
    return;
  }
  const childSpan = spanOf(height - 1);
  const width = Math.ceil(span / childSpan);
  const childrenBefore = childrenOf(before, height, width);
  const childrenAfter = childrenOf(after, height, width);
  for (let slot = 0; slot < width; slot += 1) {
    // A child that reaches beyond the table is not one run of entries, unless all are zero.
    const childStart = start + slot * childSpan;
    differencesOf(childrenBefore[slot]!, childrenAfter[slot]!, height - 1, childStart, childSpan, visit);
  }
}

const isSparse = (node: Node): node is Few | Uniform => node.kind === 'few' || node === zero;
const listOf = (node: Few | Uniform): readonly number[] => (node.kind === 'few' ? node.list : []);

/** The differences of two lists of few entries, which are gone through together. */
function listDifferencesOf(
  before: readonly number[],
  after: readonly number[],
  visit: DifferentRunVisitor,
): void {
  let was = 0;
  let is = 0;
  while (was < before.length || is < after.length) {
    const index = Math.min(before[was] ?? Number.POSITIVE_INFINITY, after[is] ?? Number.POSITIVE_INFINITY);
    const wasThere = before[was] === index;
    const isThere = after[is] === index;
    const highBefore = wasThere ? before[was + 1]! : 0;
    const lowBefore = wasThere ? before[was + 2]! : 0;
    const highAfter = isThere ? after[is + 1]! : 0;
    const lowAfter = isThere ? after[is + 2]! : 0;
    if (highBefore !== highAfter || lowBefore !== lowAfter) {
      visit(index as TceIndex, 1 as TceCount, highBefore, lowBefore, highAfter, lowAfter);
    }
    if (wasThere) was += 3;
    if (isThere) is += 3;
  }
}

/** The differences of two leaves, of which the first `span` entries belong to the table. */
function halvesDifferencesOf(
  before: readonly number[],
  after: readonly number[],
  start: number,
  span: number,
  visit: DifferentRunVisitor,
): void {
  for (let at = 0; at < 2 * span; at += 2) {
    const highBefore = before[at]!;
    const lowBefore = before[at + 1]!;
    const highAfter = after[at]!;
    const lowAfter = after[at + 1]!;
    if (highBefore === highAfter && lowBefore === lowAfter) continue;
    visit((start + at / 2) as TceIndex, 1 as TceCount, highBefore, lowBefore, highAfter, lowAfter);
  }
}
