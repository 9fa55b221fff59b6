import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Outputs that are passed over: the first ones still show how seeds near each other are alike. */
const WARM_UP = 32;
const WORD = 2 ** 32;

/** A source of random numbers: the same seed gives the same numbers. Only `bits64` and `bigBelow` make bigints. */
export class Random {
  readonly #source: { next(): number };

  constructor(seed: number) {
    this.#source = xoroshiro128plus(seed);
    for (let at = 0; at < WARM_UP; at++) this.#source.next();
  }

  /** 32 bits as an unsigned number. */
  bits(): number {
    return this.#source.next() >>> 0;
  }

  /** From 0 to below 1. */
  fraction(): number {
    return (this.#source.next() >>> 0) / WORD;
  }

  /** A whole number from 0 to below `end`, which is at most 2^32. */
  below(end: number): number {
    return Math.floor(((this.#source.next() >>> 0) / WORD) * end);
  }

  /** A whole number from `first` to `last`, both included. */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** True in that share of cases. */
  chance(share: number): boolean {
    return (this.#source.next() >>> 0) / WORD < share;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A 64-bit register. */
  bits64(): bigint {
    return (BigInt(this.bits()) << 32n) | BigInt(this.bits());
  }

  /** From 0 to below `end`, which is at most 2^64. */
  bigBelow(end: bigint): bigint {
    return end <= BigInt(WORD) ? BigInt(this.below(Number(end))) : this.bits64() % end;
  }
}
