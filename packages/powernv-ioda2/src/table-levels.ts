import type { HostPageShift, TceCount, TceIndex } from '@spapr-dma/protocol';
import {
  allocatedTableCount,
  hasLevelPages,
  type LevelPages,
  type LevelShape,
  levelPages,
  mappedCountIn,
  withLevelPagesIn,
} from '@spapr-dma/tce-table';

/**
 * The tree of a shape with all the tables it has room for: what the hardware can walk. A window may need
 * fewer: its top table is a whole block, of which it uses the first entries.
 */
export function fullTree(shape: LevelShape): LevelShape {
  const width = 2 ** (shape.levelShift - 3);
  return {
    ...shape,
    entries: (width ** shape.levels) as TceCount,
    tables: Array.from({ length: shape.levels }, (_, level) => width ** level),
  };
}

/** What is allocated when the tree is made: the top, or all that the window needs. */
export const levelsAtFirst = (shape: LevelShape, levels: 'eager' | 'onDemand'): LevelPages => {
  const top = levelPages(fullTree(shape));
  return levels === 'onDemand' ? top : withLevelPagesIn(top, 0 as TceIndex, shape.entries);
};

/** Pages of the host that were allocated from one to the other. */
export function pagesBetween(before: LevelPages, after: LevelPages, hostPageShift: HostPageShift): number {
  if (before === after) return 0;
  const tables = allocatedTableCount(after) - allocatedTableCount(before);
  return tables * 2 ** (after.shape.levelShift - hostPageShift);
}

/** Entries of a range before the first one that has no table of the lowest level. */
export function countWithLevels(pages: LevelPages, first: TceIndex, count: TceCount): TceCount {
  const width = 2 ** (pages.shape.levelShift - 3);
  const end = first + count;
  let at: number = first;
  while (at < end && hasLevelPages(pages, at as TceIndex)) at = (Math.floor(at / width) + 1) * width;
  return (Math.min(at, end) - first) as TceCount;
}

/** Entries of a range that have a table of the lowest level. */
export function allocatedEntriesIn(pages: LevelPages, first: TceIndex, count: TceCount): TceCount {
  const lowest = pages.below.at(-1);
  if (lowest === undefined || count === 0) return count;
  const width = 2 ** (pages.shape.levelShift - 3);
  const last = first + count - 1;
  const [from, to] = [Math.floor(first / width), Math.floor(last / width)];
  const tables = mappedCountIn(lowest, from as TceIndex, (to - from + 1) as TceCount);
  // The range may begin and end inside a table.
  const before = hasLevelPages(pages, first) ? first - from * width : 0;
  const after = hasLevelPages(pages, last as TceIndex) ? (to + 1) * width - 1 - last : 0;
  return (tables * width - before - after) as TceCount;
}
