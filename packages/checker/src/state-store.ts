/** Rows in one block of memory. */
export const BLOCK_SHIFT = 15;
export const BLOCK_ROWS = 1 << BLOCK_SHIFT;

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
  /** Row numbers from 1; 0 is free. */
  protected slots: Uint32Array = new Uint32Array(1 << 12);
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
    return this.slots[slot]! - 1;
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
    this.slots[slot] = row + 1;
    this.#size = row + 1;
    if (this.#size * 3 > this.slots.length * 2) this.#grow();
    return true;
  }

  /** The slot that holds a row, or the free one where it belongs. */
  protected slotOf(from: Int32Array, at: number, hash: number): number {
    const { width, slots } = this;
    const mask = slots.length - 1;
    let slot = (hash & mask) >>> 0;
    for (;;) {
      const entry = slots[slot]!;
      if (entry === 0) return slot;
      const row = entry - 1;
      const block = this.blocks[row >>> BLOCK_SHIFT]!;
      const base = (row & (BLOCK_ROWS - 1)) * width;
      let same = 0;
      while (same < width && block[base + same] === from[at + same]) same += 1;
      if (same === width) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const slots = new Uint32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let row = 0; row < this.#size; row += 1) {
      const block = this.blocks[row >>> BLOCK_SHIFT]!;
      let slot = (rowHash(block, (row & (BLOCK_ROWS - 1)) * this.width, this.width) & mask) >>> 0;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
    this.slots = slots;
  }
}

/** Spreads a row over 32 bits. */
export function rowHash(from: Int32Array, at: number, width: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < width; i += 1) {
    hash = Math.imul(hash ^ from[at + i]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
