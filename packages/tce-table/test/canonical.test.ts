import { type Tce, type TceCount, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  canonicalTces,
  edit,
  fingerprint,
  sameTces,
  type TceTable,
  tceAt,
  tcesFromCanonical,
  tceTable,
  withFill,
  withTce,
  withTces,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  afterAll,
  inOrder,
  type PlainTable,
  plainAfterAll,
  plainOf,
  someEntries,
  somePlace,
  someTce,
  someWrites,
} from './plain-table.ts';

/** The table with that content, put entry by entry in the order given. */
const putOneByOne = (entries: TceCount, content: readonly (readonly [number, bigint])[]): TceTable =>
  content.reduce((table, [index, value]) => withTce(table, tceIndex(index), tce(value)), tceTable(entries));

const samePlain = (a: PlainTable, b: PlainTable): boolean =>
  a.size === b.size && [...a].every(([index, value]) => b.get(index) === value);

describe('equal content is equal structure', () => {
  test('whatever writes led to it', () => {
    fc.assert(
      fc.property(someWrites(), fc.boolean(), ({ entries, writes }, backwards) => {
        const table = afterAll(entries, writes);
        const content = inOrder(plainAfterAll(writes));
        const direct = putOneByOne(entries, backwards ? content.toReversed() : content);
        expect(direct).toEqual(table);
        expect(fingerprint(direct)).toBe(fingerprint(table));
        expect(sameTces(direct, table)).toBe(true);
        expect(canonicalTces(direct)).toEqual(canonicalTces(table));
      }),
    );
  });

  test('a table that was filled and cleared is an empty table', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const content = inOrder(plainAfterAll(writes));
        const cleared = putOneByOne(entries, [...content, ...content.map(([index]) => [index, 0n] as const)]);
        expect(cleared).toEqual(tceTable(entries));
        expect(fingerprint(cleared)).toBe(fingerprint(tceTable(entries)));
      }),
    );
  });

  test('while a table fills and empties entry by entry, every version is the table of its content', () => {
    const someEntriesInOrder = someEntries.chain((entries) =>
      fc.record({
        entries: fc.constant(entries),
        indexes: fc.uniqueArray(somePlace(entries), { maxLength: 24 }),
        value: fc.constantFrom(tce(0x1003n), tce(0x2000n)),
        backwards: fc.boolean(),
      }),
    );
    const editedTo = (entries: TceCount, content: PlainTable): TceTable =>
      edit(tceTable(entries), (editor) => {
        for (const [index, value] of content) editor.put(tceIndex(index), 0, Number(value));
      });
    fc.assert(
      fc.property(someEntriesInOrder, ({ entries, indexes, value, backwards }) => {
        const content = new Map<number, bigint>();
        let table = tceTable(entries);
        for (const index of indexes) {
          table = withTce(table, index, value);
          content.set(index, value);
          expect(table).toEqual(editedTo(entries, content));
        }
        for (const index of backwards ? indexes.toReversed() : indexes) {
          table = withTce(table, index, tce(0n));
          content.delete(index);
          expect(table).toEqual(editedTo(entries, content));
        }
      }),
    );
  });

  test.each([1, 4, 31, 32, 33, 512, 513, 8192, 20_000].map(tceCount))(
    'a table of %d entries filled entry by entry is the table filled at once',
    (entries) => {
      const value = tce(0x1234_5000_0003n);
      const atOnce = withFill(tceTable(entries), tceIndex(0), entries, value);
      let oneByOne = tceTable(entries);
      for (let index = entries - 1; index >= 0; index -= 1)
        oneByOne = withTce(oneByOne, tceIndex(index), value);
      expect(oneByOne).toEqual(atOnce);
      const edited = edit(tceTable(entries), (editor) => {
        for (let index = 0; index < entries; index += 1) editor.put(tceIndex(index), 0x1234, 0x5000_0003);
      });
      expect(edited).toEqual(atOnce);
    },
  );

  test.each([4, 2 ** 31, 2 ** 37].map(tceCount))(
    'a table of %d entries filled with one value is a single node',
    (entries) => {
      const table = withFill(tceTable(entries), tceIndex(0), entries, tce(0x7003n));
      expect(JSON.stringify(table).length).toBeLessThan(100);
      expect(tceAt(table, tceIndex(entries - 1))).toBe(0x7003n);
    },
  );

  test('a table survives being copied as data', () => {
    fc.assert(
      fc.property(someWrites(), someTce, ({ entries, writes }, value) => {
        const table = afterAll(entries, writes);
        const copies = [structuredClone(table), JSON.parse(JSON.stringify(table)) as TceTable];
        for (const copy of copies) {
          expect(sameTces(copy, table)).toBe(true);
          expect(withTce(copy, tceIndex(0), value)).toEqual(withTce(table, tceIndex(0), value));
        }
      }),
    );
  });
});

describe('different content is different', () => {
  test('two tables are the same exactly if they are as plain maps', () => {
    fc.assert(
      fc.property(someWrites(3), someWrites(3), (one, other) => {
        const writes = other.entries <= one.entries ? other.writes : [];
        const a = afterAll(one.entries, one.writes);
        const b = afterAll(one.entries, writes);
        const same = samePlain(plainAfterAll(one.writes), plainAfterAll(writes));
        expect(sameTces(a, b)).toBe(same);
        expect(JSON.stringify(canonicalTces(a)) === JSON.stringify(canonicalTces(b))).toBe(same);
        if (same) expect(fingerprint(a)).toBe(fingerprint(b));
      }),
    );
  });

  test('even if their hashes are the same, in a list, in a leaf and below a branch', () => {
    const entries = tceCount(1000);
    for (const count of [1, 20, 500]) {
      const one = withFill(tceTable(entries), tceIndex(0), tceCount(count), tce(3n));
      const other = withTce(one, tceIndex(0), tce(1n));
      const hashOf = (table: TceTable): number => ('hash' in table.root ? table.root.hash : 0);
      const forged = { ...other, root: { ...other.root, hash: hashOf(one) } };
      expect(hashOf(forged)).toBe(hashOf(one));
      expect(sameTces(one, forged)).toBe(false);
      expect(sameTces(forged, one)).toBe(false);
      expect(sameTces(one, structuredClone(one))).toBe(true);
    }
    const small = tceTable(tceCount(30));
    const leaf = withFill(small, tceIndex(0), tceCount(20), tce(3n));
    const swapped = withTce(withTce(leaf, tceIndex(0), tce(1n)), tceIndex(1), tce(2n));
    const hash = 'hash' in leaf.root ? leaf.root.hash : 0;
    expect(sameTces(leaf, { ...swapped, root: { ...swapped.root, hash } as typeof swapped.root })).toBe(
      false,
    );
  });

  test('two tables of different sizes are never the same', () => {
    const four = tceTable(tceCount(4));
    const five = tceTable(tceCount(5));
    expect(sameTces(four, five)).toBe(false);
    expect(fingerprint(four)).not.toBe(fingerprint(five));
    expect(fingerprint(tceTable(tceCount(2 ** 33)))).not.toBe(fingerprint(tceTable(tceCount(2 ** 34))));
    expect(canonicalTces(four)).not.toEqual(canonicalTces(five));
  });

  test('a hundred thousand tables that differ in one entry have about as many fingerprints', () => {
    const fingerprints = new Set<number>();
    const empty = tceTable(tceCount(2 ** 31));
    for (let n = 0; n < 50_000; n += 1) {
      fingerprints.add(fingerprint(withTce(empty, tceIndex(n * 40_009), tce(0x1003n))));
      fingerprints.add(fingerprint(withTce(empty, tceIndex(77), tce((BigInt(n) << 12n) | 1n))));
    }
    // Chance alone makes one or two pairs collide among 2^32 fingerprints.
    expect(fingerprints.size).toBeGreaterThan(99_980);
  });

  test('moving an entry by 2^32 changes the fingerprint', () => {
    const empty = tceTable(tceCount(2 ** 37));
    const here = withTce(empty, tceIndex(5), tce(3n));
    const there = withTce(empty, tceIndex(2 ** 32 + 5), tce(3n));
    expect(fingerprint(here)).not.toBe(fingerprint(there));
  });

  test('swapping two entries, two leaves or two subtrees changes the fingerprint', () => {
    const empty = tceTable(tceCount(2 ** 20));
    const one = [tce(0x1003n)];
    const other = [tce(0x2003n)];
    const list = Array.from({ length: 20 }, (_, n) => tce(BigInt(n + 1) << 12n));
    for (const [a, b, distance] of [
      [one, other, 1],
      [one, other, 131_072],
      [list, list.toReversed(), 32],
      [list, list.toReversed(), 512],
      [list, list.toReversed(), 131_072],
    ] as const) {
      const aThenB = withTces(withTces(empty, tceIndex(0), a), tceIndex(distance), b);
      const bThenA = withTces(withTces(empty, tceIndex(0), b), tceIndex(distance), a);
      expect(fingerprint(aThenB)).not.toBe(fingerprint(bThenA));
    }
  });
});

describe('the canonical encoding', () => {
  test('lists the longest runs of equal entries', () => {
    const empty = tceTable(tceCount(2 ** 31));
    const window = withFill(empty, tceIndex(30), tceCount(2 ** 30), tce(0x3n));
    expect(canonicalTces(withTce(window, tceIndex(0), tce(0xffff_0000_0000_1001n)))).toEqual({
      entries: 2 ** 31,
      runs: [
        [0, 1, '0xffff000000001001'],
        [30, 2 ** 30, '0x3'],
      ],
    });
  });

  test('is read back as the very structure', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const table = afterAll(entries, writes);
        const text = JSON.stringify(canonicalTces(table));
        expect(tcesFromCanonical(JSON.parse(text))).toEqual(table);
      }),
    );
  });

  test('that does not fit its table, or holds no number, is refused', () => {
    expect(() => tcesFromCanonical({ entries: 4, runs: [[3, 2, '0x1']] })).toThrow(RangeError);
    expect(() => tcesFromCanonical({ entries: -4, runs: [] })).toThrow(RangeError);
    expect(() => tcesFromCanonical({ entries: 4, runs: [[0, 1, 'none' as unknown as `${Tce}`]] })).toThrow(
      SyntaxError,
    );
  });

  test('keeps what a plain map keeps', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const { runs } = canonicalTces(afterAll(entries, writes));
        const plain = new Map<number, bigint>();
        for (const [first, count, value] of runs) {
          for (let index = first; index < first + count; index += 1) plain.set(index, BigInt(value));
        }
        expect(inOrder(plain)).toEqual(inOrder(plainAfterAll(writes)));
        expect(inOrder(plain)).toEqual(inOrder(plainOf(afterAll(entries, writes))));
      }),
    );
  });
});
