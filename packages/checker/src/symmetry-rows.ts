import type { Remembered } from './remembered.js';
import type { SearchOptions } from './search-options.js';
import type { Tables } from './tables.js';

/**
 * Puts the least of its images in the stead of a row, so that states which are images of each other are one.
 *
 * That is sound because every permutation keeps steps and verdicts: a stored row is an image of a state that can be
 * reached, its steps are the images of that state's steps, and a property says the same of both. It takes neither
 * that the permutations are a group nor that the start is its own image; where they are none, fewer states are one.
 * @see [Ip, Dill]
 */
export class Symmetry {
  readonly #tables: Tables;
  readonly #sources: readonly (readonly number[])[];
  readonly #least: Int32Array;
  readonly #image: Int32Array;

  constructor(tables: Tables) {
    const { layout } = tables;
    this.#tables = tables;
    this.#sources = layout.sources;
    this.#least = new Int32Array(layout.width);
    this.#image = new Int32Array(layout.width);
  }

  /** Replaces the row at a place of a buffer. */
  canonicalise(rows: Int32Array, at: number): void {
    const least = this.#least;
    const { length } = least;
    let isChanged = false;
    for (let i = 0; i < length; i += 1) least[i] = rows[at + i]!;
    for (let permutation = 0; permutation < this.#sources.length; permutation += 1) {
      if (!this.#isLess(permutation, rows, at)) continue;
      least.set(this.#image);
      isChanged = true;
    }
    if (isChanged) rows.set(least, at);
  }

  /** Whether the image of a row is less than the least so far; then it stands in `#image`. */
  #isLess(permutation: number, rows: Int32Array, at: number): boolean {
    const tables = this.#tables;
    const sources = this.#sources[permutation]!;
    const least = this.#least;
    const image = this.#image;
    let isLess = false;
    for (let place = 0; place < sources.length; place += 1) {
      const source = sources[place]!;
      const id = tables.permuted(permutation, source, rows[at + source]!);
      if (!isLess) {
        if (id > least[place]!) return false;
        isLess = id < least[place]!;
      }
      image[place] = id;
    }
    return isLess;
  }

  /** Writes the image of the row at the start of a buffer to the start of another. */
  image(permutation: number, from: Int32Array, into: Int32Array): void {
    for (const [place, source] of this.#sources[permutation]!.entries()) {
      into[place] = this.#tables.permuted(permutation, source, from[source]!);
    }
  }
}

/**
 * The symmetry that a search makes use of; null for none.
 * @throws RangeError where it is asked for together with a leads-to
 */
export function symmetryOf(
  remembered: Remembered,
  { symmetry }: Pick<SearchOptions, 'symmetry'>,
): Symmetry | null {
  const { model, tables } = remembered;
  const leadsTo = model.properties.find(({ kind }) => kind === 'leads-to');
  if (symmetry === true && leadsTo !== undefined) {
    throw new RangeError(`symmetry says nothing of ${leadsTo.name}: a loop of images need not be one`);
  }
  if (symmetry === false || leadsTo !== undefined || (model.symmetry ?? []).length === 0) return null;
  return new Symmetry(tables);
}
