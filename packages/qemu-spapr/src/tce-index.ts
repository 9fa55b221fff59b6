import { type TceCount, type TceIndex, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { EnabledTable, SpaprTceTable } from './state.js';

/** A shift as the host's processor takes it: modulo 64. */
export const shiftOf = (pageShift: number): bigint => BigInt(pageShift & 63);

/** Bytes of a page of that shift. */
export const pageBytesOf = (pageShift: number): bigint => 1n << shiftOf(pageShift);

/** Mask that keeps the page's address, in 64 bits. */
export const pageMaskOf = (pageShift: number): bigint => BigInt.asUintN(64, -pageBytesOf(pageShift));

/** A disabled slot has page shift 0, so its addresses are not rounded. */
export const pageShiftOf = (table: SpaprTceTable): number =>
  table.mode === 'disabled' ? 0 : table.pageShift;

/**
 * The entry that translates an IOBA, or undefined outside the window. The subtraction wraps in 64 bits,
 * as it does in QEMU, so an IOBA below the window is far beyond its end.
 * @see [QEMU] hw/ppc/spapr_iommu.c: put_tce_emu, get_tce_emu
 */
export function tceIndexAt(table: EnabledTable, ioba: bigint): TceIndex | undefined {
  const index = BigInt.asUintN(64, ioba - table.busOffset) >> shiftOf(table.pageShift);
  return index < BigInt(table.nbTable) ? tceIndex(Number(index)) : undefined;
}

/** First IOBA after the window. */
export const endOf = (table: EnabledTable): bigint =>
  BigInt.asUintN(64, table.busOffset + (BigInt(table.nbTable) << shiftOf(table.pageShift)));

/** Consecutive entries: the first one and how many. */
export interface EntryRun {
  readonly first: TceIndex;
  readonly count: TceCount;
}

/**
 * The entries that a loop over `npages` pages from `first` writes, in order. It stops at the window's end,
 * but for a window that spans the whole 64-bit address space, where the address wraps to the beginning.
 */
export function runsFrom(table: EnabledTable, first: TceIndex, npages: number): readonly EntryRun[] {
  const ring = 2 ** (64 - (table.pageShift & 63));
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

/** Entries in all of the runs. */
export const entriesIn = (runs: readonly EntryRun[]): number =>
  runs.reduce((sum, { count }) => sum + count, 0);
