import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  CHUNK_BYTES,
  describedBytes,
  isOfMemory,
  markerBytes,
  placeOfWord,
} from '../src/machine/described.ts';

const MEMORY = 256 << 20;

test('each aligned word of memory tells where it stands', () => {
  const words = fc.integer({ min: 0, max: MEMORY / 8 - 1 });
  fc.assert(
    fc.property(words, (word) => {
      expect(placeOfWord(describedBytes(word * 8, 8), 0, MEMORY)).toBe(word * 8);
    }),
    { numRuns: 300 },
  );
});

test('bytes that are no aligned word of memory tell nothing', () => {
  const odd = fc.integer({ min: 0, max: MEMORY - 16 }).filter((gpa) => gpa % 8 !== 0);
  fc.assert(
    fc.property(odd, (gpa) => {
      expect(placeOfWord(describedBytes(gpa, 8), 0, MEMORY)).toBe(null);
    }),
    { numRuns: 100 },
  );
  expect(placeOfWord(markerBytes(1, 8), 0, MEMORY)).toBe(null);
  expect(placeOfWord(Buffer.alloc(8), 0, MEMORY)).toBe(null);
});

test('a stretch is the same wherever one begins to look', () => {
  const whole = describedBytes(CHUNK_BYTES - 100, 300);
  for (const at of [0, 1, 99, 100, 101, 250]) {
    expect(describedBytes(CHUNK_BYTES - 100 + at, 300 - at).equals(whole.subarray(at))).toBe(true);
  }
});

test('memory, markers and nothing differ in every byte', () => {
  expect(describedBytes(0x100_0000, 4096).every(isOfMemory)).toBe(true);
  const marker = markerBytes(7, 4095);
  expect(marker.length).toBe(4095);
  expect(marker.every((byte) => byte !== 0 && byte !== 0x2a && !isOfMemory(byte))).toBe(true);
  expect(markerBytes(7, 4095).equals(marker)).toBe(true);
  expect(markerBytes(8, 4095).equals(marker)).toBe(false);
});

test('the same place in another chunk holds something else, in every byte', () => {
  const one = describedBytes(5 * CHUNK_BYTES, 4096);
  const other = describedBytes(6 * CHUNK_BYTES, 4096);
  const same = one.filter((byte, at) => byte === other[at]);
  expect(same.length).toBeLessThan(4096 / 4);
});
