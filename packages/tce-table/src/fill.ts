import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { branchNode, childrenOf, halvesOf, leafNode } from './build.js';
import { highOf, lowOf } from './halves.js';
import { isUniformly, type Node, type Uniform, uniform } from './node.js';
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
  const filled = fillIn(root, height, rootWidth(entries, height), 0, first, first + count, value);
  return filled === root ? table : { entries, height, root: filled };
}

/** The subtree that begins at `start` with its entries from `from` up to, not including, `to` set. */
function fillIn(
  node: Node,
  height: number,
  width: number,
  start: number,
  from: number,
  to: number,
  value: Uniform,
): Node {
  if (isUniformly(node, value.high, value.low)) return node;
  if (height === 0) return fillInLeaf(node, width, start, from, to, value);

  const span = spanOf(height - 1);
  const lastSlot = Math.floor((to - 1 - start) / span);
  const children = childrenOf(node, height, width);
  let changed = false;
  for (let slot = Math.floor((from - start) / span); slot <= lastSlot; slot += 1) {
    const before = children[slot]!;
    const childStart = start + slot * span;
    const childFrom = Math.max(from, childStart);
    const childTo = Math.min(to, childStart + span);
    const isWhole = childTo - childFrom === span && !isUniformly(before, value.high, value.low);
    const after = isWhole
      ? value
      : fillIn(before, height - 1, widthOf(height - 1), childStart, childFrom, childTo, value);
    changed ||= after !== before;
    children[slot] = after;
  }
  return changed ? branchNode(children, height) : node;
}

function fillInLeaf(
  node: Node,
  width: number,
  start: number,
  from: number,
  to: number,
  value: Uniform,
): Node {
  const halves = halvesOf(node, width);
  let changed = false;
  for (let at = 2 * (from - start); at < 2 * (to - start); at += 2) {
    changed ||= halves[at] !== value.high || halves[at + 1] !== value.low;
    halves[at] = value.high;
    halves[at + 1] = value.low;
  }
  return changed ? leafNode(halves, start) : node;
}
