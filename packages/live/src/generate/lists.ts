import type { Random } from './random.js';
import type { GuestPlaces } from './specified.js';
import { Choices, type Steering } from './steering.js';
import type { TcePool } from './tces.js';

/** A list of TCEs as a call gives it: where, and what stands there. */
export interface TceList {
  readonly address: bigint;
  readonly list: readonly bigint[];
}

const PAGE = 0x1000n;
const LIST_MAX = 512;
const TCE_BYTES = 8;

/** What a list is made for: so many pages, of guest memory of so many bytes. */
interface Wanted {
  readonly npages: bigint;
  readonly memoryBytes: bigint;
}

const NOTHING: readonly bigint[] = [];

/** Makes lists, one page after the other. */
export class Lists {
  readonly #addresses: Choices<Wanted, TceList>;
  readonly #lengths: Choices<number, number>;
  readonly #places: GuestPlaces['lists'];
  readonly #pool: TcePool;
  #next = 0n;

  constructor(steering: Steering, { lists, reserved }: GuestPlaces, pool: TcePool) {
    this.#places = lists;
    this.#pool = pool;
    this.#lengths = new Choices<number, number>(steering, 'list holds', [
      { name: 'what is asked for', weight: 84, make: (_, count) => count },
      { name: 'less than is asked for', weight: 10, make: (random, count) => random.below(count + 1) },
      { name: 'nothing', weight: 2, make: () => 0 },
      {
        name: 'more than is asked for',
        weight: 4,
        make: (random, count) => Math.min(count + 1 + random.below(4), LIST_MAX),
      },
    ]);
    const offset = (bytes: number) => (random: Random, wanted: Wanted) =>
      this.#listAt(random, wanted, BigInt(bytes));
    this.#addresses = new Choices<Wanted, TceList>(steering, 'list address', [
      { name: 'page in memory', weight: 300, make: offset(0) },
      { name: 'page + 8', weight: 3, make: offset(8) },
      { name: 'page + 2048', weight: 2, make: offset(2048) },
      { name: 'page + 1', weight: 2, make: offset(1) },
      {
        name: 'last page of memory',
        weight: 3,
        fits: ({ memoryBytes }) => reserved.every(({ start, bytes }) => start + bytes <= memoryBytes - PAGE),
        make: (random, wanted) => this.#listOf(random, wanted, wanted.memoryBytes - PAGE, 0n),
      },
      { name: 'right behind memory', weight: 4, make: (_, { memoryBytes }) => at(memoryBytes) },
      { name: 'far behind memory', weight: 3, make: (random) => at((1n << 46n) | page(random)) },
      { name: 'bit 63', weight: 4, make: (random) => at((1n << 63n) | lists.start | page(random)) },
      { name: 'last page of all', weight: 2, make: () => at(0xffff_ffff_ffff_f000n) },
    ]);
  }

  make(random: Random, npages: bigint, memoryBytes: bigint): TceList {
    return this.#addresses.make(random, { npages, memoryBytes });
  }

  #listAt(random: Random, wanted: Wanted, offset: bigint): TceList {
    const page = this.#places.start + this.#next;
    this.#next = (this.#next + PAGE) % this.#places.bytes;
    return this.#listOf(random, wanted, page, offset);
  }

  #listOf(random: Random, { npages }: Wanted, page: bigint, offset: bigint): TceList {
    const count = npages > BigInt(LIST_MAX) ? LIST_MAX : Number(npages);
    const room = Math.floor((Number(PAGE) - Number(offset)) / TCE_BYTES);
    const length = Math.min(this.#lengths.make(random, count), room);
    return { address: page + offset, list: this.#pool.cut(random, length) };
  }
}

const at = (address: bigint): TceList => ({ address, list: NOTHING });
const page = (random: Random): bigint => BigInt(random.below(256)) << 12n;
