import { QUERY_PAGE_SIZES } from '@spapr-dma/protocol';
import type { QueryDdwResponse } from './frames-ddw.js';
import type { GuestKernel } from './guest-state.js';

/** Bits of a physical address that persistent memory can need. @see [Linux] MAX_PHYSMEM_BITS */
const MAX_PHYSMEM_BITS = 51;

/** What a dynamic window is to be like. */
export interface DdwGeometry {
  readonly pageShift: number;
  readonly windowShift: number;
  /** Every byte of RAM is mapped at once; or pages are mapped as drivers ask. */
  readonly mapping: 'direct' | 'dynamic';
}

/** The exponent of the smallest power of two that holds a value; 0 for 0. @see [Linux] order_base_2 */
export const orderBase2 = (value: bigint): number => (value <= 1n ? 0 : (value - 1n).toString(2).length);

/** The number of the highest set bit, from 1; 0 for 0. @see [Linux] fls64 */
export const fls64 = (value: bigint): number => (value === 0n ? 0 : value.toString(2).length);

/** Where RAM ends, seen from the memory there is, whose ranges are in order. */
function endOfDram({ memory }: GuestKernel): bigint {
  const last = memory.ranges.at(-1);
  return last === undefined ? 0n : last.gpa + last.bytes;
}

/**
 * The highest address that RAM can have. In newer kernels this is 0 without `maxmem`, and then the window
 * asked for has shift 0.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: ddw_memory_hotplug_max
 */
export function ddwMemoryHotplugMax(kernel: GuestKernel): bigint {
  const hotplugMax = kernel.memory.hotplugMax ?? 0n;
  if (kernel.config.version.maxRam === 'hotplug-only') return hotplugMax;
  const dram = endOfDram(kernel);
  return dram > hotplugMax ? dram : hotplugMax;
}

/** log2 of the space that RAM can take. */
export const maxRamShiftOf = (kernel: GuestKernel): number => orderBase2(ddwMemoryHotplugMax(kernel));

/**
 * The page size that a window gets out of those the query offers; undefined where it offers none.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: iommu_get_page_shift
 */
export function ddwPageShift(kernel: GuestKernel, pageSizes: number): number | undefined {
  const known = kernel.config.version.pageSize === 'largest' ? () => true : isClassic;
  const offered = QUERY_PAGE_SIZES.filter(({ bit, shift }) => (pageSizes & bit) !== 0 && known(shift));
  return offered.length === 0 ? undefined : Math.max(...offered.map(({ shift }) => shift));
}
const isClassic = (shift: number): boolean => shift === 12 || shift === 16 || shift === 24;

/**
 * The window to ask for; undefined where the kernel gives up: no page size, or, in older kernels, no room
 * for all RAM.
 *
 * Abstraction: a window shared by direct RAM and dynamic persistent memory is not modelled; the whole window
 * is dynamic then.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: enable_ddw
 */
export function ddwGeometryOf(
  kernel: GuestKernel,
  query: QueryDdwResponse,
  dmaMask: bigint,
  defaultRemoved: boolean,
): DdwGeometry | undefined {
  const { version } = kernel.config;
  const pageShift = ddwPageShift(kernel, query.pageSizes);
  if (pageShift === undefined) return undefined;
  const maxRamShift = maxRamShiftOf(kernel);
  if (version.smallWindow === 'failed') {
    const fits = query.largestBlock >= ddwMemoryHotplugMax(kernel) >> BigInt(pageShift);
    return fits ? { pageShift, windowShift: maxRamShift, mapping: 'direct' } : undefined;
  }
  // Step 7: what firmware and device can span. The product is a 64-bit register's.
  const blockShift = orderBase2(BigInt.asUintN(64, query.largestBlock << BigInt(pageShift)));
  const shiftMax = Math.min(blockShift, fls64(dmaMask));
  const { pmemory } = kernel.memory;
  const wanted = pmemory && shiftMax >= MAX_PHYSMEM_BITS ? MAX_PHYSMEM_BITS : maxRamShift;
  if (shiftMax < wanted) return { pageShift, windowShift: shiftMax, mapping: 'dynamic' };
  const direct = !defaultRemoved || wanted === MAX_PHYSMEM_BITS || !pmemory;
  return { pageShift, windowShift: wanted, mapping: direct ? 'direct' : 'dynamic' };
}

/** Whether persistent memory lies beyond a direct window, so that the device's reach has a limit. */
export const isLimitedByPmemory = (kernel: GuestKernel, windowShift: number): boolean =>
  kernel.memory.pmemory && windowShift !== MAX_PHYSMEM_BITS;
