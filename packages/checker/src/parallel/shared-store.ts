import { BLOCK_ROWS, BLOCK_SHIFT, ROWS_MAX, rowHash, StateStore } from '../state-store.js';
import { missed } from './missed.js';

/** A slot whose row is being written: no row has a number of ones only, since a third of the slots stays free. */
const BUSY = 0xffffffff;
/** Looks at a busy slot before its thread is given time to go on. */
const SPINS = 1000;

const ROOM_MIN = 1 << 12;

/** Memory of a store that another thread has not seen yet. */
export interface Extent {
  readonly slots: Uint32Array;
  readonly blocks: readonly Int32Array[];
  readonly parents: readonly Uint32Array[];
  /** Rows for which there is room. */
  readonly capacity: number;
}

const shared = (length: number): SharedArrayBuffer => new SharedArrayBuffer(length * 4);

/** The cell by which threads number the rows of one store. */
export const newRowCount = (): Uint32Array => new Uint32Array(shared(1));

/**
 * A store to which several threads add at once. One of them makes room for all, while the others wait. A thread
 * claims a free slot, takes the next number, writes the row and only then puts the number into the slot, so that
 * whoever meets the number can read the row, and numbers have no gaps.
 */
export class SharedStore extends StateStore {
  /** The last row that this thread added. */
  last = -1;
  readonly #rows: Uint32Array;
  readonly #pause = new Int32Array(shared(1));
  #capacity = 0;
  /** Whether this thread has the store for itself, and may make room. */
  #isAlone: boolean;
  /** Blocks that others have seen. */
  #shown = 0;

  /** With `isOwner`, the thread that makes room. */
  constructor(width: number, rows: Uint32Array, isOwner: boolean) {
    super(width);
    this.#rows = rows;
    this.#isAlone = isOwner;
    this.#take(new Uint32Array(shared(ROOM_MIN)));
  }

  override get size(): number {
    return Atomics.load(this.#rows, 0);
  }

  /** Makes room for so many more rows. @throws RangeError for more than 2^32 − 2 rows */
  reserve(rows: number): void {
    const capacity = this.size + rows;
    if (capacity > ROWS_MAX) throw new RangeError(`more than ${ROWS_MAX} states`);
    while (this.blocks.length * BLOCK_ROWS < capacity) {
      this.blocks.push(new Int32Array(shared(BLOCK_ROWS * this.width)));
      this.parents.push(new Uint32Array(shared(BLOCK_ROWS)));
    }
    let { length } = this.slots;
    while (capacity * 3 > length * 2) length *= 2;
    if (length > this.slots.length) this.#rehash(length);
    // As much as there is room for: rows in blocks, and slots that are at most two thirds full.
    this.#capacity = Math.min(this.blocks.length * BLOCK_ROWS, Math.floor((length * 2) / 3), ROWS_MAX);
  }

  /** Lets other threads add: what they need and have not seen. */
  share(): Extent {
    this.#isAlone = false;
    const extent = {
      slots: this.slots,
      blocks: this.blocks.slice(this.#shown),
      parents: this.parents.slice(this.#shown),
      capacity: this.#capacity,
    };
    this.#shown = this.blocks.length;
    return extent;
  }

  /** Takes what another thread has shared. */
  adopt({ slots, blocks, parents, capacity }: Extent): void {
    this.#take(slots);
    this.blocks.push(...blocks);
    this.parents.push(...parents);
    this.#capacity = capacity;
  }

  /** Has the store for itself again: all other threads have come to a halt. */
  unshare(): void {
    this.#isAlone = true;
    // Numbers beyond the room were drawn and not used.
    if (this.size > this.#capacity) Atomics.store(this.#rows, 0, this.#capacity);
  }

  /** As in any store, and `missed` where there is no more room for this thread. */
  override add(from: Int32Array, at: number, parent: number): boolean {
    if (this.#isAlone && this.size >= this.#capacity) this.reserve(BLOCK_ROWS);
    const { slots, width, tagMask } = this;
    const mask = slots.length - 1;
    const hash = rowHash(from, at, width);
    let slot = (hash & mask) >>> 0;
    for (;;) {
      let entry = slots[slot]!;
      // The number of another row stays where it is once it is there; all else takes a closer look.
      if (entry !== 0 && entry !== BUSY && ((entry ^ hash) & tagMask) !== 0) {
        slot = ((slot + 1) & mask) >>> 0;
        continue;
      }
      entry = Atomics.load(slots, slot);
      if (entry === 0) {
        entry = Atomics.compareExchange(slots, slot, 0, BUSY);
        if (entry === 0) return this.#write(slot, hash, from, at, parent);
      }
      if (entry === BUSY) {
        this.#await(slot);
        continue;
      }
      if (((entry ^ hash) & tagMask) === 0) {
        const row = ((entry & ~tagMask) >>> 0) - 1;
        const block = this.blocks[row >>> BLOCK_SHIFT]!;
        const base = (row & (BLOCK_ROWS - 1)) * width;
        let same = 0;
        while (same < width && block[base + same] === from[at + same]) same += 1;
        if (same === width) return false;
      }
      slot = ((slot + 1) & mask) >>> 0;
    }
  }

  /** Writes a row for which a slot was claimed. */
  #write(slot: number, hash: number, from: Int32Array, at: number, parent: number): true {
    const row = Atomics.add(this.#rows, 0, 1);
    if (row >= this.#capacity) {
      Atomics.store(this.slots, slot, 0);
      return missed();
    }
    const block = this.blocks[row >>> BLOCK_SHIFT]!;
    const inBlock = row & (BLOCK_ROWS - 1);
    const to = inBlock * this.width;
    for (let i = 0; i < this.width; i += 1) block[to + i] = from[at + i]!;
    this.parents[row >>> BLOCK_SHIFT]![inBlock] = parent;
    Atomics.store(this.slots, slot, ((hash & this.tagMask) | (row + 1)) >>> 0);
    this.last = row;
    return true;
  }

  /** Waits for another thread to write its row. */
  #await(slot: number): void {
    for (let spins = 0; Atomics.load(this.slots, slot) === BUSY; spins += 1) {
      if (spins >= SPINS) Atomics.wait(this.#pause, 0, 0, 1);
    }
  }

  #rehash(length: number): void {
    const slots = new Uint32Array(shared(length));
    const mask = length - 1;
    const { size, width } = this;
    for (let row = 0; row < size; row += 1) {
      const block = this.blocks[row >>> BLOCK_SHIFT]!;
      const hash = rowHash(block, (row & (BLOCK_ROWS - 1)) * width, width);
      let slot = (hash & mask) >>> 0;
      while (slots[slot] !== 0) slot = ((slot + 1) & mask) >>> 0;
      slots[slot] = ((hash & ~mask) | (row + 1)) >>> 0;
    }
    this.#take(slots);
  }

  #take(slots: Uint32Array): void {
    this.slots = slots;
    this.tagMask = ~(slots.length - 1);
  }
}
