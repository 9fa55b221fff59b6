import { isMapped } from './halves.js';
import { uniformHash } from './hash.js';

/**
 * The tree. Which kind of node stands for a subtree is decided by what the subtree holds, by the first rule that
 * fits: all entries are the same: `uniform`; at most `fewMax` entries are not zero: `few`; else a `leaf` where the
 * height is 0 and a `branch` above. So the shape is a function of the content, and two tables with equal content
 * are equal structures, whatever writes led to them.
 *
 * Nodes are plain data and never change once they are in a table. Entries past the end of the table (the last
 * leaf may reach beyond it) are zero and stay so.
 */
export type Node = Uniform | Few | Leaf | Branch;

/** Every entry of the subtree is this one. */
export interface Uniform {
  readonly kind: 'uniform';
  readonly high: number;
  readonly low: number;
}

/**
 * The entries that are not zero, in order, three numbers each: the index of the entry in the table, its high half,
 * its low half.
 */
export interface Few {
  readonly kind: 'few';
  readonly list: readonly number[];
  readonly mapped: number;
  readonly nonZero: number;
  readonly hash: number;
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
