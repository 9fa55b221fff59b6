import { type Memory, OWN_MEMORY } from './memory.js';

/** A list of 32-bit integers that grows; one block of memory, so that a copy of it is a checkpoint. */
export class IntList {
  #data: Int32Array;
  #length = 0;
  readonly #memory: Memory;
  readonly #holder: number;

  constructor(capacity = 64, memory: Memory = OWN_MEMORY) {
    this.#memory = memory;
    this.#holder = memory.holder((data) => {
      this.#data = data;
    });
    this.#data = memory.allocate(this.#holder, capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** The memory behind the list: valid until the list grows, and only up to its length. */
  get data(): Int32Array {
    return this.#data;
  }

  at(index: number): number {
    return this.#data[index]!;
  }

  /** The value at an index that may be past the end; 0 where none was ever there. */
  atOrZero(index: number): number {
    return index < this.#data.length ? this.#data[index]! : 0;
  }

  set(index: number, value: number): void {
    this.#data[index] = value;
  }

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const grown = this.#memory.allocate(this.#holder, this.#data.length * 2);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.#length] = value;
    this.#length += 1;
  }

  /** Takes the last value away; there must be one. */
  pop(): number {
    this.#length -= 1;
    return this.#data[this.#length]!;
  }

  /** Forgets all values from a place on. */
  truncate(length: number): void {
    this.#length = length;
  }
}
