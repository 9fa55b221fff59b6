import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { newRowCount, SharedStore } from '../src/parallel/shared-store.ts';
import { type Adding, rowOf } from './parallel-store-thread.ts';

/** Wide, so that writing a row takes a while. */
const WIDTH = 40;
/** Two threads race for the same row at every step; the third comes by in another order. */
const STRIDES = [1, 1, 7919];

async function addedByThreads(store: SharedStore, rowCount: Uint32Array, distinct: number, times: number) {
  const cells = new Int32Array(new SharedArrayBuffer(16));
  const extent = store.share();
  const ends = STRIDES.map((stride) => {
    const adding: Adding = {
      ...{ rowCount, extent, distinct, times, stride, cells },
      width: WIDTH,
      threads: STRIDES.length,
    };
    const thread = new Worker(new URL('./parallel-store-thread.ts', import.meta.url), { workerData: adding });
    return new Promise<void>((resolve, reject) => {
      thread.on('error', reject);
      thread.on('exit', () => resolve());
    });
  });
  await Promise.all(ends);
  store.unshare();
  return { fresh: cells[2]!, without: cells[3]! };
}

/** The numbers of all rows, each of which must be whole, found where it stands, and have the parent it was given. */
function numbersIn(store: SharedStore): ReadonlySet<number> {
  const row = new Int32Array(WIDTH);
  const numbers = Array.from({ length: store.size }, (_, at) => {
    store.read(at, row);
    const n = row[0]!;
    if (!row.every((each) => each === n)) throw new Error(`row ${at} is torn: ${row}`);
    if (store.find(row, 0) !== at) throw new Error(`row ${at} is at ${store.find(row, 0)} too`);
    if (store.parentOf(at) !== n) throw new Error(`row ${at} has the parent of ${store.parentOf(at)}`);
    return n;
  });
  return new Set(numbers);
}

describe('three threads that add the same rows to one store', () => {
  test('add each once, and number them without gaps', async () => {
    const distinct = 200_003;
    const rowCount = newRowCount();
    const store = new SharedStore(WIDTH, rowCount, true);
    store.reserve(distinct);
    const { fresh, without } = await addedByThreads(store, rowCount, distinct, distinct);
    expect({ fresh, without, size: store.size }).toEqual({ fresh: distinct, without: 0, size: distinct });
    expect(numbersIn(store).size).toBe(distinct);
  });

  test('fill what room there is and no more, and the rest is added when there is room again', async () => {
    const distinct = 10_007;
    const rowCount = newRowCount();
    const store = new SharedStore(WIDTH, rowCount, true);
    store.reserve(1);
    const { fresh, without } = await addedByThreads(store, rowCount, distinct, distinct);
    expect(without).toBeGreaterThan(0);
    expect(store.size).toBe(fresh);
    expect(numbersIn(store).size).toBe(fresh);
    let later = 0;
    for (let n = 0; n < distinct; n += 1) if (store.add(rowOf(n, WIDTH), 0, n)) later += 1;
    expect(fresh + later).toBe(distinct);
    expect(numbersIn(store).size).toBe(distinct);
  });
});
