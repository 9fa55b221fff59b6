import { IntList } from './int-list.js';
import { type Memory, OWN_MEMORY } from './memory.js';

/** Lists of integers behind each other in one block of memory, by number. List 0 is the empty one. */
export class IntLists {
  readonly #ends: IntList;
  readonly #data: IntList;

  constructor(memory: Memory = OWN_MEMORY) {
    this.#ends = new IntList(64, memory);
    this.#data = new IntList(64, memory);
    this.add([]);
  }

  get count(): number {
    return this.#ends.length;
  }

  /** The memory behind the lists: valid until one is added. */
  get data(): Int32Array {
    return this.#data.data;
  }

  startOf(list: number): number {
    return list === 0 ? 0 : this.#ends.at(list - 1);
  }

  endOf(list: number): number {
    return this.#ends.at(list);
  }

  /** The number of a new list. */
  add(values: ArrayLike<number>): number {
    for (let at = 0; at < values.length; at += 1) this.#data.push(values[at]!);
    this.#ends.push(this.#data.length);
    return this.#ends.length - 1;
  }
}
