import type { Bytes, LevelCount, Tce, TceCount, TceIndex } from '@spapr-dma/protocol';
import { mappedCount } from './count.js';
import { withFill } from './fill.js';
import { type LevelShape, levelBytes } from './levels.js';
import { withTceHalves } from './put.js';
import { type TceTable, tceLowAt, tceTable } from './table.js';

/**
 * Which tables of a hardware tree are allocated. Only the top one is at first; a write allocates the tables
 * below on its way, and nothing but the end of the whole tree frees them: clearing an entry does not, and
 * neither does it allocate. It stands beside the table of entries, since two trees that hold the same may
 * have gone different ways.
 *
 * Plain data: a set of table numbers for each level below the top, kept as the set bits of a `TceTable`.
 */
export interface LevelPages {
  readonly shape: LevelShape;
  readonly below: readonly TceTable[];
}

/** What stands for a table that is allocated. */
const allocated = 1n as Tce;

/** A tree that has just been created: the top table, all of it zero. */
export const levelPages = (shape: LevelShape): LevelPages => ({
  shape,
  below: shape.tables.slice(1).map((count) => tceTable(count as TceCount)),
});

/** A tree of a kernel that allocates every table when it creates the tree (up to Linux 4.19). */
export const allLevelPages = (shape: LevelShape): LevelPages => ({
  shape,
  below: shape.tables
    .slice(1)
    .map((count) => withFill(tceTable(count as TceCount), 0 as TceIndex, count as TceCount, allocated)),
});

/** log2 of the entries that one table of a level and the tables below it hold; level 0 is the top. */
const spanShiftOf = ({ levels, levelShift }: LevelShape, level: number): number =>
  (levelShift - 3) * ((levels as LevelCount) - level);

/** The number of the table of a level that is on the way to an entry. */
const tableNumber = (shape: LevelShape, level: number, index: number): TceIndex =>
  Math.floor(index / 2 ** spanShiftOf(shape, level)) as TceIndex;

/**
 * Whether every table on the way to an entry is allocated; where one is not, the entry reads as zero and a
 * clear steps over all that lies below.
 * @throws RangeError if the tree has no such entry.
 */
export const hasLevelPages = ({ shape, below }: LevelPages, index: TceIndex): boolean =>
  below.every((tables, depth) => tceLowAt(tables, tableNumber(shape, depth + 1, index)) !== 0);

/**
 * The tables after an entry was written; the very same value if all were there.
 * @throws RangeError if the tree has no such entry.
 */
export function withLevelPages(pages: LevelPages, index: TceIndex): LevelPages {
  if (hasLevelPages(pages, index)) return pages;
  const { shape, below } = pages;
  return {
    shape,
    below: below.map((tables, depth) => withTceHalves(tables, tableNumber(shape, depth + 1, index), 0, 1)),
  };
}

/**
 * The tables after each entry of a range was written; the very same value if all were there.
 * @throws RangeError if the range does not lie in the tree.
 */
export function withLevelPagesIn(pages: LevelPages, first: TceIndex, count: TceCount): LevelPages {
  if (count === 0) return pages;
  const { shape } = pages;
  const below = pages.below.map((tables, depth) => {
    const from = tableNumber(shape, depth + 1, first);
    const to = tableNumber(shape, depth + 1, first + count - 1);
    return withFill(tables, from, (to - from + 1) as TceCount, allocated);
  });
  return below.every((tables, depth) => tables === pages.below[depth]) ? pages : { shape, below };
}

/** Number of tables allocated, the top one among them. */
export const allocatedTableCount = ({ below }: LevelPages): number =>
  below.reduce((sum, tables) => sum + mappedCount(tables), 1);

/** Bytes allocated now, without the userspace copy, which has levels of its own. */
export const allocatedBytes = (pages: LevelPages): Bytes =>
  (BigInt(allocatedTableCount(pages)) * levelBytes(pages.shape)) as Bytes;
