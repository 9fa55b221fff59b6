import type { Bytes, Ioba, IommuPageShift, Liobn } from '@spapr-dma/protocol';
import { type Bitmap, clearBits, EMPTY_BITMAP, nextSetBit, setBits } from './bitmap.js';
import type { IommuTable, TableId } from './guest-objects.js';
import type { GuestKernel } from './guest-state.js';

/** What a new table is made from. */
export interface TableParameters {
  readonly liobn: Liobn;
  readonly start: Ioba;
  readonly bytes: Bytes;
  readonly pageShift: IommuPageShift;
}

/** The smallest number that names no table yet, so that equal histories of tables give equal states. */
function freeTableId(kernel: GuestKernel): TableId {
  let id = 0;
  while (kernel.tables[id] !== undefined) id++;
  return id;
}

/**
 * Adds a table with its reserved pages and pools. It is `clearing` until iommu_init_table is through.
 *
 * `reservedStart` and `reservedEnd` are page numbers on the bus, as enable_ddw computes them.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_init_table, iommu_table_reserve_pages
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: iommu_table_setparms_common
 */
export function withNewTable(
  kernel: GuestKernel,
  { liobn, start, bytes, pageShift }: TableParameters,
  reservedStart = 0,
  reservedEnd = 0,
): { readonly kernel: GuestKernel; readonly id: TableId } {
  const id = freeTableId(kernel);
  const offset = Number(start >> BigInt(pageShift));
  const size = Number(bytes >> BigInt(pageShift));
  const poolCount = bytes >= 1n << 30n ? kernel.config.poolCount : 1;
  const poolSize = Math.floor(Math.floor((size * 3) / 4) / poolCount);
  const pools = Array.from({ length: poolCount }, (_, nr) => poolOf(poolSize * nr, poolSize * (nr + 1)));
  const largePool = poolOf(poolSize * poolCount, size);
  const reserved = reservedRange(offset, size, reservedStart, reservedEnd);
  const table: IommuTable = {
    id,
    mode: 'clearing',
    liobn,
    pageShift,
    offset,
    size,
    map: reservedPages(offset, reserved),
    reservedStart: reserved.start,
    reservedEnd: reserved.end,
    pools,
    largePool,
    poolSize,
    refs: 1,
  };
  return { kernel: withTable(kernel, table), id };
}

const poolOf = (start: number, end: number) => ({ start, end, hint: start });

/** The part of a reserved range that lies in the table; an empty one at the table's start where none does. */
function reservedRange(offset: number, size: number, start: number, end: number) {
  const low = Math.max(start, offset);
  const high = Math.min(end, offset + size);
  return low < high ? { start: low, end: high } : { start: offset, end: offset };
}

/** The bits that are never handed out: page 0 of the bus, which drivers take for "none", and the reserved range. */
function reservedPages(offset: number, reserved: { start: number; end: number }): Bitmap {
  const zero = offset === 0 ? setBits(EMPTY_BITMAP, 0, 1) : EMPTY_BITMAP;
  return setBits(zero, reserved.start - offset, reserved.end - reserved.start);
}

/** Replaces a table. */
export const withTable = (kernel: GuestKernel, table: IommuTable): GuestKernel => ({
  ...kernel,
  tables: { ...kernel.tables, [table.id]: table },
});

/** iommu_init_table is through with a table. */
export const tableReady = (kernel: GuestKernel, id: TableId): GuestKernel =>
  withTable(kernel, { ...kernel.tables[id]!, mode: 'ready' });

/** Takes another reference. @see [Linux] arch/powerpc/kernel/iommu.c: iommu_tce_table_get */
export const tableGet = (kernel: GuestKernel, id: TableId): GuestKernel =>
  withTable(kernel, { ...kernel.tables[id]!, refs: kernel.tables[id]!.refs + 1 });

/**
 * Drops a reference; the last one frees the table, whatever is still mapped in it.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_tce_table_put, iommu_table_free
 */
export function tablePut(kernel: GuestKernel, id: TableId): GuestKernel {
  const table = kernel.tables[id]!;
  if (table.refs > 1) return withTable(kernel, { ...table, refs: table.refs - 1 });
  const { [id]: _freed, ...tables } = kernel.tables;
  return { ...kernel, tables };
}

/**
 * Whether anything but the reserved pages is handed out.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_table_in_use
 */
export function isTableInUse(table: IommuTable): boolean {
  const first = table.offset === 0 ? 1 : 0;
  const low = table.reservedStart - table.offset;
  const high = table.reservedEnd - table.offset;
  if (low === high) return nextSetBit(table.map, table.size, first) !== table.size;
  return nextSetBit(table.map, low, first) < low || nextSetBit(table.map, table.size, high) !== table.size;
}

/** Marks a page busy that an earlier kernel left mapped. */
export const withBusyPages = (table: IommuTable, index: number, count: number): IommuTable => ({
  ...table,
  map: setBits(table.map, index, count),
});

/** Gives pages back to the bitmap, reserved or not. */
export const withFreePages = (table: IommuTable, index: number, count: number): IommuTable => ({
  ...table,
  map: clearBits(table.map, index, count),
});

/** Where the table's window starts on the bus. */
export const tableStart = (table: IommuTable): bigint => BigInt(table.offset) << BigInt(table.pageShift);
/** How many bytes the table's window spans. */
export const tableBytes = (table: IommuTable): bigint => BigInt(table.size) << BigInt(table.pageShift);
