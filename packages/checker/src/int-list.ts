/** A list of 32-bit integers that grows; one block of memory, so that a copy of it is a checkpoint. */
export class IntList {
  #data: Int32Array;
  #length = 0;

  constructor(capacity = 64) {
    this.#data = new Int32Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** The memory behind the list: valid until the list grows, and only up to its length. */
  get data(): Int32Array {
    return this.#data;
  }

  get bytes(): number {
    return this.#data.byteLength;
  }

  at(index: number): number {
    return this.#data[index]!;
  }

  set(index: number, value: number): void {
    this.#data[index] = value;
  }

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const grown = new Int32Array(this.#data.length * 2);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.#length] = value;
    this.#length += 1;
  }
}
