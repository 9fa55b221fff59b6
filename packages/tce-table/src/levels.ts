import type { Bytes, HostPageShift, IommuPageShift, LevelCount, TceCount } from '@spapr-dma/protocol';

/**
 * The levels of a hardware TCE table. The hardware walks a radix tree of 1 to 5 levels whose tables are all of
 * one size; entries of the lowest level are TCEs, those above point to tables. Nothing here depends on what
 * the table holds: the tree of `TceTable` is ours, this one is the modelled system's.
 *
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda-tce.c: pnv_pci_ioda2_table_alloc_pages
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_get_table_size
 */

/** A table as VFIO_IOMMU_SPAPR_TCE_CREATE asks for it, and the page size of the kernel that is asked. */
export interface LevelRequest {
  readonly windowBytes: Bytes;
  readonly pageShift: IommuPageShift;
  readonly levels: LevelCount;
  readonly hostPageShift: HostPageShift;
}

/** The tree that a request makes. */
export interface LevelShape {
  readonly levels: LevelCount;
  /** log2 of the bytes of each table, of whatever level. */
  readonly levelShift: number;
  /** Entries that the tree can hold (`it_size`). A window of less than a page of TCEs gets a page of them. */
  readonly entries: TceCount;
  /** Tables of each level when every entry is in use, the top level first. */
  readonly tables: readonly number[];
}

/** The number of levels that the hardware can walk. */
export const levelsMax = 5;
/** The hardware decodes bus addresses below 2^55, so levels and page must not take more bits than that. */
const addressBits = 55;
/** The largest piece of memory that the kernels seen here give out in one block; a table is one block. */
export const contiguousBytesMax = (1n << 24n) as Bytes;
/** log2 of the bytes of an entry, of any level. */
const entryShift = 3;
/** No table is charged less than this. */
const tableBytesMin = 0x1000n;

/**
 * The shape of the tree, or the answer to a request that the rules refuse. `ENOMEM` stands for the block that
 * the top level needs and the kernel cannot give; whether a smaller one can be had is not for the rules to say.
 */
export function levelShape(request: LevelRequest): LevelShape | 'EINVAL' | 'ENOMEM' {
  const { levels, pageShift, hostPageShift } = request;
  const levelShift = levelShiftOf(request);
  if (levelShift === undefined) return 'EINVAL';
  if ((levelShift - entryShift) * levels + pageShift >= addressBits) return 'EINVAL';
  if (1n << BigInt(levelShift) > contiguousBytesMax) return 'ENOMEM';
  const entriesShift = Math.max(entriesShiftOf(request), hostPageShift - entryShift);
  const tables = tablesOf(request, levelShift);
  return { levels, levelShift, entries: (2 ** entriesShift) as TceCount, tables: tables.map(Number) };
}

/**
 * What a request is charged to locked_vm: twice the bytes of the tree with every entry in use, since each
 * table has a copy with the userspace addresses, though only the top level is allocated at first. 0 for a
 * request that is refused before it is charged; others are charged first and refused afterwards.
 */
export function chargedBytes(request: LevelRequest): Bytes {
  const levelShift = levelShiftOf(request);
  if (levelShift === undefined) return 0n as Bytes;
  const tables = tablesOf(request, levelShift).reduce((sum, count) => sum + count, 0n);
  return (2n * (tables << BigInt(levelShift))) as Bytes;
}

/** Bytes of one table, of whatever level; a tree begins with its top table alone. */
export const levelBytes = (shape: LevelShape): Bytes => (1n << BigInt(shape.levelShift)) as Bytes;

/** Number of tables of the tree when every entry is in use. */
export const fullTableCount = (shape: LevelShape): number =>
  shape.tables.reduce((sum, count) => sum + count, 0);

/** Bytes of the tree when every entry is in use, without the userspace copy. */
export const fullBytes = (shape: LevelShape): Bytes =>
  (BigInt(fullTableCount(shape)) * levelBytes(shape)) as Bytes;

/** log2 of the entries that a window needs; negative if the window is smaller than a page. */
const entriesShiftOf = ({ windowBytes, pageShift }: LevelRequest): number =>
  windowBytes.toString(2).length - 1 - pageShift;

/**
 * log2 of the bytes of each table: the bits of an index divided evenly among the levels, but at least a page of
 * the host. `undefined` for a request without an answer: bad number of levels, size not a power of two, or a
 * window so much smaller than a page that the kernel shifts by more bits than a register has.
 */
function levelShiftOf(request: LevelRequest): number | undefined {
  const { windowBytes, levels, hostPageShift } = request;
  if (!(levels >= 1 && levels <= levelsMax)) return undefined;
  if (windowBytes <= 0n || (windowBytes & (windowBytes - 1n)) !== 0n) return undefined;
  // The kernel computes with unsigned 32-bit numbers, and a negative one wraps.
  const perLevel = Math.floor(((entriesShiftOf(request) + levels - 1) >>> 0) / levels);
  const levelShift = Math.max((perLevel + entryShift) >>> 0, hostPageShift);
  return levelShift < 64 ? levelShift : undefined;
}

/** Tables of each level when every entry is in use, the top level first. */
function tablesOf(request: LevelRequest, levelShift: number): readonly bigint[] {
  const tableBytes = 1n << BigInt(levelShift);
  const tables: bigint[] = [];
  const lowestShift = entriesShiftOf(request) + entryShift;
  let bytes = lowestShift < 0 ? 0n : 1n << BigInt(lowestShift);
  if (bytes < tableBytesMin) bytes = tableBytesMin;
  for (let level = 0; level < request.levels; level += 1) {
    const count = (bytes + tableBytes - 1n) / tableBytes;
    tables.unshift(count);
    bytes = count << BigInt(entryShift);
  }
  return tables;
}
