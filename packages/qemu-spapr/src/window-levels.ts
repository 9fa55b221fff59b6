import {
  type Bytes,
  type IommuPageShift,
  iommuPageShift,
  type LevelCount,
  levelCount,
} from '@spapr-dma/protocol';
import { pageBytesOf } from './tce-index.js';

/** What of the host decides the shape of a hardware window. */
export interface HostPages {
  /** log2 of the host kernel's pages. */
  readonly hostPageShift: number;
  /** log2 of the smallest pages behind guest memory: the host's, or larger ones of hugetlb memory. */
  readonly ramPageShift: number;
}

/** What QEMU asks the host for: the pages, and which numbers of levels it tries in turn. */
export interface HostWindowShape {
  readonly pageShift: IommuPageShift;
  readonly levels: LevelCount;
  readonly levelsMax: LevelCount;
}

const highestBit = (value: bigint): number => value.toString(2).length - 1;

/** Zero bits below the lowest one bit; 64 where there is none. */
const trailingZeros = (value: bigint): number => (value === 0n ? 64 : highestBit(value & -value));

/**
 * Pages and levels of the hardware window for a window of the guest: the largest pages the host has that are
 * neither larger than the guest's nor than those behind guest memory, and as few levels as fit into pieces of
 * 2^8 host pages. Null where the host has no such pages.
 *
 * The entries are counted in 32 bits, so that a window of 2^32 of them and more counts as the largest possible
 * one; where more levels come out than are allowed, QEMU asks for nothing and takes that for success.
 * @param pgsizes pages that the container reports: bit n for 2^n bytes
 * @see [QEMU] hw/vfio/spapr.c: vfio_spapr_create_window
 */
export function hostWindowShapeOf(
  guestPageShift: number,
  windowSize: Bytes,
  pgsizes: bigint,
  { hostPageShift, ramPageShift }: HostPages,
): HostWindowShape | null {
  const limit = pageBytesOf(Math.min(guestPageShift & 63, ramPageShift));
  const possible = pgsizes & (limit | (limit - 1n));
  if (possible === 0n) return null;
  const pageShift = highestBit(possible);
  const entries = BigInt.asUintN(32, windowSize >> BigInt(pageShift));
  const bitsTotal = trailingZeros(entries * 8n);
  return {
    pageShift: iommuPageShift(pageShift),
    levels: levelCount(Math.ceil(bitsTotal / (hostPageShift + 8))),
    levelsMax: levelCount(Math.floor((64 - pageShift) / hostPageShift)),
  };
}
