import { type TceCount, type TceIndex, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { EnabledTable, Region, SpaprTceTable } from './state.js';

/** The shape of a window. */
export interface Geometry {
  readonly pageShift: number;
  readonly busOffset: bigint;
  readonly nbTable: TceCount;
}

/** By shift, so that no call computes them anew. */
const SHIFTS = Array.from({ length: 64 }, (_, shift) => BigInt(shift));
const PAGE_BYTES = SHIFTS.map((shift) => 1n << shift);
const PAGE_MASKS = PAGE_BYTES.map((bytes) => BigInt.asUintN(64, -bytes));

/** A shift as the host's processor takes it: modulo 64. */
export const shiftOf = (pageShift: number): bigint => SHIFTS[pageShift & 63] as bigint;

/** Bytes of a page of that shift. */
export const pageBytesOf = (pageShift: number): bigint => PAGE_BYTES[pageShift & 63] as bigint;

/** Mask that keeps the page's address, in 64 bits. */
export const pageMaskOf = (pageShift: number): bigint => PAGE_MASKS[pageShift & 63] as bigint;

/** A disabled slot has page shift 0, so its addresses are not rounded. */
export const pageShiftOf = (table: SpaprTceTable): number =>
  table.mode === 'disabled' ? 0 : table.pageShift;

/**
 * The entry that translates an IOBA, or undefined outside the window. The subtraction wraps in 64 bits,
 * as it does in QEMU, so an IOBA below the window is far beyond its end.
 * @see [QEMU] hw/ppc/spapr_iommu.c: put_tce_emu, get_tce_emu
 */
export function tceIndexAt(table: EnabledTable, ioba: bigint): TceIndex | undefined {
  // A number keeps the high bits of any offset, and a table has fewer entries than would lose a low one.
  const offset = Number(BigInt.asUintN(64, ioba - table.busOffset) >> shiftOf(table.pageShift));
  return offset < table.nbTable ? tceIndex(offset) : undefined;
}

/**
 * The memory region of a new window. QEMU computes its bytes in 64 bits, so a window of 2^64 bytes
 * translates nothing, though the hypercalls know all of its entries.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_enable
 */
export function regionOf({ pageShift, busOffset, nbTable }: Geometry): Region {
  return { start: busOffset, bytes: BigInt.asUintN(64, BigInt(nbTable) << shiftOf(pageShift)) };
}

/** Consecutive entries: the first one and how many. */
export interface EntryRun {
  readonly first: TceIndex;
  readonly count: TceCount;
}

/**
 * The IOBA after the window's last page, as a loop over its pages ends: 64 bits, so 0 where the window ends
 * with the address space.
 */
export const endOf = (table: EnabledTable): bigint =>
  BigInt.asUintN(64, table.busOffset + (BigInt(table.nbTable) << shiftOf(table.pageShift)));

/** Entries that 64-bit addresses reach: a loop over more pages comes back to where it began. */
export const ringOf = (table: EnabledTable): number => 2 ** (64 - (table.pageShift & 63));

/**
 * The entries that a loop over `npages` pages from `first` writes, in order. It stops at the window's end,
 * but for a window that spans the whole 64-bit address space, where the address wraps to the beginning.
 */
export function runsFrom(table: EnabledTable, first: TceIndex, npages: number): readonly EntryRun[] {
  const ring = ringOf(table);
  const end = Math.min(table.nbTable, ring);
  const runs: EntryRun[] = [];
  let at: number = first;
  for (let left = npages; left > 0; ) {
    const count = Math.min(left, end - at);
    if (count > 0) runs.push({ first: tceIndex(at), count: tceCount(count) });
    left -= count;
    if (table.nbTable < ring) break;
    at = 0;
  }
  return runs;
}

/** How many pages such a loop writes; a page that it meets again counts again. */
export const pagesFrom = (table: EnabledTable, first: TceIndex, npages: number): number =>
  table.nbTable < ringOf(table) ? Math.min(npages, table.nbTable - first) : npages;
