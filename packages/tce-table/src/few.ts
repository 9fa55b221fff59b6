import { blank } from './blank.js';
import { isMapped } from './halves.js';
import { indexHash } from './hash.js';
import { type Few, type Node, type Uniform, zero } from './node.js';

/** Subtrees with at most that many entries that are not zero keep them in a list, whatever the height. */
export const fewMax = 8;

const listMax = 3 * fewMax;

/** The subtree with these entries, at most `fewMax` and given away by the caller. */
export function fewNode(list: readonly number[]): Node {
  if (list.length === 0) return zero;
  let mapped = 0;
  let hash = 0;
  for (let at = 0; at < list.length; at += 3) {
    const low = list[at + 2]!;
    mapped += mappedBy(low);
    hash = (hash + indexHash(list[at]!, list[at + 1]!, low)) | 0;
  }
  return { kind: 'few', list, mapped, nonZero: list.length / 3, hash };
}

/** Where in the list the entry of that index is, or else the first one behind it. */
export function positionOf(list: readonly number[], index: number): number {
  let at = 0;
  while (at < list.length && list[at]! < index) at += 3;
  return at;
}

/** The high half of an entry of the subtree. */
export function highInFew({ list }: Few, index: number): number {
  const at = positionOf(list, index);
  return list[at] === index ? list[at + 1]! : 0;
}

/** The low half of an entry of the subtree. */
export function lowInFew({ list }: Few, index: number): number {
  const at = positionOf(list, index);
  return list[at] === index ? list[at + 2]! : 0;
}

/**
 * A subtree of few entries, or of none, with an entry written; the very same one if nothing changes.
 * `undefined` if that is one entry too many.
 */
export function putInFew(node: Few | Uniform, index: number, high: number, low: number): Node | undefined {
  if (node.kind === 'uniform') {
    if ((high | low) === 0) return node;
    const list = blank(3);
    list[0] = index;
    list[1] = high;
    list[2] = low;
    return { kind: 'few', list, mapped: mappedBy(low), nonZero: 1, hash: indexHash(index, high, low) };
  }
  const { list } = node;
  const isClear = (high | low) === 0;
  const at = positionOf(list, index);
  const isThere = list[at] === index;
  if (!isThere && isClear) return node;
  if (!isThere && list.length === listMax) return undefined;

  const highBefore = isThere ? list[at + 1]! : 0;
  const lowBefore = isThere ? list[at + 2]! : 0;
  if (highBefore === high && lowBefore === low) return node;
  if (isClear && list.length === 3) return zero;
  return {
    kind: 'few',
    list: isClear ? removed(list, at) : written(list, at, isThere, index, high, low),
    mapped: node.mapped - mappedBy(lowBefore) + mappedBy(low),
    nonZero: node.nonZero + (isThere ? 0 : 1) - (isClear ? 1 : 0),
    hash: (node.hash - indexHash(index, highBefore, lowBefore) + indexHash(index, high, low)) | 0,
  };
}

const mappedBy = (low: number): 0 | 1 => (isMapped(low) ? 1 : 0);

/** The list with an entry at a position: in place of the one there, or before it. */
function written(
  list: readonly number[],
  at: number,
  isThere: boolean,
  index: number,
  high: number,
  low: number,
): number[] {
  const to = isThere ? list.slice() : inserted(list, at);
  to[at] = index;
  to[at + 1] = high;
  to[at + 2] = low;
  return to;
}

/** The list with room for one more entry at a position. */
function inserted(list: readonly number[], at: number): number[] {
  const more = blank(list.length + 3);
  for (let from = 0; from < at; from += 1) more[from] = list[from]!;
  for (let from = at; from < list.length; from += 1) more[from + 3] = list[from]!;
  return more;
}

/** The list without the entry at a position. */
function removed(list: readonly number[], at: number): number[] {
  const less = blank(list.length - 3);
  for (let from = 0; from < at; from += 1) less[from] = list[from]!;
  for (let from = at + 3; from < list.length; from += 1) less[from - 3] = list[from]!;
  return less;
}

/** Whether the entries of the subtree that are not zero are all the same. */
export function isOneValue({ list }: Few): boolean {
  for (let at = 3; at < list.length; at += 3) {
    if (list[at + 2] !== list[2] || list[at + 1] !== list[1]) return false;
  }
  return true;
}
