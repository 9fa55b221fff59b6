import { tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  forEachNonZero,
  tceAt,
  tceHighAt,
  tceLowAt,
  tceTable,
  withFill,
  withTce,
  withTceHalves,
  withTces,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  after,
  afterAll,
  inOrder,
  plainAfterAll,
  plainOf,
  someEntries,
  somePlace,
  someTce,
  someWrites,
} from './plain-table.ts';

describe('what is put is got', () => {
  test('after any writes a table holds what a plain map holds', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        expect(inOrder(plainOf(afterAll(entries, writes)))).toEqual(inOrder(plainAfterAll(writes)));
      }),
    );
  });

  test('any entry of any table, above 2^32 too, is read as the plain map has it', () => {
    fc.assert(
      fc.property(
        someWrites().chain(({ entries, writes }) =>
          fc.record({
            entries: fc.constant(entries),
            writes: fc.constant(writes),
            places: fc.array(somePlace(entries)),
          }),
        ),
        ({ entries, writes, places }) => {
          const table = afterAll(entries, writes);
          const plain = plainAfterAll(writes);
          for (const place of [...places, ...[...plain.keys()].map(tceIndex)]) {
            expect(tceAt(table, place)).toBe(plain.get(place) ?? 0n);
          }
        },
      ),
    );
  });

  test('the halves of an entry are its high and its low 32 bits, unsigned', () => {
    fc.assert(
      fc.property(someTce, (value) => {
        const table = withTce(tceTable(tceCount(2 ** 37)), tceIndex(2 ** 37 - 1), value);
        expect(tceHighAt(table, tceIndex(2 ** 37 - 1))).toBe(Number(value >> 32n));
        expect(tceLowAt(table, tceIndex(2 ** 37 - 1))).toBe(Number(value & 0xffff_ffffn));
        expect(tceHighAt(table, tceIndex(2 ** 32 - 1))).toBe(0);
      }),
    );
  });

  test('an entry put by halves is the entry put whole, and halves count modulo 2^32', () => {
    const empty = tceTable(tceCount(100));
    const whole = withTce(empty, tceIndex(7), tce(0xffff_fff0_8000_0003n));
    expect(withTceHalves(empty, tceIndex(7), 0xffff_fff0, 0x8000_0003)).toEqual(whole);
    expect(withTceHalves(empty, tceIndex(7), -16, 0x8000_0003 | 0)).toEqual(whole);
  });

  test('entries of a tiny table that differ in their high or in their low halves only are kept apart', () => {
    for (const [one, other] of [
      [0x1_0000_0003n, 0x2_0000_0003n],
      [0x1_0000_0003n, 0x1_0000_0001n],
    ] as const) {
      const table = withTce(withTce(tceTable(tceCount(2)), tceIndex(0), tce(one)), tceIndex(1), tce(other));
      expect([tceAt(table, tceIndex(0)), tceAt(table, tceIndex(1))]).toEqual([one, other]);
    }
  });

  test('clearing twice is clearing once', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const table = afterAll(entries, writes);
        const once = withFill(table, tceIndex(0), entries, tce(0n));
        expect(withFill(once, tceIndex(0), entries, tce(0n))).toBe(once);
        expect(once).toEqual(tceTable(entries));
      }),
    );
  });
});

describe('versions', () => {
  test('a version keeps its content whatever is written later', () => {
    fc.assert(
      fc.property(someWrites(), ({ entries, writes }) => {
        const versions = [tceTable(entries)];
        for (const write of writes) versions.push(after(versions.at(-1)!, write));
        for (const [made, version] of versions.entries()) {
          expect(inOrder(plainOf(version))).toEqual(inOrder(plainAfterAll(writes.slice(0, made))));
        }
      }),
    );
  });

  test('a write that changes nothing answers the very same table', () => {
    const someWritesAndPlaces = someWrites().chain(({ entries, writes }) =>
      fc.array(somePlace(entries), { size: '+1' }).map((places) => ({ entries, writes, places })),
    );
    fc.assert(
      fc.property(someWritesAndPlaces, ({ entries, writes, places }) => {
        const table = afterAll(entries, writes);
        for (const [index, value] of plainAfterAll(writes)) {
          expect(withTce(table, tceIndex(index), tce(value))).toBe(table);
          expect(withFill(table, tceIndex(index), tceCount(1), tce(value))).toBe(table);
          expect(withTces(table, tceIndex(index), [tce(value)])).toBe(table);
        }
        for (const index of places) {
          expect(withTce(table, index, tceAt(table, index))).toBe(table);
          expect(withFill(table, index, tceCount(1), tceAt(table, index))).toBe(table);
        }
        expect(withTces(table, tceIndex(entries), [])).toBe(table);
        expect(withFill(table, tceIndex(entries), tceCount(0), tce(3n))).toBe(table);
      }),
    );
  });
});

describe('sizes', () => {
  test('a table may have no entries at all', () => {
    const none = tceTable(tceCount(0));
    expect(none.entries).toBe(0);
    expect(plainOf(none).size).toBe(0);
    expect(withFill(none, tceIndex(0), tceCount(0), tce(3n))).toBe(none);
    expect(() => tceAt(none, tceIndex(0))).toThrow(RangeError);
  });

  test('the largest table has 2^52 entries', () => {
    const last = tceIndex(2 ** 52 - 1);
    const table = withTce(tceTable(tceCount(2 ** 52)), last, tce(3n));
    expect(tceAt(table, last)).toBe(3n);
    expect([...plainOf(table).keys()]).toEqual([last]);
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 52 + 1, Number.POSITIVE_INFINITY])(
    'a table of %d entries is a mistake of ours',
    (entries) => {
      expect(() => tceTable(tceCount(entries))).toThrow(RangeError);
    },
  );
});

describe('a place that the table does not have is a mistake of ours', () => {
  test('every function that takes an index or a range refuses it with a RangeError', () => {
    fc.assert(
      fc.property(someEntries, (entries) => {
        const table = tceTable(entries);
        for (const place of [-1, 0.5, entries, entries + 1, Number.NaN, Number.POSITIVE_INFINITY].map(
          tceIndex,
        )) {
          expect(() => tceAt(table, place)).toThrow(RangeError);
          expect(() => tceHighAt(table, place)).toThrow(RangeError);
          expect(() => tceLowAt(table, place)).toThrow(RangeError);
          expect(() => withTce(table, place, tce(0n))).toThrow(RangeError);
          expect(() => withTceHalves(table, place, 0, 0)).toThrow(RangeError);
          expect(() => withTces(table, place, [tce(0n)])).toThrow(RangeError);
          expect(() => withFill(table, place, tceCount(1), tce(0n))).toThrow(RangeError);
        }
        expect(() => withTces(table, tceIndex(entries + 1), [])).toThrow(RangeError);
        expect(() => withFill(table, tceIndex(1), entries, tce(0n))).toThrow(RangeError);
        expect(() => withFill(table, tceIndex(0), tceCount(-1), tce(0n))).toThrow(RangeError);
        expect(() => forEachNonZero(table, () => {}, tceIndex(entries + 1))).toThrow(RangeError);
      }),
    );
  });
});
