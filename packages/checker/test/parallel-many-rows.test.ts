import { expect, test } from 'vitest';
import { StateStore } from '../src/state-store.ts';

/** More than a `Map` or a `Set` can hold. */
const ROWS = 2 ** 24 + 5000;
const WIDTH = 2;

test.each([
  ['of one thread', () => new StateStore(WIDTH)],
  ['of several threads', () => new SharedStore(WIDTH, newRowCount(), true)],
] as const)(
  'a store %s holds more than 2^24 rows',
  (_, made) => {
    const store = made();
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
    for (let n = 0; n < ROWS; n += n < 2 ** 24 - 1000 ? 4001 : 1) {
      fill(n);
      const found = store.find(row, 0);
      if (found !== n || store.parentOf(n) !== n >>> 1 || store.add(row, 0, 0))
        throw new Error(`row ${n} is at ${found}`);
    }
    fill(ROWS);
    expect(store.find(row, 0)).toBe(-1);
  },
  180_000,
);
