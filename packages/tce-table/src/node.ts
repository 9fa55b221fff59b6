import { isMapped } from './halves.js';
import { childHash, entryHash, uniformHash } from './hash.js';
import { leafWidth, spanOf } from './shape.js';

/**
 * The tree. A subtree whose entries are all the same is one `uniform` node, whatever its height; nothing else
 * is ever uniform. So the shape is a function of the content, and two tables with equal content are equal
 * structures, whatever writes led to them. Nodes are plain data and never change once they are in a table.
 *
 * Entries past the end of the table (the last leaf may reach beyond it) are zero and stay so.
 */
export type Node = Uniform | Leaf | Branch;

/** Every entry of the subtree is this one. */
export interface Uniform {
  readonly kind: 'uniform';
  readonly high: number;
  readonly low: number;
}

/** Entries one by one: entry i has its high half at 2i and its low half at 2i + 1. */
export interface Leaf {
  readonly kind: 'leaf';
  readonly halves: readonly number[];
  readonly mapped: number;
  readonly nonZero: number;
  readonly hash: number;
}

/** Subtrees of the height below, in order of their indexes. */
export interface Branch {
  readonly kind: 'branch';
  readonly children: readonly Node[];
  readonly mapped: number;
  readonly nonZero: number;
  readonly hash: number;
}

/** A subtree without any entry. Shared, but recognised by its value: data may have been copied. */
export const zero: Uniform = { kind: 'uniform', high: 0, low: 0 };

/** The subtree in which every entry has these halves. */
export const uniform = (high: number, low: number): Uniform =>
  (high | low) === 0 ? zero : { kind: 'uniform', high, low };

/** Whether every entry of the subtree has these halves. */
export const isUniformly = (node: Node, high: number, low: number): boolean =>
  node.kind === 'uniform' && node.low === low && node.high === high;

/** The hash of a subtree of that height. */
export const hashOf = (node: Node, height: number): number =>
  node.kind === 'uniform' ? uniformHash(height, node.high, node.low) : node.hash;

/** How many of the subtree's entries map something, where the subtree covers `span` entries of the table. */
export function mappedOf(node: Node, span: number): number {
  if (node.kind !== 'uniform') return node.mapped;
  return isMapped(node.low) ? span : 0;
}

/** How many of the subtree's entries are not zero, where the subtree covers `span` entries of the table. */
export function nonZeroOf(node: Node, span: number): number {
  if (node.kind !== 'uniform') return node.nonZero;
  return (node.high | node.low) !== 0 ? span : 0;
}

/**
 * Empty leaves to copy. They have once held a fraction, which makes the engine keep them and their copies as
 * unboxed doubles: any unsigned 32-bit value fits in, and a copy is one block move.
 */
const emptyHalves = (entries: number): number[] => {
  const halves: number[] = [];
  for (let half = 0; half < 2 * entries; half += 1) halves.push(0.5);
  return halves.fill(0);
};
const fullWidthEmptyHalves = emptyHalves(leafWidth);

/** The halves of a subtree of height 0 with `width` entries, as a copy that the caller may write to. */
export function halvesOf(node: Node, width: number): number[] {
  if (node.kind === 'leaf') return node.halves.slice();
  const halves = width === leafWidth ? fullWidthEmptyHalves.slice() : emptyHalves(width);
  if (node.kind === 'uniform' && (node.high | node.low) !== 0) {
    for (let at = 0; at < halves.length; at += 2) {
      halves[at] = node.high;
      halves[at + 1] = node.low;
    }
  }
  return halves;
}

/** The children of a subtree of height 1 or more with `width` of them, as a copy that the caller may write to. */
export function childrenOf(node: Node, width: number): Node[] {
  if (node.kind === 'branch') return node.children.slice();
  const children: Node[] = [];
  for (let slot = 0; slot < width; slot += 1) children.push(node);
  return children;
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

/** The subtree with these entries, which the caller gives away. */
export function leafNode(halves: readonly number[]): Node {
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
  return { kind: 'leaf', halves, mapped, nonZero, hash };
}

/** The subtree of that height (1 or more) with these children, which the caller gives away. */
export function branchNode(children: readonly Node[], height: number): Node {
  if (areUniformChildren(children)) return children[0]!;
  const childSpan = spanOf(height - 1);
  let mapped = 0;
  let nonZero = 0;
  let hash = 0;
  for (let slot = 0; slot < children.length; slot += 1) {
    const child = children[slot]!;
    mapped += mappedOf(child, childSpan);
    nonZero += nonZeroOf(child, childSpan);
    hash = (hash + childHash(slot, hashOf(child, height - 1))) | 0;
  }
  return { kind: 'branch', children, mapped, nonZero, hash };
}
