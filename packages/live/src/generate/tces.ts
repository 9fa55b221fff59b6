import type { Random } from './random.js';
import { Choices, type Steering } from './steering.js';

/** Where the memory is that TCEs name: from `first` on nothing is needed by others. */
export interface Memory {
  readonly first: number;
  readonly end: number;
}

const PAGE = 0x1000n;
/** TCEs made ahead; lists are cut out of them. */
const POOL = 8192;

const inMemory = (random: Random, { first, end }: Memory): bigint =>
  BigInt(first + random.below((end - first) / 4096) * 4096);

/** The ways to make a TCE. */
export const tceChoices = (steering: Steering): Choices<Memory, bigint> =>
  new Choices<Memory, bigint>(steering, 'TCE', [
    { name: 'read and write', weight: 40, make: (random, memory) => inMemory(random, memory) | 3n },
    { name: 'read only', weight: 8, make: (random, memory) => inMemory(random, memory) | 1n },
    { name: 'write only', weight: 8, make: (random, memory) => inMemory(random, memory) | 2n },
    { name: 'no permission, with a page', weight: 6, make: (random, memory) => inMemory(random, memory) },
    { name: '0', weight: 12, make: () => 0n },
    {
      name: 'bits below the page number',
      weight: 6,
      make: (random, memory) => inMemory(random, memory) | BigInt(random.below(4096)),
    },
    { name: 'last page of memory', weight: 3, make: (_, { end }) => (BigInt(end) - PAGE) | 3n },
    { name: 'first page behind memory', weight: 3, make: (_, { end }) => BigInt(end) | 3n },
    {
      name: 'far behind memory',
      weight: 3,
      make: (random) => (1n << 44n) | (BigInt(random.bits()) << 12n) | BigInt(random.below(4)),
    },
    {
      name: 'bit 63',
      weight: 3,
      make: (random, memory) => (1n << 63n) | inMemory(random, memory) | BigInt(random.below(4)),
    },
    { name: 'all ones', weight: 1, make: () => 0xffff_ffff_ffff_ffffn },
    { name: '64 random bits', weight: 4, make: (random) => random.bits64() },
  ]);

/** TCEs made ahead of the calls, since a list takes up to 512. */
export class TcePool {
  readonly #tces: readonly bigint[];

  constructor(random: Random, choices: Choices<Memory, bigint>, memory: Memory) {
    this.#tces = Array.from({ length: POOL }, () => choices.make(random, memory));
  }

  /** So many TCEs, at most 512. */
  cut(random: Random, count: number): readonly bigint[] {
    const first = random.below(POOL - 512);
    return this.#tces.slice(first, first + count);
  }
}
