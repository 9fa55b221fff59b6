/**
 * What the operations of a TCE table cost, beside a flat `BigUint64Array` and a `Map` of bigints. The flat array
 * is what QEMU and KVM have; it has no versions, and cannot be had for windows of 2^31 entries and more.
 */
import { type Tce, type TceCount, type TceIndex, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  edit,
  fingerprint,
  forEachDifference,
  forEachMapped,
  forEachRun,
  mappedCount,
  type TceTable,
  tceAt,
  tceHighAt,
  tceLowAt,
  tceTable,
  withFill,
  withTce,
  withTceHalves,
  withTces,
} from '@spapr-dma/tce-table';
import { bytesOf, keep, nanoseconds, printConditions, printTable, sequence } from './measure.ts';

/** QEMU's default window: 1 GiB in 4K pages. */
const windowEntries = tceCount(262_144);
/** A dynamic window over 128 TiB in 64K pages. */
const bigEntries = tceCount(2 ** 31);
const operations = 200_000;

const inOrder = Float64Array.from({ length: operations }, (_, n) => n);
const anywhere = sequence(operations, windowEntries);
const anywhereBig = sequence(operations, bigEntries);
const lowOf = (index: number): number => ((index << 12) | 3) >>> 0;
const tceOf = (index: number): Tce => tce((BigInt(index) << 12n) | 3n);

const columns = ['TceTable', 'BigUint64Array', 'Map'];
const mapOf = (indexes: Float64Array): Map<number, bigint> => {
  const map = new Map<number, bigint>();
  for (const index of indexes) map.set(index, tceOf(index));
  return map;
};
const flatOf = (indexes: Float64Array): BigUint64Array => {
  const flat = new BigUint64Array(windowEntries);
  for (const index of indexes) flat[index] = tceOf(index);
  return flat;
};
const tableOf = (entries: TceCount, indexes: Float64Array): TceTable =>
  edit(tceTable(entries), (editor) => {
    for (const index of indexes) editor.put(index as TceIndex, Math.floor(index / 2 ** 20), lowOf(index));
  });

function puts(): void {
  const persistently = (entries: TceCount, indexes: Float64Array): TceTable => {
    let table = tceTable(entries);
    for (const index of indexes) table = withTceHalves(table, index as TceIndex, 1, lowOf(index));
    return table;
  };
  const toFull = (indexes: Float64Array): TceTable => {
    let table = full;
    for (const index of indexes) table = withTceHalves(table, index as TceIndex, 1, lowOf(index) ^ 0x1000);
    return table;
  };
  const full = tableOf(
    windowEntries,
    Float64Array.from({ length: windowEntries }, (_, n) => n),
  );
  const cost = (work: () => unknown): number => nanoseconds(operations, work);
  const row = (
    name: string,
    indexes: Float64Array,
    work: () => unknown,
  ): [string, number, number, number] => [
    name,
    cost(work),
    cost(() => flatOf(indexes)),
    cost(() => mapOf(indexes)),
  ];
  printTable('put, ns each', columns, [
    row('in order, 262,144 entries', inOrder, () => persistently(windowEntries, inOrder)),
    row('anywhere, 262,144 entries', anywhere, () => persistently(windowEntries, anywhere)),
    ['anywhere, a full table of 262,144', cost(() => toFull(anywhere))],
    [
      'in order, 2^31 entries',
      cost(() => persistently(bigEntries, inOrder)),
      undefined,
      cost(() => mapOf(inOrder)),
    ],
    [
      'anywhere, 2^31 entries',
      cost(() => persistently(bigEntries, anywhereBig)),
      undefined,
      cost(() => mapOf(anywhereBig)),
    ],
    [
      'anywhere, 262,144 entries, whole TCEs',
      cost(() => {
        let table = tceTable(windowEntries);
        for (const index of anywhere) table = withTce(table, index as TceIndex, tceOf(index));
        return table;
      }),
    ],
    ['in order, in one edit', cost(() => tableOf(windowEntries, inOrder))],
    ['anywhere, in one edit', cost(() => tableOf(windowEntries, anywhere))],
    ['in order, 2^31 entries, in one edit', cost(() => tableOf(bigEntries, inOrder))],
    ['anywhere, 2^31 entries, in one edit', cost(() => tableOf(bigEntries, anywhereBig))],
    [
      'in order, lists of 512',
      cost(() => {
        let table = tceTable(windowEntries);
        const list = Array.from({ length: 512 }, (_, n) => tceOf(n + 1));
        for (let first = 0; first + 512 <= operations; first += 512)
          table = withTces(table, tceIndex(first), list);
        return table;
      }),
    ],
    [
      'in order, then cleared in order',
      nanoseconds(2 * operations, () => {
        let table = persistently(windowEntries, inOrder);
        for (const index of inOrder) table = withTceHalves(table, index as TceIndex, 0, 0);
        return table;
      }),
    ],
    [
      'a window of 4 entries',
      cost(() => {
        let table = tceTable(tceCount(4));
        for (let n = 0; n < operations; n += 1) table = withTceHalves(table, (n & 3) as TceIndex, 0, n);
        return table;
      }),
    ],
  ]);
}

function gets(): void {
  const table = tableOf(windowEntries, anywhere);
  const big = tableOf(bigEntries, anywhereBig);
  const flat = flatOf(anywhere);
  const map = mapOf(anywhere);
  const bigMap = mapOf(anywhereBig);
  const halves = (from: TceTable, indexes: Float64Array) => (): number => {
    let sum = 0;
    for (const index of indexes)
      sum += tceHighAt(from, index as TceIndex) ^ tceLowAt(from, index as TceIndex);
    return sum;
  };
  const low = (from: TceTable, indexes: Float64Array) => (): number => {
    let sum = 0;
    for (const index of indexes) sum += tceLowAt(from, index as TceIndex);
    return sum;
  };
  const wholes = (from: { get(index: number): bigint | undefined }, indexes: Float64Array) => (): bigint => {
    let last = 0n;
    for (const index of indexes) last = from.get(index) ?? last;
    return last;
  };
  const ofTable = (from: TceTable) => ({ get: (index: number): bigint => tceAt(from, index as TceIndex) });
  const cost = (work: () => unknown): number => nanoseconds(operations, work);
  printTable('get, ns each', columns, [
    [
      'anywhere, 262,144 entries',
      cost(wholes(ofTable(table), anywhere)),
      cost(wholes({ get: (index) => flat[index] }, anywhere)),
      cost(wholes(map, anywhere)),
    ],
    ['anywhere, 262,144 entries, low half', cost(low(table, anywhere))],
    ['anywhere, 262,144 entries, both halves (two reads)', cost(halves(table, anywhere))],
    ['in order, 262,144 entries, both halves (two reads)', cost(halves(table, inOrder))],
    [
      'anywhere, 2^31 entries',
      cost(wholes(ofTable(big), anywhereBig)),
      undefined,
      cost(wholes(bigMap, anywhereBig)),
    ],
    ['anywhere, 2^31 entries, both halves (two reads)', cost(halves(big, anywhereBig))],
  ]);
}

function ranges(): void {
  const table = tableOf(windowEntries, anywhere);
  const later = withTce(table, tceIndex(77_777), tce(0x77_7003n));
  const flat = flatOf(anywhere);
  const map = mapOf(anywhere);
  const mapped = mappedCount(table);
  const repeated = (work: () => unknown, times = 10_000): number =>
    nanoseconds(times, () => {
      for (let n = 0; n < times; n += 1) work();
    });
  const fill = (entries: TceCount, first: number, count: number) => {
    const empty = tceTable(entries);
    return (): unknown => withFill(empty, tceIndex(first), tceCount(count), tce(0x1003n));
  };
  let visits = 0;
  const visit = (): void => keep(++visits);
  const flatWalk = (): number => {
    let seen = 0;
    for (let index = 0; index < flat.length; index += 1) if ((flat[index]! & 3n) !== 0n) seen += 1;
    return seen;
  };
  const mapWalk = (): number => {
    let seen = 0;
    for (const index of [...map.keys()].sort((a, b) => a - b)) if ((map.get(index)! & 3n) !== 0n) seen += 1;
    return seen;
  };
  printTable('ranges, ns each', columns, [
    [
      'fill 100,000 of 262,144 entries',
      repeated(fill(windowEntries, 12_345, 100_000)),
      repeated(() => flat.fill(0x1003n, 12_345, 112_345), 20),
    ],
    ['fill 2^31 - 2 of 2^31 entries', repeated(fill(bigEntries, 1, 2 ** 31 - 2))],
    [
      'compare with a version that differs in one entry',
      repeated(() => forEachDifference(table, later, visit)),
    ],
    ['fingerprint', repeated(() => fingerprint(table))],
    ['mapped count', repeated(() => mappedCount(table)), repeated(flatWalk, 20)],
  ]);
  printTable(`walk of ${mapped} mapped entries, ns each`, columns, [
    [
      'in order',
      nanoseconds(mapped, () => forEachMapped(table, visit)),
      nanoseconds(mapped, flatWalk),
      nanoseconds(mapped, mapWalk),
    ],
  ]);
}

function replay(): void {
  let seen = 0;
  const visit = (): void => keep(++seen);
  const sparse = tableOf(bigEntries, sequence(10_000, bigEntries));
  const times = 1000;
  printTable(
    'replay of a window of 2^31 entries, microseconds',
    ['TceTable'],
    [
      [
        'empty: create, replay, drop',
        nanoseconds(times, () => {
          for (let n = 0; n < times; n += 1) forEachMapped(tceTable(bigEntries), visit);
        }) / 1000,
      ],
      ['10,000 entries mapped, anywhere', nanoseconds(1, () => forEachMapped(sparse, visit)) / 1000],
      [
        'filled with one value, as runs',
        nanoseconds(times, () => {
          const full = withFill(tceTable(bigEntries), tceIndex(0), bigEntries, tce(3n));
          for (let n = 0; n < times; n += 1) forEachRun(full, visit);
        }) / 1000,
      ],
    ],
  );
}

function memory(): void {
  const many = 20_000;
  const each = (make: () => unknown): number => bytesOf(() => Array.from({ length: many }, make)) / many;
  const dense = Float64Array.from({ length: windowEntries }, (_, n) => n);
  const row = (
    name: string,
    entries: TceCount,
    indexes: Float64Array,
  ): [string, ...(number | undefined)[]] => [
    name,
    bytesOf(() => tableOf(entries, indexes)) / indexes.length,
    entries === windowEntries ? bytesOf(() => flatOf(indexes)) / indexes.length : undefined,
    bytesOf(() => mapOf(indexes)) / indexes.length,
  ];
  const clusters = Float64Array.from(sequence(2000, bigEntries / 128), (start) => start * 128);
  printTable('bytes per mapped entry', columns, [
    row('262,144 of 262,144', windowEntries, dense),
    row('2,621 of 262,144, anywhere', windowEntries, sequence(2621, windowEntries)),
    row('10,000 of 2^31, anywhere', bigEntries, sequence(10_000, bigEntries)),
    row(
      '2,000 times 64 together, of 2^31',
      bigEntries,
      Float64Array.from({ length: 128_000 }, (_, n) => clusters[n >> 6]! + (n & 63)),
    ),
  ]);
  const base = tableOf(windowEntries, anywhere);
  let next = 0;
  printTable(
    'bytes',
    ['TceTable'],
    [
      ['an empty window of 2^31 entries', each(() => tceTable(bigEntries))],
      [
        'a filled window of 2^31 entries',
        each(() => withFill(tceTable(bigEntries), tceIndex(0), bigEntries, tce(3n))),
      ],
      ['one entry in a window of 2^31', each(() => withTce(tceTable(bigEntries), tceIndex(5), tce(3n)))],
      [
        'a window of 4 entries with one mapped',
        each(() => withTce(tceTable(tceCount(4)), tceIndex(2), tce(3n))),
      ],
      [
        'one more version of a table of 262,144 entries, after one put',
        each(() => {
          next += 101;
          return withTceHalves(base, tceIndex(next % windowEntries), 7, 7);
        }),
      ],
    ],
  );
}

/** Why leaves are plain arrays: a write copies one, and what that costs depends on the kind of array. */
function copies(): void {
  const copy = (leaf: Uint32Array | readonly number[]) => (): unknown => {
    const last: unknown[] = new Array(64).fill(undefined);
    for (let n = 0; n < operations; n += 1) last[n & 63] = leaf.slice();
    return last;
  };
  const small = Array.from({ length: 64 }, (_, n) => n);
  const doubles = small.map((n) => n + 0.5).fill(0);
  printTable(
    'copy of 32 entries as 64 halves, ns each',
    ['Uint32Array', 'array of small integers', 'array of doubles'],
    [
      [
        '',
        nanoseconds(operations, copy(new Uint32Array(64))),
        nanoseconds(operations, copy(small)),
        nanoseconds(operations, copy(doubles)),
      ],
    ],
  );
}

printConditions();
puts();
gets();
ranges();
replay();
memory();
copies();
