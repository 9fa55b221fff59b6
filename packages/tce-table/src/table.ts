import type { Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { highInFew, lowInFew } from './few.js';
import { tceOf } from './halves.js';
import { type Few, type Leaf, type Node, type Uniform, zero } from './node.js';
import { entriesMax, entryOf, heightFor, lowerOf, slotOf, upperOf } from './shape.js';

/**
 * One version of a TCE table: plain data that never changes. A write answers another version, which shares
 * with this one whatever the write did not touch.
 *
 * Only `entries` is for readers; the tree below is reached through the functions of this package.
 */
export interface TceTable {
  readonly entries: TceCount;
  readonly height: number;
  readonly root: Node;
}

/**
 * A table of that many entries, all zero. It costs the same whatever the number.
 * @throws RangeError if the count is no whole number from 0 to 2^52.
 */
export function tceTable(entries: TceCount): TceTable {
  if (!Number.isInteger(entries) || entries < 0 || entries > entriesMax) {
    throw new RangeError(`A TCE table cannot have ${entries} entries.`);
  }
  return { entries, height: heightFor(entries), root: zero };
}

/** Stops a caller who names an entry that the table does not have. */
export function assertIndex(table: TceTable, index: number): void {
  if (!(index >= 0 && index < table.entries && Math.floor(index) === index)) {
    throw new RangeError(`TCE ${index} is not in a table of ${table.entries} entries.`);
  }
}

/** Stops a caller who names a range that does not lie in the table; an empty range may stand at its end. */
export function assertRange(table: TceTable, first: number, count: number): void {
  const whole = Number.isInteger(first) && Number.isInteger(count);
  if (!(whole && first >= 0 && count >= 0 && first + count <= table.entries)) {
    throw new RangeError(`${count} TCEs from ${first} on are not in a table of ${table.entries} entries.`);
  }
}

/** The lowest node that holds the entry. */
function holderOf(table: TceTable, index: number): Uniform | Few | Leaf {
  assertIndex(table, index);
  let node = table.root;
  if (node.kind !== 'branch') return node;
  const upper = upperOf(index);
  const lower = lowerOf(index);
  for (let height = table.height; node.kind === 'branch'; height -= 1) {
    node = node.children[slotOf(height, upper, lower)]!;
  }
  return node;
}

const halfAt = (index: number): number => 2 * entryOf(lowerOf(index));

/**
 * Bits 32 to 63 of an entry, unsigned.
 * @throws RangeError if the table has no such entry.
 */
export function tceHighAt(table: TceTable, index: TceIndex): number {
  const holder = holderOf(table, index);
  if (holder.kind === 'leaf') return holder.halves[halfAt(index)]!;
  return holder.kind === 'few' ? highInFew(holder, index) : holder.high;
}

/**
 * Bits 0 to 31 of an entry, unsigned.
 * @throws RangeError if the table has no such entry.
 */
export function tceLowAt(table: TceTable, index: TceIndex): number {
  const holder = holderOf(table, index);
  if (holder.kind === 'leaf') return holder.halves[halfAt(index) + 1]!;
  return holder.kind === 'few' ? lowInFew(holder, index) : holder.low;
}

/**
 * An entry.
 * @throws RangeError if the table has no such entry.
 */
export function tceAt(table: TceTable, index: TceIndex): Tce {
  const holder = holderOf(table, index);
  if (holder.kind === 'uniform') return tceOf(holder.high, holder.low);
  if (holder.kind === 'few') return tceOf(highInFew(holder, index), lowInFew(holder, index));
  const at = halfAt(index);
  return tceOf(holder.halves[at]!, holder.halves[at + 1]!);
}
