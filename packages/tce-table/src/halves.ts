import type { Tce } from '@spapr-dma/protocol';

/**
 * An entry is 64 bits, of which the table keeps two unsigned 32-bit halves: numbers cost nothing to read and
 * write, a bigint is an allocation. The two forms meet here and nowhere else.
 */
const wide = new BigUint64Array(1);
const narrow = new Uint32Array(wide.buffer);
wide[0] = 1n;
const lowAt = narrow[0] === 1 ? 0 : 1;
const highAt = 1 - lowAt;

/** The entry with these unsigned 32-bit halves. */
export function tceOf(high: number, low: number): Tce {
  narrow[highAt] = high;
  narrow[lowAt] = low;
  return wide[0] as Tce;
}

/** Bits 32 to 63 of an entry, unsigned. */
export function highOf(tce: Tce): number {
  wide[0] = tce;
  return narrow[highAt]!;
}

/** Bits 0 to 31 of an entry, unsigned. */
export function lowOf(tce: Tce): number {
  wide[0] = tce;
  return narrow[lowAt]!;
}

/** The permission bits of a TCE: the device may read (1), may write (2). Without either the entry maps nothing. */
const permissionBits = 3;

/** Whether an entry with this low half lets a device through. */
export const isMapped = (low: number): boolean => (low & permissionBits) !== 0;
