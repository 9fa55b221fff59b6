import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { highOf, lowOf } from './halves.js';
import {
  branchNode,
  childrenOf,
  halvesOf,
  isUniformly,
  leafNode,
  type Node,
  type Uniform,
  uniform,
} from './node.js';
import { rootWidth, spanOf, widthOf } from './shape.js';
import { assertRange, type TceTable } from './table.js';

/**
 * The table with the same entry written to a whole range; the very same table if nothing changes. It costs
 * what the two edges of the range cost, not its length.
 * @throws RangeError if the range does not lie in the table.
 */
export function withFill(table: TceTable, first: TceIndex, count: TceCount, tce: Tce): TceTable {
  assertRange(table, first, count);
  if (count === 0) return table;
  const { entries, height, root } = table;
  const value = uniform(highOf(tce), lowOf(tce));
  const filled = fillIn(root, height, rootWidth(entries, height), first, first + count, value);
  return filled === root ? table : { entries, height, root: filled };
}

/** The subtree with its entries from `from` up to, not including, `to` set; both count from its first entry. */
function fillIn(node: Node, height: number, width: number, from: number, to: number, value: Uniform): Node {
  if (isUniformly(node, value.high, value.low)) return node;
  if (height === 0) return fillInLeaf(node, width, from, to, value);

  const span = spanOf(height - 1);
  const firstSlot = Math.floor(from / span);
  const lastSlot = Math.floor((to - 1) / span);
  let children: Node[] | undefined;
  for (let slot = firstSlot; slot <= lastSlot; slot += 1) {
    const before = node.kind === 'branch' ? node.children[slot]! : node;
    const start = Math.max(from - slot * span, 0);
    const end = Math.min(to - slot * span, span);
    const after = fillChild(before, height - 1, start, end, value);
    if (after === before) continue;
    children ??= childrenOf(node, width);
    children[slot] = after;
  }
  return children === undefined ? node : branchNode(children, height);
}

function fillChild(node: Node, height: number, from: number, to: number, value: Uniform): Node {
  if (isUniformly(node, value.high, value.low)) return node;
  if (from === 0 && to === spanOf(height)) return value;
  return fillIn(node, height, widthOf(height), from, to, value);
}

function fillInLeaf(node: Node, width: number, from: number, to: number, value: Uniform): Node {
  const halves = halvesOf(node, width);
  let changed = false;
  for (let at = 2 * from; at < 2 * to; at += 2) {
    changed ||= halves[at] !== value.high || halves[at + 1] !== value.low;
    halves[at] = value.high;
    halves[at + 1] = value.low;
  }
  return changed ? leafNode(halves) : node;
}
