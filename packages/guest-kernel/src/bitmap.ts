/**
 * A bitmap as the runs of its set bits: [first, end) pairs, in order, neither touching nor overlapping. Two
 * bitmaps with the same bits have the same runs, and the cost follows the runs, not the size: a table of 2^31
 * pages with nothing handed out is an empty list.
 */
export type Bitmap = readonly (readonly [first: number, end: number])[];

export const EMPTY_BITMAP: Bitmap = [];

/** The first run that ends beyond `bit`, by its place in the list; the list's length where none does. */
function runBeyond(bitmap: Bitmap, bit: number): number {
  let low = 0;
  let high = bitmap.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bitmap[middle]![1] > bit) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether one bit is set. */
export function isBitSet(bitmap: Bitmap, bit: number): boolean {
  const run = bitmap[runBeyond(bitmap, bit)];
  return run !== undefined && run[0] <= bit;
}

/** The first set bit from `from` on and below `end`; `end` where there is none. */
export function nextSetBit(bitmap: Bitmap, end: number, from: number): number {
  const run = bitmap[runBeyond(bitmap, from)];
  return run === undefined ? end : Math.min(end, Math.max(run[0], from));
}

/** The first clear bit from `from` on, which may lie beyond the bitmap's end. */
export function nextClearBit(bitmap: Bitmap, from: number): number {
  const run = bitmap[runBeyond(bitmap, from)];
  return run !== undefined && run[0] <= from ? run[1] : from;
}

/** Sets `count` bits from `first` on. */
export function setBits(bitmap: Bitmap, first: number, count: number): Bitmap {
  if (count <= 0) return bitmap;
  let [low, high] = [first, first + count];
  const from = runBeyond(bitmap, first - 1); // A run that ends where this one starts joins it.
  let to = from;
  while (to < bitmap.length && bitmap[to]![0] <= high) {
    low = Math.min(low, bitmap[to]![0]);
    high = Math.max(high, bitmap[to]![1]);
    to++;
  }
  return [...bitmap.slice(0, from), [low, high], ...bitmap.slice(to)];
}

/** Clears `count` bits from `first` on. */
export function clearBits(bitmap: Bitmap, first: number, count: number): Bitmap {
  if (count <= 0) return bitmap;
  const end = first + count;
  const from = runBeyond(bitmap, first);
  let to = from;
  const left: [number, number][] = [];
  while (to < bitmap.length && bitmap[to]![0] < end) {
    const [low, high] = bitmap[to]!;
    if (low < first) left.push([low, first]);
    if (high > end) left.push([end, high]);
    to++;
  }
  return to === from ? bitmap : [...bitmap.slice(0, from), ...left, ...bitmap.slice(to)];
}

/** The number of set bits. */
export const countBits = (bitmap: Bitmap): number =>
  bitmap.reduce((sum, [first, end]) => sum + (end - first), 0);
