import { expect, test } from 'vitest';
import { StateStore } from '../src/state-store.ts';

/** More than a `Map` or a `Set` can hold. */
const ROWS = 2 ** 24 + 5000;
const WIDTH = 2;

test('a store holds more than 2^24 rows', () => {
  const store = new StateStore(WIDTH);
  const row = new Int32Array(WIDTH);
  const fill = (n: number) => {
    row[0] = n & 0xfff;
    row[1] = n >>> 12;
  };
  for (let n = 0; n < ROWS; n += 1) {
    fill(n);
    store.add(row, 0, n >>> 1);
  }
  expect(store.size).toBe(ROWS);
  // A few of the first, and all of the last.
  for (let n = 0; n < ROWS; n += n < 2 ** 24 - 1000 ? 4001 : 1) {
    fill(n);
    const found = store.find(row, 0);
    const isKept = found === n && store.parentOf(n) === n >>> 1 && !store.add(row, 0, 0);
    if (!isKept) throw new Error(`row ${n} is at ${found}`);
  }
  fill(ROWS);
  expect(store.find(row, 0)).toBe(-1);
}, 180_000);
