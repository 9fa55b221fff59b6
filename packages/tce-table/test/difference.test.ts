import { tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  forEachDifference,
  forEachDifferentRun,
  type TceTable,
  tceTable,
  withFill,
  withTce,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { after, afterAll, type PlainTable, plainAfterAll, someWrites } from './plain-table.ts';

type Difference = readonly [index: number, before: bigint, after: bigint];

function differences(before: TceTable, later: TceTable): Difference[] {
  const seen: Difference[] = [];
  forEachDifference(before, later, (index, was, is) => seen.push([index, was, is]));
  return seen;
}

function plainDifferences(before: PlainTable, later: PlainTable): Difference[] {
  const indexes = [...new Set([...before.keys(), ...later.keys()])].sort((a, b) => a - b);
  return indexes
    .map((index): Difference => [index, before.get(index) ?? 0n, later.get(index) ?? 0n])
    .filter(([, was, is]) => was !== is);
}

describe('the difference of two versions', () => {
  test('is every entry that plain maps have different, once and in order', () => {
    fc.assert(
      fc.property(someWrites(), someWrites(), ({ entries, writes }, more) => {
        const later = more.entries <= entries ? more.writes : [];
        const before = afterAll(entries, writes);
        const next = later.reduce(after, before);
        expect(differences(before, next)).toEqual(
          plainDifferences(plainAfterAll(writes), plainAfterAll([...writes, ...later])),
        );
      }),
    );
  });

  test('does not depend on a common history', () => {
    fc.assert(
      fc.property(someWrites(), someWrites(), ({ entries, writes }, more) => {
        const others = more.entries <= entries ? more.writes : [];
        expect(differences(afterAll(entries, writes), afterAll(entries, others))).toEqual(
          plainDifferences(plainAfterAll(writes), plainAfterAll(others)),
        );
      }),
    );
  });

  test('is empty between a table and itself', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const table = afterAll(entries, writes);
        expect(differences(table, table)).toEqual([]);
        expect(differences(table, afterAll(entries, writes))).toEqual([]);
      }),
    );
  });

  test('comes in the longest runs of one value before and one value after', () => {
    fc.assert(
      fc.property(someWrites(), someWrites(), ({ entries, writes }, more) => {
        const before = afterAll(entries, writes);
        const next = (more.entries <= entries ? more.writes : []).reduce(after, before);
        const expanded: Difference[] = [];
        const runs: string[] = [];
        forEachDifferentRun(before, next, (first, count, h0, l0, h1, l1) => {
          const was = (BigInt(h0) << 32n) | BigInt(l0);
          const is = (BigInt(h1) << 32n) | BigInt(l1);
          for (let index: number = first; index < first + count; index += 1) expanded.push([index, was, is]);
          runs.push(`${first} ${was} ${is}`);
          expect(runs).not.toContain(`${first + count} ${was} ${is}`);
        });
        expect(expanded).toEqual(differences(before, next));
        for (const [at, [index, was, is]] of expanded.entries()) {
          const [previous, wasBefore, isBefore] = expanded[at - 1] ?? [-2, 0n, 0n];
          const continues = previous === index - 1 && wasBefore === was && isBefore === is;
          expect(runs.includes(`${index} ${was} ${is}`)).toBe(!continues);
        }
      }),
    );
  });

  test('of an empty window of 2^37 entries and the filled one is one run', () => {
    const entries = tceCount(2 ** 37);
    const empty = tceTable(entries);
    const full = withFill(empty, tceIndex(0), entries, tce(0x1_0000_1003n));
    const runs: number[][] = [];
    forEachDifferentRun(empty, full, (...run) => runs.push(run));
    forEachDifferentRun(full, withTce(full, tceIndex(2 ** 36), tce(0n)), (...run) => runs.push(run));
    expect(runs).toEqual([
      [0, 2 ** 37, 0, 0, 1, 0x1003],
      [2 ** 36, 1, 1, 0x1003, 0, 0],
    ]);
  });

  test('of tables of different sizes is a mistake of ours', () => {
    expect(() => differences(tceTable(tceCount(4)), tceTable(tceCount(5)))).toThrow(RangeError);
  });

  test('reaches the last entries of a table that ends inside a leaf', () => {
    const entries = tceCount(2 ** 31 + 5);
    const empty = tceTable(entries);
    const last = tceIndex(entries - 1);
    expect(differences(empty, withTce(empty, last, tce(3n)))).toEqual([[last, 0n, 3n]]);
    const full = withFill(empty, tceIndex(entries - 40), tceCount(40), tce(3n));
    expect(differences(full, empty).map(([index]) => index)).toEqual(
      Array.from({ length: 40 }, (_, n) => entries - 40 + n),
    );
  });
});
