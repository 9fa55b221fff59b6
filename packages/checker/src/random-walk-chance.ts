const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));

/** Spreads the bits of a number over 32, no two numbers alike: the end of MurmurHash3. */
function spread(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * Numbers that look like chance and are the same for the same seed, on every machine: xoshiro128**, version 1.1.
 * @see [xoshiro] xoshiro128starstar.c
 */
export class Chance {
  readonly #state: Int32Array;

  /** @param words four words, not all of them 0 */
  constructor(words: readonly [number, number, number, number]) {
    this.#state = Int32Array.from(words);
  }

  /** Begins at a place that only the lowest 32 bits of the seed decide. */
  static of(seed: number): Chance {
    const word = (at: number): number => spread((seed + Math.imul(at, 0x9e3779b9)) | 0);
    return new Chance([word(1), word(2), word(3), word(4)]);
  }

  /** 32 bits. */
  next(): number {
    const state = this.#state;
    const [a, b, c, d] = state as unknown as [number, number, number, number];
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    state[2] = c ^ a;
    state[3] = d ^ b;
    state[1] = b ^ state[2]!;
    state[0] = a ^ state[3]!;
    state[2]! ^= b << 9;
    state[3] = rotated(state[3]!, 11);
    return result;
  }

  /** A whole number from 0 to one less than a count, which is far below 2^32: then all are as likely, nearly. */
  below(count: number): number {
    return Math.floor((this.next() / 2 ** 32) * count);
  }
}
