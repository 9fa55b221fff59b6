import { type TceCount, type TceIndex, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  type EntryVisitor,
  forEachMapped,
  forEachNonZero,
  forEachRun,
  mappedCount,
  mappedCountIn,
  nonZeroCount,
  type TceTable,
  tceAt,
  tceTable,
  withFill,
  withTce,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterAll, inOrder, plainAfterAll, somePlace, someWrites } from './plain-table.ts';

/** Writes, and a range of the table they are made to. */
const someWritesAndRange = someWrites().chain(({ entries, writes }) =>
  fc.tuple(somePlace(entries), somePlace(entries)).map(([a, b]) => ({
    entries,
    writes,
    first: tceIndex(Math.min(a, b)),
    count: tceCount(Math.abs(a - b) + 1),
  })),
);

const isMapped = (value: bigint): boolean => (value & 3n) !== 0n;

type Walk = (table: TceTable, visit: EntryVisitor, first?: TceIndex, count?: TceCount) => void;

const visited = (walk: Walk, table: TceTable, first?: TceIndex, count?: TceCount): [number, bigint][] => {
  const seen: [number, bigint][] = [];
  walk(table, (index, high, low) => seen.push([index, (BigInt(high) << 32n) | BigInt(low)]), first, count);
  return seen;
};

describe('counts', () => {
  test('an entry counts as mapped if it has a permission bit, and as not zero if it has any bit', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const plain = [...plainAfterAll(writes).values()];
        const table = afterAll(entries, writes);
        expect(mappedCount(table)).toBe(plain.filter(isMapped).length);
        expect(nonZeroCount(table)).toBe(plain.length);
      }),
    );
  });

  test('the mapped entries of a range are those that a plain map has there', () => {
    fc.assert(
      fc.property(someWritesAndRange, ({ entries, writes, first, count }) => {
        const table = afterAll(entries, writes);
        const plain = [...plainAfterAll(writes)];
        const there = plain.filter(
          ([index, value]) => index >= first && index < first + count && isMapped(value),
        );
        expect(mappedCountIn(table, first, count)).toBe(there.length);
        expect(mappedCountIn(table, first, tceCount(0))).toBe(0);
        expect(mappedCountIn(table, tceIndex(0), entries)).toBe(mappedCount(table));
      }),
    );
  });

  test('a range that covers all of 2^37 entries but one is counted', () => {
    const entries = tceCount(2 ** 37);
    const full = withFill(tceTable(entries), tceIndex(0), entries, tce(0x1003n));
    expect(mappedCount(full)).toBe(2 ** 37);
    const holed = withTce(full, tceIndex(2 ** 36 + 1), tce(0x1000n));
    expect(mappedCount(holed)).toBe(2 ** 37 - 1);
    expect(nonZeroCount(holed)).toBe(2 ** 37);
    expect(mappedCountIn(holed, tceIndex(1), tceCount(2 ** 37 - 1))).toBe(2 ** 37 - 2);
    expect(mappedCountIn(holed, tceIndex(2 ** 36), tceCount(3))).toBe(2);
  });

  test('a range that does not lie in the table is a mistake of ours', () => {
    const table = tceTable(tceCount(100));
    expect(() => mappedCountIn(table, tceIndex(99), tceCount(2))).toThrow(RangeError);
    expect(() => mappedCountIn(table, tceIndex(-1), tceCount(2))).toThrow(RangeError);
    expect(() => mappedCountIn(table, tceIndex(0.5), tceCount(2))).toThrow(RangeError);
  });
});

describe('walks', () => {
  test('see every entry that is not zero, or that is mapped, once and in order', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const table = afterAll(entries, writes);
        const plain = inOrder(plainAfterAll(writes));
        expect(visited(forEachNonZero, table)).toEqual(plain);
        expect(visited(forEachMapped, table)).toEqual(plain.filter(([, value]) => isMapped(value)));
      }),
    );
  });

  test('of a range see what lies in it', () => {
    fc.assert(
      fc.property(someWritesAndRange, ({ entries, writes, first, count }) => {
        const table = afterAll(entries, writes);
        const there = inOrder(plainAfterAll(writes)).filter(
          ([index]) => index >= first && index < first + count,
        );
        expect(visited(forEachNonZero, table, first, count)).toEqual(there);
        expect(visited(forEachMapped, table, first, count)).toEqual(
          there.filter(([, value]) => isMapped(value)),
        );
      }),
    );
  });

  test('from an index on see the rest of the table', () => {
    const table = withFill(tceTable(tceCount(100)), tceIndex(90), tceCount(10), tce(1n));
    expect(visited(forEachMapped, table, tceIndex(98)).map(([index]) => index)).toEqual([98, 99]);
  });

  test('the longest runs of equal entries come in order, do not touch, and make up the table', () => {
    fc.assert(
      fc.property(someWritesAndRange, ({ entries, writes, first, count }) => {
        const table = afterAll(entries, writes);
        const seen: [number, bigint][] = [];
        let end = -1;
        let last = 0n;
        forEachRun(
          table,
          (runFirst, runCount, high, low) => {
            const value = (BigInt(high) << 32n) | BigInt(low);
            expect(runFirst).toBeGreaterThanOrEqual(end);
            expect(runFirst === end && value === last).toBe(false);
            for (let index: number = runFirst; index < runFirst + runCount; index += 1)
              seen.push([index, value]);
            end = runFirst + runCount;
            last = value;
          },
          first,
          count,
        );
        expect(seen).toEqual(visited(forEachNonZero, table, first, count));
      }),
    );
  });

  test('a filled window of 2^37 entries is one run, and its hole makes two', () => {
    const entries = tceCount(2 ** 37);
    const runs = (table: TceTable): [number, number][] => {
      const seen: [number, number][] = [];
      forEachRun(table, (first, count) => seen.push([first, count]));
      return seen;
    };
    const full = withFill(tceTable(entries), tceIndex(0), entries, tce(0x1003n));
    expect(runs(full)).toEqual([[0, 2 ** 37]]);
    const hole = tceIndex(2 ** 33 + 5);
    expect(runs(withTce(full, hole, tce(0n)))).toEqual([
      [0, hole],
      [hole + 1, 2 ** 37 - hole - 1],
    ]);
  });

  test('a walk that throws stops, and the exception goes on', () => {
    const table = withFill(tceTable(tceCount(2 ** 31)), tceIndex(0), tceCount(2 ** 31), tce(3n));
    let seen = 0;
    expect(() =>
      forEachMapped(table, () => {
        seen += 1;
        if (seen === 10) throw new Error('enough');
      }),
    ).toThrow('enough');
    expect(seen).toBe(10);
    expect(tceAt(table, tceIndex(2 ** 31 - 1))).toBe(3n);
  });
});
