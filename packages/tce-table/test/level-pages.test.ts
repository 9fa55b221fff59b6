import {
  bytes,
  hostPageShift,
  iommuPageShift,
  levelCount,
  type TceIndex,
  tceCount,
  tceIndex,
} from '@spapr-dma/protocol';
import {
  allLevelPages,
  allocatedBytes,
  allocatedTableCount,
  chargedBytes,
  fullBytes,
  hasLevelPages,
  type LevelPages,
  type LevelRequest,
  type LevelShape,
  levelBytes,
  levelPages,
  levelShape,
  withLevelPages,
  withLevelPagesIn,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const requestOf = (levels: number, hostShift: number, sizeShift: number): LevelRequest => ({
  windowBytes: bytes(1n << BigInt(sizeShift)),
  pageShift: iommuPageShift(12),
  levels: levelCount(levels),
  hostPageShift: hostPageShift(hostShift),
});

function shapeOf(levels: number, hostShift: number, sizeShift: number): LevelShape {
  const shape = levelShape(requestOf(levels, hostShift, sizeShift));
  if (typeof shape === 'string') throw new Error(shape);
  return shape;
}

/** Trees of 1 to 5 levels; five fit below 2^55 only if a page of the host were tiny. */
const someShape = fc
  .oneof(
    fc.tuple(fc.constantFrom(1, 2, 3, 4), fc.constant(12), fc.integer({ min: 12, max: 33 })),
    fc.tuple(fc.constantFrom(2, 3), fc.constant(16), fc.integer({ min: 12, max: 36 })),
    fc.tuple(fc.constant(5), fc.constant(10), fc.integer({ min: 12, max: 40 })),
  )
  .map(([levels, hostShift, sizeShift]) => shapeOf(levels, hostShift, sizeShift));

const someIndex = (shape: LevelShape): fc.Arbitrary<TceIndex> =>
  fc.integer({ min: 0, max: shape.entries - 1 }).map(tceIndex);

/** The tables on the way to an entry, by name: an index cut after each level. */
function plainPath(shape: LevelShape, index: number): string[] {
  const perTable = 2 ** (shape.levelShift - 3);
  const path: string[] = [];
  let number = index;
  for (let level = shape.levels - 1; level >= 0; level -= 1) {
    number = Math.floor(number / perTable);
    path.unshift(`${level}/${number}`);
  }
  return path;
}

describe('the tables of a tree that are allocated', () => {
  test('are the top one alone when the tree is created', () => {
    fc.assert(
      fc.property(someShape, (shape) => {
        expect(allocatedTableCount(levelPages(shape))).toBe(1);
        expect(allocatedBytes(levelPages(shape))).toBe(levelBytes(shape));
      }),
    );
  });

  test('are those on the way to the entries written, as a plain set has them', () => {
    const writes = someShape.chain((shape) =>
      fc.record({ shape: fc.constant(shape), indexes: fc.array(someIndex(shape)), asked: someIndex(shape) }),
    );
    fc.assert(
      fc.property(writes, ({ shape, indexes, asked }) => {
        const pages = indexes.reduce<LevelPages>(withLevelPages, levelPages(shape));
        const plain = new Set(['0/0', ...indexes.flatMap((index) => plainPath(shape, index))]);
        expect(allocatedTableCount(pages)).toBe(plain.size);
        for (const index of [...indexes, asked]) {
          expect(hasLevelPages(pages, index)).toBe(
            plainPath(shape, index).every((table) => plain.has(table)),
          );
        }
      }),
    );
  });

  test('do not depend on the order of the writes, and a second write allocates nothing', () => {
    const writes = someShape.chain((shape) =>
      fc.record({ shape: fc.constant(shape), indexes: fc.array(someIndex(shape)) }),
    );
    fc.assert(
      fc.property(writes, ({ shape, indexes }) => {
        const pages = indexes.reduce<LevelPages>(withLevelPages, levelPages(shape));
        expect(indexes.toReversed().reduce<LevelPages>(withLevelPages, levelPages(shape))).toEqual(pages);
        for (const index of indexes) {
          expect(withLevelPages(pages, index)).toBe(pages);
          expect(withLevelPagesIn(pages, index, tceCount(1))).toBe(pages);
        }
      }),
    );
  });

  test('after writing a range are those after writing each of its entries', () => {
    const shape = shapeOf(3, 12, 36);
    const range = fc.record({
      first: fc.integer({ min: 0, max: shape.entries - 3000 }).map(tceIndex),
      count: fc.integer({ min: 0, max: 3000 }).map(tceCount),
    });
    fc.assert(
      fc.property(range, ({ first, count }) => {
        let oneByOne = levelPages(shape);
        for (let entry = 0; entry < count; entry += 1) {
          oneByOne = withLevelPages(oneByOne, tceIndex(first + entry));
        }
        expect(withLevelPagesIn(levelPages(shape), first, count)).toEqual(oneByOne);
      }),
      { numRuns: 20 },
    );
  });

  test('are all that is charged for, once every entry has been written', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3), fc.integer({ min: 12, max: 33 }), (levels, sizeShift) => {
        const shape = shapeOf(levels, 16, sizeShift);
        const pages = withLevelPagesIn(levelPages(shape), tceIndex(0), shape.entries);
        expect(pages).toEqual(allLevelPages(shape));
        expect(allocatedBytes(pages)).toBe(fullBytes(shape));
        expect(2n * allocatedBytes(pages)).toBe(chargedBytes(requestOf(levels, 16, sizeShift)));
      }),
    );
  });

  test('an entry that the tree does not have is a mistake of ours', () => {
    const pages = levelPages(shapeOf(2, 16, 36));
    const beyond = tceIndex(2 ** 40);
    expect(() => hasLevelPages(pages, beyond)).toThrow(RangeError);
    expect(() => withLevelPages(pages, beyond)).toThrow(RangeError);
    expect(() => withLevelPagesIn(pages, tceIndex(0), tceCount(2 ** 40))).toThrow(RangeError);
  });
});
