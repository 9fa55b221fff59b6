import type { Tce, TceIndex } from '@spapr-dma/protocol';
import { areUniformChildren, branchNode, childrenOf, halvesOf, isUniformHalves, leafNode } from './build.js';
import { fewMax, isOneValue, putInFew } from './few.js';
import { highOf, isMapped, lowOf } from './halves.js';
import { childHash, entryHash } from './hash.js';
import {
  type Branch,
  hashOf,
  isUniformly,
  type Leaf,
  mappedOf,
  type Node,
  nonZeroOf,
  uniform,
  zero,
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
  const put = putIn(root, height, rootWidth(entries, height), index, high >>> 0, low >>> 0);
  return put === root ? table : { entries, height, root: put };
}

/** The subtree of that height and width with one entry written; the very same one if nothing changes. */
function putIn(node: Node, height: number, width: number, index: number, high: number, low: number): Node {
  if (node.kind === 'leaf') return putInLeaf(node, index, high, low);
  if (node.kind === 'branch') return putInBranch(node, height, index, high, low);
  if (isUniformly(node, high, low)) return node;
  if (node.kind === 'few' || node === zero) {
    const put = putInFew(node, index, high, low);
    if (put !== undefined) return height === 0 ? uniformIfFull(put, width) : put;
  }
  return putInParts(node, height, width, index, high, low);
}

/** A write to a list that is full, or into a range of equal entries: the subtree becomes one of another kind. */
function putInParts(
  node: Node,
  height: number,
  width: number,
  index: number,
  high: number,
  low: number,
): Node {
  if (height === 0) {
    const halves = halvesOf(node, width);
    const entry = entryOf(lowerOf(index));
    halves[2 * entry] = high;
    halves[2 * entry + 1] = low;
    return leafNode(halves, index - entry);
  }
  const children = childrenOf(node, height, width);
  const slot = slotOf(height, upperOf(index), lowerOf(index));
  children[slot] = putIn(children[slot]!, height - 1, widthOf(height - 1), index, high, low);
  return branchNode(children, height);
}

/** In a table of very few entries a list may have come to hold all of them, and all the same. */
const uniformIfFull = (node: Node, width: number): Node =>
  node.kind === 'few' && node.nonZero === width && isOneValue(node)
    ? uniform(node.list[1]!, node.list[2]!)
    : node;

function putInBranch(node: Branch, height: number, index: number, high: number, low: number): Node {
  const slot = slotOf(height, upperOf(index), lowerOf(index));
  const before = node.children[slot]!;
  const after = putIn(before, height - 1, widthOf(height - 1), index, high, low);
  if (after === before) return node;

  const children = node.children.slice();
  children[slot] = after;
  const span = spanOf(height - 1);
  const nonZero = node.nonZero - nonZeroOf(before, span) + nonZeroOf(after, span);
  if (nonZero <= fewMax || (after.kind === 'uniform' && areUniformChildren(children))) {
    return branchNode(children, height);
  }
  return {
    kind: 'branch',
    children,
    mapped: node.mapped - mappedOf(before, span) + mappedOf(after, span),
    nonZero,
    hash:
      (node.hash - childHash(slot, hashOf(before, height - 1)) + childHash(slot, hashOf(after, height - 1))) |
      0,
  };
}

function putInLeaf(node: Leaf, index: number, high: number, low: number): Node {
  const entry = entryOf(lowerOf(index));
  const at = 2 * entry;
  const highBefore = node.halves[at]!;
  const lowBefore = node.halves[at + 1]!;
  if (highBefore === high && lowBefore === low) return node;

  const halves = node.halves.slice();
  halves[at] = high;
  halves[at + 1] = low;
  const nonZero = node.nonZero - isSet(highBefore | lowBefore) + isSet(high | low);
  if (nonZero <= fewMax || (2 * nonZero === halves.length && isUniformHalves(halves)))
    return leafNode(halves, index - entry);
  return {
    kind: 'leaf',
    halves,
    mapped: node.mapped - Number(isMapped(lowBefore)) + Number(isMapped(low)),
    nonZero,
    hash: (node.hash - entryHash(entry, highBefore, lowBefore) + entryHash(entry, high, low)) | 0,
  };
}

const isSet = (bits: number): 0 | 1 => (bits === 0 ? 0 : 1);
