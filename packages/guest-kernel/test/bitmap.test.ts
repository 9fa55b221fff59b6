import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Bitmap,
  clearBits,
  countBits,
  EMPTY_BITMAP,
  isBitSet,
  nextClearBit,
  nextSetBit,
  setBits,
} from '../src/bitmap.ts';

const SIZE = 64;
const edits = fc.array(fc.record({ set: fc.boolean(), first: fc.nat(SIZE - 1), count: fc.nat(20) }), {
  maxLength: 30,
});

/** The bitmap, and the plain set that says what it should hold. */
function edited(steps: readonly { set: boolean; first: number; count: number }[]) {
  const plain = new Set<number>();
  let bitmap: Bitmap = EMPTY_BITMAP;
  for (const { set, first, count } of steps) {
    bitmap = (set ? setBits : clearBits)(bitmap, first, count);
    for (let bit = first; bit < first + count; bit++) set ? plain.add(bit) : plain.delete(bit);
  }
  return { plain, bitmap };
}

test('a bitmap holds the bits that a plain set holds', () => {
  fc.assert(
    fc.property(edits, (steps) => {
      const { plain, bitmap } = edited(steps);
      const bits = Array.from({ length: SIZE * 2 }, (_, bit) => bit);
      expect(bits.filter((bit) => isBitSet(bitmap, bit))).toEqual(bits.filter((bit) => plain.has(bit)));
      expect(countBits(bitmap)).toBe(plain.size);
    }),
  );
});

test('the same bits have the same runs, in order and apart', () => {
  fc.assert(
    fc.property(edits, (steps) => {
      const { plain, bitmap } = edited(steps);
      const rebuilt = [...plain].reduce<Bitmap>((next, bit) => setBits(next, bit, 1), EMPTY_BITMAP);
      expect(bitmap).toEqual(rebuilt);
      bitmap.forEach(([first, end], i) => {
        expect(end).toBeGreaterThan(first);
        if (i > 0) expect(first).toBeGreaterThan(bitmap[i - 1]![1]);
      });
    }),
  );
});

test('the next set and the next clear bit are those of the plain set', () => {
  fc.assert(
    fc.property(edits, fc.nat(SIZE), (steps, from) => {
      const { plain, bitmap } = edited(steps);
      const bits = Array.from({ length: SIZE * 2 }, (_, bit) => bit);
      expect(nextSetBit(bitmap, SIZE, from)).toBe(
        bits.find((bit) => bit >= from && bit < SIZE && plain.has(bit)) ?? SIZE,
      );
      expect(nextClearBit(bitmap, from)).toBe(bits.find((bit) => bit >= from && !plain.has(bit)));
    }),
  );
});

test('a window of 2^31 pages with one page handed out is one run', () => {
  expect(setBits(EMPTY_BITMAP, 2 ** 31 - 1, 1)).toEqual([[2 ** 31 - 1, 2 ** 31]]);
});
