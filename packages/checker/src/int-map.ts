import { IntList } from './int-list.js';
import { type Memory, OWN_MEMORY } from './memory.js';

/** What `get` answers where a key is not there. Values are never negative. */
export const MISSING = -1;

const MIX = 0x9e3779b1;
const mixed = (hash: number, key: number): number => {
  const product = Math.imul(hash ^ key, MIX);
  return product ^ (product >>> 15);
};

/** A map from tuples of integers, all of one width, to integers: open addressing over flat memory. */
export class IntMap {
  readonly width: number;
  /** Key and value of each entry, in the order in which they came. */
  readonly #entries: IntList;
  /** Entry numbers from 1; 0 is free. */
  #slots: Int32Array;
  #size = 0;
  readonly #memory: Memory;
  readonly #holder: number;

  constructor(width: number, memory: Memory = OWN_MEMORY) {
    this.width = width;
    this.#entries = new IntList(64, memory);
    this.#memory = memory;
    this.#holder = memory.holder((data) => {
      this.#slots = data;
    });
    this.#slots = memory.allocate(this.#holder, 64);
  }

  get size(): number {
    return this.#size;
  }

  get1(a: number): number {
    const entries = this.#entries.data;
    const mask = this.#slots.length - 1;
    for (let at = mixed(0, a) & mask; ; at = (at + 1) & mask) {
      const entry = this.#slots[at]!;
      if (entry === 0) return MISSING;
      const base = (entry - 1) * 2;
      if (entries[base] === a) return entries[base + 1]!;
    }
  }

  get2(a: number, b: number): number {
    const entries = this.#entries.data;
    const mask = this.#slots.length - 1;
    for (let at = mixed(mixed(0, a), b) & mask; ; at = (at + 1) & mask) {
      const entry = this.#slots[at]!;
      if (entry === 0) return MISSING;
      const base = (entry - 1) * 3;
      if (entries[base] === a && entries[base + 1] === b) return entries[base + 2]!;
    }
  }

  get3(a: number, b: number, c: number): number {
    const entries = this.#entries.data;
    const mask = this.#slots.length - 1;
    for (let at = mixed(mixed(mixed(0, a), b), c) & mask; ; at = (at + 1) & mask) {
      const entry = this.#slots[at]!;
      if (entry === 0) return MISSING;
      const base = (entry - 1) * 4;
      if (entries[base] === a && entries[base + 1] === b && entries[base + 2] === c)
        return entries[base + 3]!;
    }
  }

  /** The value of a key of any width: its first `width` numbers. */
  get(key: ArrayLike<number>): number {
    const { width } = this;
    const entries = this.#entries.data;
    const mask = this.#slots.length - 1;
    for (let at = this.#hash(key, 0) & mask; ; at = (at + 1) & mask) {
      const entry = this.#slots[at]!;
      if (entry === 0) return MISSING;
      const base = (entry - 1) * (width + 1);
      let same = 0;
      while (same < width && entries[base + same] === key[same]) same += 1;
      if (same === width) return entries[base + width]!;
    }
  }

  /** Tells of each key and its value, in the order in which they came. */
  forEach(tell: (key: readonly number[], value: number) => void): void {
    const { width } = this;
    const { data } = this.#entries;
    for (let entry = 0; entry < this.#size; entry += 1) {
      const from = entry * (width + 1);
      tell([...data.subarray(from, from + width)], data[from + width]!);
    }
  }

  /** Adds a key that is not there. */
  add(key: ArrayLike<number>, value: number): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    for (let at = 0; at < this.width; at += 1) this.#entries.push(key[at]!);
    this.#entries.push(value);
    this.#size += 1;
    this.#place(this.#hash(key, 0), this.#size);
  }

  #hash(key: ArrayLike<number>, from: number): number {
    let hash = 0;
    for (let at = 0; at < this.width; at += 1) hash = mixed(hash, key[from + at]!);
    return hash;
  }

  #place(hash: number, entry: number): void {
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    while (this.#slots[at] !== 0) at = (at + 1) & mask;
    this.#slots[at] = entry;
  }

  #grow(): void {
    this.#slots = this.#memory.allocate(this.#holder, this.#slots.length * 2);
    const { data } = this.#entries;
    for (let entry = 1; entry <= this.#size; entry += 1) {
      this.#place(this.#hash(data, (entry - 1) * (this.width + 1)), entry);
    }
  }
}
