import type { Tce, TceIndex } from '@spapr-dma/protocol';
import { highOf, isMapped, lowOf } from './halves.js';
import { childHash, entryHash } from './hash.js';
import {
  areUniformChildren,
  branchNode,
  childrenOf,
  halvesOf,
  hashOf,
  isUniformHalves,
  isUniformly,
  leafNode,
  mappedOf,
  type Node,
  nonZeroOf,
  uniform,
} from './node.js';
import { entryOf, lowerOf, rootWidth, slotOf, spanOf, upperOf, widthOf } from './shape.js';
import { assertIndex, type TceTable } from './table.js';

/**
 * The table with one entry written; the very same table if the entry was that already.
 * @throws RangeError if the table has no such entry.
 */
export function withTce(table: TceTable, index: TceIndex, tce: Tce): TceTable {
  return withTceHalves(table, index, highOf(tce), lowOf(tce));
}

/** As `withTce`, the entry given as its two halves, of which the low 32 bits count. */
export function withTceHalves(table: TceTable, index: TceIndex, high: number, low: number): TceTable {
  assertIndex(table, index);
  const { entries, height, root } = table;
  const put = putIn(
    root,
    height,
    rootWidth(entries, height),
    upperOf(index),
    lowerOf(index),
    high >>> 0,
    low >>> 0,
  );
  return put === root ? table : { entries, height, root: put };
}

/** The subtree of that height and width with one entry written; the very same one if nothing changes. */
function putIn(
  node: Node,
  height: number,
  width: number,
  upper: number,
  lower: number,
  high: number,
  low: number,
): Node {
  if (isUniformly(node, high, low)) return node;
  if (height === 0) return putInLeaf(node, width, 2 * entryOf(lower), high, low);

  const slot = slotOf(height, upper, lower);
  const before = node.kind === 'branch' ? node.children[slot]! : node;
  const after = putIn(before, height - 1, widthOf(height - 1), upper, lower, high, low);
  if (after === before) return node;

  const children = childrenOf(node, width);
  children[slot] = after;
  if (node.kind !== 'branch') return branchNode(children, height);
  if (after.kind === 'uniform' && areUniformChildren(children)) return after;
  const span = spanOf(height - 1);
  return {
    kind: 'branch',
    children,
    mapped: node.mapped - mappedOf(before, span) + mappedOf(after, span),
    nonZero: node.nonZero - nonZeroOf(before, span) + nonZeroOf(after, span),
    hash:
      (node.hash - childHash(slot, hashOf(before, height - 1)) + childHash(slot, hashOf(after, height - 1))) |
      0,
  };
}

function putInLeaf(node: Node, width: number, at: number, high: number, low: number): Node {
  if (node.kind !== 'leaf') {
    const halves = halvesOf(node, width);
    halves[at] = high;
    halves[at + 1] = low;
    return leafNode(halves);
  }
  const highBefore = node.halves[at]!;
  const lowBefore = node.halves[at + 1]!;
  if (highBefore === high && lowBefore === low) return node;

  const nonZero = node.nonZero - isSet(highBefore | lowBefore) + isSet(high | low);
  if (nonZero === 0) return uniform(0, 0);
  const halves = node.halves.slice();
  halves[at] = high;
  halves[at + 1] = low;
  if (nonZero === width && isUniformHalves(halves)) return uniform(high, low);
  return {
    kind: 'leaf',
    halves,
    mapped: node.mapped - Number(isMapped(lowBefore)) + Number(isMapped(low)),
    nonZero,
    hash: (node.hash - entryHash(at >>> 1, highBefore, lowBefore) + entryHash(at >>> 1, high, low)) | 0,
  };
}

const isSet = (bits: number): 0 | 1 => (bits === 0 ? 0 : 1);
