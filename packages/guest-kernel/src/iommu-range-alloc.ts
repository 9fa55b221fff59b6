import { clearBits, nextClearBit, nextSetBit, setBits } from './bitmap.js';
import type { GuestConfig } from './guest-config.js';
import type { IommuPool, IommuTable } from './guest-objects.js';

/** What is asked of the allocator. */
export interface RangeRequest {
  readonly npages: number;
  /** The highest page number on the bus that the device reaches. */
  readonly mask: number;
  readonly alignOrder: number;
  /** Where a list's previous buffer ended, in pages from the table's start; 0 for no such place. */
  readonly handle: number;
  readonly cpu: number;
}

/** Small allocations start at multiples of this. @see [Linux] struct iommu_table: it_blocksize */
const BLOCK_PAGES = 16;
/** Segments never cross a multiple of 4 GiB. @see [Linux] include/linux/dma-mapping.h: dma_get_seg_boundary */
const SEGMENT_BOUNDARY_BYTES = 2 ** 32;

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** The pool a CPU tries first. @see [Linux] arch/powerpc/kernel/iommu.c: setup_iommu_pool_hash */
export const poolHashOf = (cpu: number): number => Math.imul(cpu, 0x61c8_8647) >>> 30;

/**
 * The first free range in [start, limit), aligned and within one segment boundary; undefined where there is
 * none. The last page below the limit is never part of it.
 * @see [Linux] lib/iommu-helper.c: iommu_area_alloc
 */
export function areaAt(
  table: IommuTable,
  limit: number,
  start: number,
  npages: number,
  align: number,
): number | undefined {
  const boundary = Math.max(1, SEGMENT_BOUNDARY_BYTES / 2 ** table.pageShift);
  const end = limit - 1;
  let from = start;
  for (;;) {
    const index = alignUp(nextClearBit(table.map, from), align);
    if (index + npages > end) return undefined;
    const busy = nextSetBit(table.map, index + npages, index);
    if (busy < index + npages) {
      from = busy + 1;
      continue;
    }
    if (((table.offset + index) % boundary) + npages <= boundary) return index;
    from = alignUp(table.offset + index, boundary) - table.offset;
    if (from <= index) from = index + boundary; // A range longer than the boundary fits nowhere.
  }
}

/** Pools by number, the large pool last. */
const poolAt = (table: IommuTable, nr: number): IommuPool =>
  nr === table.pools.length ? table.largePool : table.pools[nr]!;

const withHint = (table: IommuTable, nr: number, hint: number): IommuTable =>
  nr === table.pools.length
    ? { ...table, largePool: { ...table.largePool, hint } }
    : { ...table, pools: table.pools.map((pool, i) => (i === nr ? { ...pool, hint } : pool)) };

/**
 * Finds and hands out a range: first from the hint of the CPU's pool, then from that pool's start, then in
 * each other pool, then in the large pool. Undefined where all passes fail; the hints are moved even then.
 *
 * Abstraction: the pools' spinlocks are not modelled, because nothing else happens while one is held. A range
 * longer than the segment boundary is refused, where the source would search for ever.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_range_alloc
 */
export function iommuRangeAlloc(
  config: GuestConfig,
  before: IommuTable,
  request: RangeRequest,
): { readonly table: IommuTable; readonly index: number | undefined } {
  const { npages, mask, handle } = request;
  if (npages === 0) return { table: before, index: undefined };
  const count = before.pools.length;
  const large = npages > config.smallRequestPagesMax;
  let table = before;
  let search = poolHashOf(request.cpu) & (count - 1); // Where the scan of the other pools goes on.
  let nr = large ? count : search;
  for (let pass = 0; ; pass++) {
    let pool = poolAt(table, nr);
    const useHandle = pass === 0 && handle !== 0 && handle >= pool.start && handle < pool.end;
    let start = useHandle ? handle : pool.hint;
    let limit = pool.end;
    if (start >= limit) start = pool.start;
    if (limit + table.offset > mask) {
      limit = mask - table.offset + 1;
      // A device with a narrow mask looks at the masked hint first, then from the start of the first pool.
      if (start % (mask + 1) >= limit || pass > 0) {
        nr = 0;
        pool = poolAt(table, nr);
        start = pool.start;
      } else {
        start %= mask + 1;
      }
    }
    const index = areaAt(table, limit, start, npages, 2 ** request.alignOrder);
    if (index !== undefined) {
      const end = index + npages;
      const handedOut = { ...table, map: setBits(table.map, index, npages) };
      return { index, table: withHint(handedOut, nr, large ? end : alignUp(end, BLOCK_PAGES)) };
    }
    if (pass === 0) {
      table = withHint(table, nr, pool.start);
    } else if (pass <= count) {
      search = (search + 1) & (count - 1);
      nr = search;
      table = withHint(table, nr, poolAt(table, nr).start);
    } else if (pass === count + 1) {
      nr = count;
      table = withHint(table, nr, table.largePool.start);
    } else {
      return { table, index: undefined };
    }
  }
}

/** Whether a range that a driver gives back lies in the table. @see [Linux] iommu_free_check */
export const isInTable = (table: IommuTable, entry: number, npages: number): boolean =>
  entry >= table.offset && entry - table.offset + npages <= table.size;

/** Takes a range back. The hints stay where they are. @see [Linux] arch/powerpc/kernel/iommu.c: __iommu_free */
export const iommuRangeFree = (table: IommuTable, entry: number, npages: number): IommuTable => ({
  ...table,
  map: clearBits(table.map, entry - table.offset, npages),
});
