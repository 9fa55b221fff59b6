import { entryHash } from './hash.js';
import { hashOf, isUniformly, type Node } from './node.js';
import type { TceTable } from './table.js';

/**
 * Whether two tables have equal size and equal entries. What they share is not looked into, and a difference
 * is nearly always seen at once from the hashes of the subtrees.
 */
export const sameTces = (a: TceTable, b: TceTable): boolean =>
  a === b || (a.entries === b.entries && sameNodes(a.root, b.root));

/** Whether two subtrees of one height have equal entries. */
export function sameNodes(a: Node, b: Node): boolean {
  if (a === b) return true;
  // Equal content has equal structure, so nodes of two kinds are different.
  if (a.kind === 'uniform') return isUniformly(b, a.high, a.low);
  if (b.kind === 'uniform' || a.hash !== b.hash || a.nonZero !== b.nonZero) return false;
  if (a.kind === 'few') {
    return b.kind === 'few' && a.list.every((number, at) => number === b.list[at]);
  }
  if (a.kind === 'leaf') {
    return b.kind === 'leaf' && a.halves.every((half, at) => half === b.halves[at]);
  }
  return b.kind === 'branch' && a.children.every((child, slot) => sameNodes(child, b.children[slot]!));
}

/**
 * 32 bits, unsigned, that are equal for equal tables and nearly always different for different ones. Kept with
 * the tree, so it costs nothing. It picks a bucket; `sameTces` decides.
 */
export const fingerprint = (table: TceTable): number =>
  entryHash(hashOf(table.root, table.height), Math.floor(table.entries / 2 ** 32), table.entries + 1) >>> 0;
