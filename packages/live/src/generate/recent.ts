import type { Random } from './random.js';

/** An address by which something was written. */
export interface Written {
  readonly liobn: bigint;
  readonly phb: number;
  readonly ioba: bigint;
}

const KEPT = 256;

/** Places that were written lately, or almost: what is read there tells what calls left behind. */
export class Recent {
  readonly #places: Written[] = [];
  #next = 0;

  add(place: Written): void {
    this.#places[this.#next] = place;
    this.#next = (this.#next + 1) % KEPT;
  }

  get isEmpty(): boolean {
    return this.#places.length === 0;
  }

  pick(random: Random): Written {
    return random.pick(this.#places);
  }

  /** Was something written by a window of that PHB? */
  has(phb: number): boolean {
    return this.#places.some((place) => place.phb === phb);
  }

  /** An address of that PHB, where `has` says that there is one. */
  pickOf(random: Random, phb: number): bigint {
    const start = random.below(this.#places.length);
    for (let step = 0; step < this.#places.length; step++) {
      const place = this.#places[(start + step) % this.#places.length];
      if (place?.phb === phb) return place.ioba;
    }
    return 0n;
  }

  clear(): void {
    this.#places.length = 0;
    this.#next = 0;
  }
}
