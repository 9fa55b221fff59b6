import { type TceIndex, tceIndex } from '@spapr-dma/protocol';
import { tceHighAt, tceLowAt } from '@spapr-dma/tce-table';
import type { EnabledTable } from './state.js';
import { pageMaskOf, shiftOf } from './tce-index.js';

/** What one lookup finds. */
export interface Translation {
  /** The page's address as the TCE gives it, without the offset into the page. */
  readonly translated: bigint;
  /** 0 none, 1 the device may read, 2 it may write, 3 both. */
  readonly perm: number;
  /** Page size - 1. */
  readonly addrMask: bigint;
}

/** A lookup outside the table: nothing may be done, and the mask spans everything. */
const OUTSIDE: Translation = { translated: 0n, perm: 0, addrMask: 0xffff_ffff_ffff_ffffn };

/** The entry for an address relative to the start of the window; undefined behind the table's end. */
export function indexOf(table: EnabledTable, address: bigint): TceIndex | undefined {
  const index = BigInt.asUintN(64, address) >> shiftOf(table.pageShift);
  return index >= BigInt(table.nbTable) ? undefined : tceIndex(Number(index));
}

/** What an entry says. */
export function translated(table: EnabledTable, tce: bigint): Translation {
  const mask = pageMaskOf(table.pageShift);
  return { translated: tce & mask, perm: Number(tce & 3n), addrMask: BigInt.asUintN(64, ~mask) };
}

/**
 * Looks one address up in the guest view, for an emulated device's DMA. There is no cache: the next lookup sees
 * the next value. A view in KVM is not looked into here.
 * @param address relative to the start of the window, bytes
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_translate_iommu
 */
export function translate(table: EnabledTable, address: bigint): Translation {
  const at = indexOf(table, address);
  if (at === undefined) return OUTSIDE;
  return translated(table, (BigInt(tceHighAt(table.view, at)) << 32n) | BigInt(tceLowAt(table.view, at)));
}
