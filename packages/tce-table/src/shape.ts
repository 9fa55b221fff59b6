/**
 * The measures of the tree, and the arithmetic on indexes that follows from them.
 *
 * An index has more than 32 bits, and JavaScript's bit operators see only 32: an index is split once into an
 * `upper` and a `lower` part, and every slot is cut out of one of the two.
 */

/** log2 of the entries of a leaf. Narrower costs memory, wider costs time at every write. */
export const leafBits = 5;
/** log2 of the children of a branch. Narrower costs time at every read, wider costs memory at every version. */
export const branchBits = 4;

/** Entries of a leaf. */
export const leafWidth = 2 ** leafBits;
/** Children of a branch. */
export const branchWidth = 2 ** branchBits;

/** The largest table: beyond it sums of indexes and counts would not be exact. */
export const entriesMax = 2 ** 52;

/** How many heights of branches find their slot in the lower part of an index. */
const lowerHeights = Math.floor((30 - leafBits) / branchBits);
const lowerSize = 2 ** (leafBits + branchBits * lowerHeights);

/** The bits of an index above those that the lower heights use; below 2^31. */
export const upperOf = (index: number): number => Math.floor(index / lowerSize) | 0;
/** The bits of an index that the lower heights use; below 2^31. A remainder of two fractions would be slow here. */
export const lowerOf = (index: number): number => (index - Math.floor(index / lowerSize) * lowerSize) | 0;
/** Which entry of its leaf an index is, given its lower part. */
export const entryOf = (lower: number): number => lower & (leafWidth - 1);

/** Which child of a branch of this height (1 or more) holds the index with these two parts. */
export function slotOf(height: number, upper: number, lower: number): number {
  return height > lowerHeights
    ? (upper >>> (branchBits * (height - lowerHeights - 1))) & (branchWidth - 1)
    : (lower >>> (leafBits + branchBits * (height - 1))) & (branchWidth - 1);
}

const spans: readonly number[] = Array.from(
  { length: 16 },
  (_, height) => 2 ** (leafBits + branchBits * height),
);

/** How many entries a node of this height covers; a leaf has height 0. */
export const spanOf = (height: number): number => spans[height]!;

/** The least height at which one node covers that many entries. */
export function heightFor(entries: number): number {
  let height = 0;
  while (spanOf(height) < entries) height += 1;
  return height;
}

/**
 * How many slots the root of a table of that many entries has: entries if it is a leaf, children if it is a
 * branch. The root is cut to what the table needs, so that a table filled with one value is one value.
 */
export function rootWidth(entries: number, height: number): number {
  return height === 0 ? entries : Math.ceil(entries / spanOf(height - 1));
}

/** How many slots a node below the root has. */
export const widthOf = (height: number): number => (height === 0 ? leafWidth : branchWidth);
