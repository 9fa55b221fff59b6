import { type Tce, type TceCount, type TceIndex, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  forEachNonZero,
  type TceTable,
  tceAt,
  tceTable,
  withFill,
  withTce,
  withTces,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';

/** The plain table that the fast one is held against: a `Map` from index to entry, without zeros. */
export type PlainTable = ReadonlyMap<number, bigint>;

/** A write in the words of the interface: one entry, a range of one entry, or a list. */
export type Write =
  | { readonly op: 'put'; readonly index: TceIndex; readonly tce: Tce }
  | { readonly op: 'fill'; readonly first: TceIndex; readonly count: TceCount; readonly tce: Tce }
  | { readonly op: 'list'; readonly first: TceIndex; readonly tces: readonly Tce[] };

/** What a write does to a plain table. */
export function plainAfter(plain: PlainTable, write: Write): PlainTable {
  const after = new Map(plain);
  const put = (index: number, value: bigint): void => {
    if (value === 0n) after.delete(index);
    else after.set(index, value);
  };
  if (write.op === 'put') put(write.index, write.tce);
  if (write.op === 'fill') {
    for (let entry = 0; entry < write.count; entry += 1) put(write.first + entry, write.tce);
  }
  if (write.op === 'list') {
    for (const [entry, value] of write.tces.entries()) put(write.first + entry, value);
  }
  return after;
}

/** What a write does to a table, by the function of its kind. */
export function after(table: TceTable, write: Write): TceTable {
  if (write.op === 'put') return withTce(table, write.index, write.tce);
  if (write.op === 'fill') return withFill(table, write.first, write.count, write.tce);
  return withTces(table, write.first, write.tces);
}

/** All entries of a table that are not zero, as a plain table. */
export function plainOf(table: TceTable): PlainTable {
  const plain = new Map<number, bigint>();
  forEachNonZero(table, (index) => plain.set(index, tceAt(table, index)));
  return plain;
}

/** A plain table with its indexes in order, to compare and to print. */
export const inOrder = (plain: PlainTable): readonly (readonly [number, bigint])[] =>
  [...plain].sort(([a], [b]) => a - b);

/** The table that the writes make of an empty one of that many entries. */
export const afterAll = (entries: TceCount, writes: readonly Write[]): TceTable =>
  writes.reduce(after, tceTable(entries));

/** The plain table that the writes make of an empty one. */
export const plainAfterAll = (writes: readonly Write[]): PlainTable =>
  writes.reduce<PlainTable>(plainAfter, new Map());

/**
 * Few different values, so that runs, uniform subtrees and writes that change nothing come up often: none,
 * read, write, both, an address without permission, halves that are equal to one another's, all ones.
 */
export const someTce: fc.Arbitrary<Tce> = fc
  .oneof(
    { weight: 6, arbitrary: fc.constantFrom(0n, 0x1000n, 0x1001n, 0x1002n, 0x1003n, 0x1003_0000_0000n) },
    { weight: 1, arbitrary: fc.constantFrom(0xffff_ffff_ffff_ffffn, 0x8000_0000_0000_0003n, 0x1_0000_0000n) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  )
  .map(tce);

/**
 * Sizes of tables: tiny ones, sizes next to those at which the tree gets another level, and windows whose
 * indexes do not fit in 32 bits.
 */
export const someEntries: fc.Arbitrary<TceCount> = fc
  .oneof(
    fc.integer({ min: 1, max: 100 }),
    fc.constantFrom(4, 31, 32, 33, 512, 513, 8192, 8193, 262_144),
    fc.constantFrom(2 ** 31, 2 ** 31 + 5, 2 ** 32, 2 ** 33 + 7, 2 ** 37),
  )
  .map(tceCount);

/** Places in a table: near its start, near its end, near the limits of 31 and 32 bits, and anywhere. */
export const somePlace = (entries: number): fc.Arbitrary<TceIndex> =>
  fc
    .oneof(
      fc.integer({ min: 0, max: 80 }),
      fc.integer({ min: entries - 80, max: entries - 1 }),
      fc.integer({ min: 2 ** 31 - 40, max: 2 ** 31 + 40 }),
      fc.integer({ min: 2 ** 32 - 40, max: 2 ** 32 + 40 }),
      fc.integer({ min: 0, max: entries - 1 }),
    )
    .map((place) => tceIndex(Math.max(0, Math.min(place, entries - 1))));

/** A write that lies in a table of that many entries; its range is short enough for a plain table. */
export const someWrite = (entries: number): fc.Arbitrary<Write> =>
  somePlace(entries).chain((place) => {
    const room = entries - place;
    return fc.oneof(
      someTce.map((value): Write => ({ op: 'put', index: place, tce: value })),
      fc
        .tuple(fc.integer({ min: 0, max: Math.min(room, 1200) }), someTce)
        .map(([count, value]): Write => ({ op: 'fill', first: place, count: tceCount(count), tce: value })),
      fc
        .array(someTce, { maxLength: Math.min(room, 80) })
        .map((tces): Write => ({ op: 'list', first: place, tces })),
    );
  });

/** A size of table, and writes to a table of that size. */
export const someWrites = (maxLength = 12): fc.Arbitrary<{ entries: TceCount; writes: Write[] }> =>
  someEntries.chain((entries) =>
    fc.array(someWrite(entries), { maxLength }).map((writes) => ({ entries, writes })),
  );
