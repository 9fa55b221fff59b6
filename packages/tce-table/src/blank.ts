import { leafWidth } from './shape.js';

/**
 * Arrays of zeros to write into. They have once held fractions, which makes the engine keep them and their copies
 * as unboxed doubles: any unsigned 32-bit value fits in, and a copy is one block move. Typed arrays would take half
 * the memory where all entries are in use, but several times as long to make: `npm run bench` compares the copies.
 */
const blanks: readonly number[][] = Array.from({ length: 2 * leafWidth + 1 }, (_, length) => {
  const blank: number[] = [];
  for (let at = 0; at < length; at += 1) blank.push(0.5);
  return blank.fill(0);
});

/** A new array of that many zeros, at most two for each entry of a leaf. */
export const blank = (length: number): number[] => blanks[length]!.slice();
