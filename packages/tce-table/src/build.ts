import { blank } from './blank.js';
import { fewMax, fewNode } from './few.js';
import { isMapped } from './halves.js';
import { childHash, entryHash } from './hash.js';
import { hashOf, isUniformly, mappedOf, type Node, nonZeroOf, uniform, zero } from './node.js';
import { entryOf, lowerOf, slotOf, spanOf, upperOf } from './shape.js';

/** How nodes are taken apart to be written to, and how what was written becomes the node that it has to be. */

/** The halves of a subtree of height 0 with `width` entries, as a copy that the caller may write to. */
export function halvesOf(node: Node, width: number): number[] {
  if (node.kind === 'leaf') return node.halves.slice();
  const halves = blank(2 * width);
  if (node.kind === 'uniform' && (node.high | node.low) !== 0) {
    for (let at = 0; at < halves.length; at += 2) {
      halves[at] = node.high;
      halves[at + 1] = node.low;
    }
  }
  if (node.kind === 'few') {
    for (let at = 0; at < node.list.length; at += 3) {
      const half = 2 * entryOf(lowerOf(node.list[at]!));
      halves[half] = node.list[at + 1]!;
      halves[half + 1] = node.list[at + 2]!;
    }
  }
  return halves;
}

/**
 * The children of a subtree of that height (1 or more) with `width` of them, as a copy that the caller may write
 * to.
 */
export function childrenOf(node: Node, height: number, width: number): Node[] {
  if (node.kind === 'branch') return node.children.slice();
  const children: Node[] = [];
  const child = node.kind === 'uniform' ? node : zero;
  for (let slot = 0; slot < width; slot += 1) children.push(child);
  if (node.kind === 'few') distribute(node.list, height, children);
  return children;
}

/** Puts each entry of a list into the child of that height's node that it belongs to. */
function distribute(list: readonly number[], height: number, children: Node[]): void {
  const slotAt = (at: number): number => slotOf(height, upperOf(list[at]!), lowerOf(list[at]!));
  for (let from = 0; from < list.length; ) {
    const slot = slotAt(from);
    let to = from + 3;
    while (to < list.length && slotAt(to) === slot) to += 3;
    children[slot] = fewNode(list.slice(from, to));
    from = to;
  }
}

/** Whether these entries are all the same. */
export function isUniformHalves(halves: readonly number[]): boolean {
  const high = halves[0]!;
  const low = halves[1]!;
  for (let at = 2; at < halves.length; at += 2) {
    if (halves[at + 1] !== low || halves[at] !== high) return false;
  }
  return true;
}

/** Whether these subtrees are all the same uniform one. */
export function areUniformChildren(children: readonly Node[]): boolean {
  const first = children[0]!;
  if (first.kind !== 'uniform') return false;
  for (let slot = 1; slot < children.length; slot += 1) {
    if (!isUniformly(children[slot]!, first.high, first.low)) return false;
  }
  return true;
}

/** The subtree of height 0 with these entries, which the caller gives away; the first of them has index `first`. */
export function leafNode(halves: readonly number[], first: number): Node {
  if (isUniformHalves(halves)) return uniform(halves[0]!, halves[1]!);
  let mapped = 0;
  let nonZero = 0;
  let hash = 0;
  for (let at = 0; at < halves.length; at += 2) {
    const high = halves[at]!;
    const low = halves[at + 1]!;
    if ((high | low) === 0) continue;
    nonZero += 1;
    if (isMapped(low)) mapped += 1;
    hash = (hash + entryHash(at >>> 1, high, low)) | 0;
  }
  if (nonZero <= fewMax) return fewNode(listOfHalves(halves, first, nonZero));
  return { kind: 'leaf', halves, mapped, nonZero, hash };
}

function listOfHalves(halves: readonly number[], first: number, nonZero: number): number[] {
  const list = blank(3 * nonZero);
  let to = 0;
  for (let at = 0; at < halves.length; at += 2) {
    const high = halves[at]!;
    const low = halves[at + 1]!;
    if ((high | low) === 0) continue;
    list[to] = first + at / 2;
    list[to + 1] = high;
    list[to + 2] = low;
    to += 3;
  }
  return list;
}

/** The subtree of that height (1 or more) with these children, which the caller gives away. */
export function branchNode(children: readonly Node[], height: number): Node {
  if (areUniformChildren(children)) return children[0]!;
  const span = spanOf(height - 1);
  let mapped = 0;
  let nonZero = 0;
  let hash = 0;
  for (let slot = 0; slot < children.length; slot += 1) {
    const child = children[slot]!;
    mapped += mappedOf(child, span);
    nonZero += nonZeroOf(child, span);
    hash = (hash + childHash(slot, hashOf(child, height - 1))) | 0;
  }
  if (nonZero <= fewMax) return fewNode(listOfChildren(children, nonZero));
  return { kind: 'branch', children, mapped, nonZero, hash };
}

/** The entries of children that have few of them together, so that each has few, or none. */
function listOfChildren(children: readonly Node[], nonZero: number): number[] {
  const list = blank(3 * nonZero);
  let to = 0;
  for (const child of children) {
    if (child.kind !== 'few') continue;
    for (const number of child.list) {
      list[to] = number;
      to += 1;
    }
  }
  return list;
}
