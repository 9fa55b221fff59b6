import {
  type Bytes,
  bytes,
  DEFAULT_WINDOW_BYTES,
  DEFAULT_WINDOW_START,
  type Ioba,
  ioba,
} from '@spapr-dma/protocol';

/** Place and size of a PHB's default window: properties of the PHB that no line of a log names. */
export interface WindowPlace {
  readonly start: Ioba;
  readonly bytes: Bytes;
}

const PAGE = 0x1000n;
/** Refused addresses that are remembered; those nearest to the window say most. */
const REFUSED_MAX = 64;

/** QEMU's own place for it. */
export const USUAL_PLACE: WindowPlace = {
  start: ioba(DEFAULT_WINDOW_START),
  bytes: bytes(DEFAULT_WINDOW_BYTES),
};

/**
 * What a log has shown of the place of one PHB's default window. Calls that worked lie inside, calls that
 * were refused lie outside, and a window has no holes.
 */
export class DefaultWindowEvidence {
  #low: bigint | null = null;
  #high: bigint | null = null;
  #refused: bigint[] = [];
  #pinned: WindowPlace | null;
  #swept: WindowPlace | null = null;

  constructor(given: WindowPlace | null) {
    this.#pinned = given;
  }

  /** The place is known, by option or by a line that names it. */
  get isPinned(): boolean {
    return this.#pinned !== null;
  }

  pin(place: WindowPlace): void {
    this.#pinned = place;
  }

  /** A call reached [start, end). */
  reached(start: bigint, end: bigint): void {
    if (this.#low === null || start < this.#low) this.#low = start;
    if (this.#high === null || end > this.#high) this.#high = end;
  }

  /** A call was refused at that address. */
  refusedAt(address: bigint): void {
    if (this.#refused.includes(address)) return;
    this.#refused.push(address);
    if (this.#refused.length > REFUSED_MAX) this.#refused.shift();
  }

  /** A kernel cleared a table from its first entry to its last: that is the window. */
  sweptFrom(start: bigint, end: bigint): void {
    this.#swept = { start: ioba(start), bytes: bytes(end - start) };
  }

  /** Does a place agree with every call so far? */
  allows({ start, bytes: size }: WindowPlace): boolean {
    const end = start + size;
    if (this.#low !== null && (this.#low < start || (this.#high ?? 0n) > end)) return false;
    return this.#refused.every((address) => address < start || address >= end);
  }

  /** Places that agree, the likeliest first. */
  places(): readonly WindowPlace[] {
    if (this.#pinned !== null) return [this.#pinned];
    const places = [this.#swept, USUAL_PLACE, ...this.#enclosing()];
    return places.filter((place): place is WindowPlace => place !== null && this.allows(place));
  }

  /** The smallest usual sizes that hold what was reached, from 0 and from the first page reached. */
  #enclosing(): readonly WindowPlace[] {
    if (this.#low === null || this.#high === null) return [];
    const [low, high] = [this.#low, this.#high];
    const above = this.#refused.filter((address) => address >= high);
    const limit = leastOf(above);
    return [0n, low - (low % PAGE)].flatMap((start) => {
      const exact = limit === null ? [] : [limit - start];
      return [powerOfTwoFrom(high - start), ...exact, high - start].map((size: bigint) => ({
        start: ioba(start),
        bytes: bytes(size),
      }));
    });
  }
}

function leastOf(addresses: readonly bigint[]): bigint | null {
  let least: bigint | null = null;
  for (const address of addresses) if (least === null || address < least) least = address;
  return least;
}

function powerOfTwoFrom(size: bigint): bigint {
  let power = PAGE;
  while (power < size) power <<= 1n;
  return power;
}
