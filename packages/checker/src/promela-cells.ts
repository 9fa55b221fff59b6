import type { Layout } from './layout.js';

/** Spin's types are signed, but for the byte. */
const typeFor = (largest: number): string =>
  largest < 2 ** 8 ? 'byte' : largest < 2 ** 15 ? 'short' : 'int';

/** The cells of a row as variables of Spin: each as small as what it ever holds allows. */
export class PromelaCells {
  readonly #layout: Layout;
  readonly #start: Int32Array;
  /** By machine: its inboxes by our number, numbered anew so that they are small. */
  readonly #inboxes: readonly Map<number, number>[];
  readonly #largest: number[];

  constructor(layout: Layout, start: Int32Array) {
    this.#layout = layout;
    this.#start = start;
    this.#inboxes = Array.from({ length: layout.machines }, () => new Map());
    this.#largest = Array.from(start, () => 0);
  }

  /** What stands in a cell where our row has an id. */
  value(cell: number, id: number): number {
    let value = id;
    if (cell < this.#layout.environment && cell % 2 === 1) {
      const inboxes = this.#inboxes[cell >> 1]!;
      value = inboxes.get(id) ?? inboxes.size;
      inboxes.set(id, value);
    }
    this.#largest[cell] = Math.max(this.#largest[cell]!, value);
    return value;
  }

  /** The variable of a cell, as Promela calls it. */
  name(cell: number): string {
    const { environment } = this.#layout;
    if (cell === environment) return 'environment';
    if (cell > environment) return `memory${cell - environment - 1}`;
    return `${cell % 2 === 0 ? 'local' : 'inbox'}${cell >> 1}`;
  }

  /** The declarations. Complete only when every value has been asked for. */
  text(): string {
    const start = Array.from(this.#start, (id, cell) => this.value(cell, id));
    return start
      .map((value, cell) => `${typeFor(this.#largest[cell]!)} ${this.name(cell)} = ${value};`)
      .join('\n');
  }
}
