/**
 * The hash of a subtree is a sum over its slots, modulo 2^32, so that a write corrects it by one subtraction
 * and one addition a level. What is zero adds nothing. Equality never rests on it: it picks a bucket, and
 * tells two tables apart quickly.
 */

/** What an entry adds to the hash of its leaf; 0 for an empty one. */
export function entryHash(slot: number, high: number, low: number): number {
  if ((high | low) === 0) return 0;
  let hash = Math.imul(high ^ Math.imul(slot + 1, 0x9e3779b1), 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash ^ low, 0xc2b2ae35);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x27d4eb2f);
  return hash ^ (hash >>> 16);
}

/** What an entry adds to the hash of a list of few entries; its index may exceed 32 bits. */
export const indexHash = (index: number, high: number, low: number): number =>
  entryHash((index ^ Math.imul(Math.floor(index / 2 ** 32), 0x165667b1)) | 0, high, low);

/** The hash of a subtree of that height all of whose entries are the same; 0 for an empty one. */
export const uniformHash = (height: number, high: number, low: number): number =>
  entryHash(0x10000 + height, high, low);

/** What a child with that hash adds to the hash of its branch. */
export function childHash(slot: number, hash: number): number {
  if (hash === 0) return 0;
  let mixed = Math.imul(hash ^ Math.imul(slot + 1, 0x9e3779b1), 0x85ebca6b);
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 15);
}
