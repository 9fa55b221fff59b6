/** Rows in one block of memory. */
export const BLOCK_SHIFT = 15;
export const BLOCK_ROWS = 1 << BLOCK_SHIFT;

/** Slots are a power of two. */
const SLOTS_MIN = 1 << 12;

/** More rows than this have no number in 32 bits. */
export const ROWS_MAX = 2 ** 32 - 2;

/**
 * Every global state that was met, as a row of small integers, numbered from 0 in the order in which they came:
 * flat memory, found again by open addressing, with the row that each came from.
 */
export class StateStore {
  readonly width: number;
  protected readonly blocks: Int32Array[] = [];
  protected readonly parents: Uint32Array[] = [];
  /** Row numbers from 1, and above them a part of the row's hash; 0 is free. */
  protected slots: Uint32Array = new Uint32Array(SLOTS_MIN);
  /**
   * The bits of a slot that the number of its row does not need: they hold those of the row's hash, so that rows
   * are seldom compared in vain, each at the cost of a look into far memory.
   */
  protected tagMask = ~(SLOTS_MIN - 1);
  #size = 0;

  constructor(width: number) {
    this.width = width;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.blocks.length * BLOCK_ROWS * 4 * (this.width + 1) + this.slots.byteLength;
  }

  /** Bytes while so many more rows are added: where the slots grow, both the old ones and the new. */
  bytesWith(rows: number): number {
    const size = this.size + rows;
    let slots = this.slots.length;
    let outgrown = 0;
    while (size * 3 > slots * 2) {
      outgrown = slots;
      slots *= 2;
    }
    const blocks = Math.max(this.blocks.length, Math.ceil(size / BLOCK_ROWS));
    return (blocks * BLOCK_ROWS * (this.width + 1) + slots + outgrown) * 4;
  }

  /** Copies a row to the start of a buffer. */
  read(row: number, into: Int32Array): void {
    const block = this.blocks[row >>> BLOCK_SHIFT]!;
    const from = (row & (BLOCK_ROWS - 1)) * this.width;
    for (let at = 0; at < this.width; at += 1) into[at] = block[from + at]!;
  }

  /** The row that a row was first reached from; the start's is itself. */
  parentOf(row: number): number {
    return this.parents[row >>> BLOCK_SHIFT]![row & (BLOCK_ROWS - 1)]!;
  }

  /** The number of the row at a place of a buffer; −1 where it was never met. */
  find(from: Int32Array, at: number): number {
    const slot = this.slotOf(from, at, rowHash(from, at, this.width));
    return ((this.slots[slot]! & ~this.tagMask) >>> 0) - 1;
  }

  /**
   * Adds the row at a place of a buffer. Answers whether it is new; then its number is the store's last.
   * @throws RangeError for more than 2^32 − 2 rows
   */
  add(from: Int32Array, at: number, parent: number): boolean {
    const hash = rowHash(from, at, this.width);
    const slot = this.slotOf(from, at, hash);
    if (this.slots[slot] !== 0) return false;
    if (this.#size === ROWS_MAX) throw new RangeError(`more than ${ROWS_MAX} states`);
    const row = this.#size;
    const inBlock = row & (BLOCK_ROWS - 1);
    if (inBlock === 0) {
      this.blocks.push(new Int32Array(BLOCK_ROWS * this.width));
      this.parents.push(new Uint32Array(BLOCK_ROWS));
    }
    const block = this.blocks[row >>> BLOCK_SHIFT]!;
    const to = inBlock * this.width;
    for (let i = 0; i < this.width; i += 1) block[to + i] = from[at + i]!;
    this.parents[row >>> BLOCK_SHIFT]![inBlock] = parent;
    this.slots[slot] = ((hash & this.tagMask) | (row + 1)) >>> 0;
    this.#size = row + 1;
    if (this.#size * 3 > this.slots.length * 2) this.#grow();
    return true;
  }

  /** The slot that holds a row, or the free one where it belongs. */
  protected slotOf(from: Int32Array, at: number, hash: number): number {
    const { width, slots, tagMask } = this;
    const mask = slots.length - 1;
    let slot = (hash & mask) >>> 0;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === 0) return slot;
      if (((entry ^ hash) & tagMask) === 0) {
        const row = ((entry & ~tagMask) >>> 0) - 1;
        const block = this.blocks[row >>> BLOCK_SHIFT]!;
        const base = (row & (BLOCK_ROWS - 1)) * width;
        let same = 0;
        while (same < width && block[base + same] === from[at + same]) same += 1;
        if (same === width) return slot;
      }
      slot = ((slot + 1) & mask) >>> 0;
    }
  }

  #grow(): void {
    const slots = new Uint32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    const tagMask = ~mask;
    for (let row = 0; row < this.#size; row += 1) {
      const block = this.blocks[row >>> BLOCK_SHIFT]!;
      const hash = rowHash(block, (row & (BLOCK_ROWS - 1)) * this.width, this.width);
      let slot = (hash & mask) >>> 0;
      while (slots[slot] !== 0) slot = ((slot + 1) & mask) >>> 0;
      slots[slot] = ((hash & tagMask) | (row + 1)) >>> 0;
    }
    this.slots = slots;
    this.tagMask = tagMask;
  }
}

/** Spreads a row over 32 bits. Two chains of multiplications, because each waits for the one before. */
export function rowHash(from: Int32Array, at: number, width: number): number {
  const end = at + width;
  let even = 0x811c9dc5;
  let odd = 0x2545f491;
  let i = at;
  for (; i + 1 < end; i += 2) {
    even = Math.imul(even ^ from[i]!, 0x9e3779b1);
    odd = Math.imul(odd ^ from[i + 1]!, 0xc2b2ae35);
    even ^= even >>> 15;
    odd ^= odd >>> 13;
  }
  if (i < end) even = Math.imul(even ^ from[i]!, 0x9e3779b1);
  let hash = Math.imul(even ^ (even >>> 15) ^ Math.imul(odd, 0x27d4eb2f), 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae3d);
  return hash ^ (hash >>> 16);
}
