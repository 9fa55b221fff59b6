/** Lines as QEMU writes them, for logs made by hand. @see spec 80 section 2 */

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;
const bare = (value: number | bigint): string => value.toString(16);
/** LIOBNs with bit 31 are PCI tables, whose calls are events of their own. */
const event = (name: string, liobn: number | bigint): string =>
  `spapr_iommu_${(BigInt(liobn) & 0x8000_0000n) === 0n ? '' : 'pci_'}${name}`;

export const L0 = 0x8000_0000;
export const L1 = 0x8000_0001;
export const VIO = 0x7100_0002;
/** Where QEMU puts a dynamic window beside another. */
export const DYNAMIC = 0x800_0000_0000_0000n;
export const H_PARAMETER = -4;

type Number64 = number | bigint;

export const put = (liobn: Number64, ioba: Number64, tce: Number64, ret = 0): string =>
  `${event('put', liobn)} liobn=${hex(liobn)} ioba=${hex(ioba)} tce=${hex(tce)} ret=${ret}`;

export const get = (liobn: Number64, ioba: Number64, tce: Number64, ret = 0): string =>
  `${event('get', liobn)} liobn=${hex(liobn)} ioba=${hex(ioba)} ret=${ret} tce=${hex(tce)}`;

/** @param after the address behind the last page that was written */
export const stuff = (liobn: Number64, after: Number64, tce: Number64, npages: Number64, ret = 0): string =>
  `${event('stuff', liobn)} liobn=${hex(liobn)} ioba=${hex(after)} tcevalue=${hex(tce)} npages=${npages} ret=${ret}`;

/** @param last index of the last entry that was written, and the last TCE that was read */
export const indirect = (liobn: Number64, ioba: Number64, last: number, tceN: Number64, ret = 0): string =>
  `${event('indirect', liobn)} liobn=${hex(liobn)} ioba=${hex(ioba)} tcelist=0x1000000 iobaN=${hex(last)} tceN=${hex(tceN)} ret=${ret}`;

export const xlate = (
  liobn: Number64,
  offset: Number64,
  page: Number64,
  perm: number,
  mask: Number64 = 0xfff,
) => `spapr_iommu_xlate liobn=${hex(liobn)} ${hex(offset)} -> ${hex(page)} perm=${perm} mask=${hex(mask)}`;

export const newTable = (liobn: Number64, { table = '0x7f0000001000', fd = -1 } = {}): string =>
  `spapr_iommu_new_table liobn=${hex(liobn)} table=${table} fd=${fd}`;

export const buid = (phb: number): bigint => 0x800_0000_2000_0000n + BigInt(phb);

export const query = (phb: number, available: number, mask = 0x107): string =>
  `spapr_iommu_ddw_query buid=${hex(buid(phb))} addr=0x800, ${available} windows available, max window size=0x80000000, mask=${hex(mask)}`;

export const create = (
  liobn: number,
  { pageShift = 24, windowShift = 32, start = DYNAMIC }: Partial<Geometry> = {},
): string =>
  `spapr_iommu_ddw_create buid=${hex(buid((liobn >> 8) & 0xff))} addr=0x800, page size=${hex(1n << BigInt(pageShift))}, requested=${hex(1n << BigInt(windowShift))}, start addr=${hex(start)}, liobn=${hex(liobn)}`;

interface Geometry {
  readonly pageShift: number;
  readonly windowShift: number;
  readonly start: bigint;
}

export const remove = (liobn: number): string => `spapr_iommu_ddw_remove liobn=${hex(liobn)}`;
export const reset = (phb = 0, address = 0x800): string =>
  `spapr_iommu_ddw_reset buid=${hex(buid(phb))} addr=${hex(address)}`;

/** Hex numbers without 0x, as these two events have them. */
export const preSave = (liobn: number, entries: number, start: bigint, shift: number): string =>
  `spapr_iommu_pre_save liobn=${bare(liobn)} ${bare(entries)} bus_offset=${hex(start)} ps=${shift}`;

export const postLoad = (
  liobn: number,
  before: number,
  entries: number,
  start: bigint,
  shift: number,
): string =>
  `spapr_iommu_post_load liobn=${bare(liobn)} ${bare(before)} => ${hex(entries)} bus_offset=${hex(start)} ps=${shift}`;

export const freeCrq = (unit: number): string => `spapr_vio_free_crq CRQ for dev ${hex(unit)} freed`;
export const drc = (what: string, index: number): string => `spapr_drc_${what} drc: ${hex(index)}`;
export const drcState = (what: string, index: number, state: number): string =>
  `spapr_drc_set_${what} drc: ${hex(index)}, state: ${hex(state)}`;

/** The default window of a machine with one PHB. */
export const boot: readonly string[] = [newTable(L0)];
/** A dynamic window beside it. */
export const dynamic: readonly string[] = [query(0, 1), newTable(L1), create(L1)];

/** The lines with a thread and a time before each. */
export const by = (thread: number, ...lines: readonly string[]): readonly string[] =>
  lines.map((line) => `${thread}@1795220419.502891:${line}`);
