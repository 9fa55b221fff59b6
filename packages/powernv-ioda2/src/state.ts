import type {
  Bytes,
  FailNext,
  GroupId,
  HostDeviceId,
  IommuPageShift,
  IommuTableId,
  LevelCount,
  OpalCode,
  Tce,
  TceCount,
  TceIndex,
} from '@spapr-dma/protocol';
import type { LevelPages, TceTable } from '@spapr-dma/tce-table';
import type { PhbGeneration, PowernvConfig } from './config.js';

/** One of the two windows of a PE, as the PHB has it. */
export type Tve =
  | { readonly mode: 'DISABLED' }
  /** The hardware walks a table; its size is that of the tree, which may hold more than the window. */
  | { readonly mode: 'TCE'; readonly table: IommuTableId }
  /** Addresses from 2^59 on are host addresses, as far as `size` goes. */
  | { readonly mode: 'BYPASS'; readonly size: Bytes };

/** Old translations of one table that a PE's TCE cache may still hold, by the index of their entries. */
export interface CachedTces {
  readonly table: IommuTableId;
  readonly tces: TceTable;
}

/** What a PE is made of: all functions of a bus, or one function, which a virtual function always is. */
export type PeScope =
  | { readonly mode: 'bus'; readonly bus: string }
  | { readonly mode: 'device'; readonly device: HostDeviceId };

/** A partitionable endpoint. */
export interface Pe {
  readonly phb: number;
  readonly pe: number;
  readonly scope: PeScope;
  readonly group: GroupId;
  readonly tves: readonly [Tve, Tve];
  /** What the kernel believes; the TVE says what is. */
  readonly bypassEnabled: boolean;
  /** `thawed`, or `frozen` after an access that was refused: then all are. */
  readonly dma: 'thawed' | 'frozen';
  /** In the order of the tables. */
  readonly cache: readonly CachedTces[];
}

/** An IOMMU group, with the tables of its PE as the kernel has them. */
export interface IommuGroup {
  readonly group: GroupId;
  readonly owner: 'platform' | 'vfio';
  /** In the order in which they joined, which is the order of changing hands. */
  readonly devices: readonly HostDeviceId[];
  readonly tables: readonly [IommuTableId | null, IommuTableId | null];
}

/** A 64-bit word that was written beside a table's memory. */
export interface StrayWord {
  /** Behind which tree; behind the userspace view for a table of one level, whose view lies behind the table. */
  readonly behind: 'hardware' | 'userspace';
  /** In words from the end of that tree. */
  readonly at: number;
  readonly word: Tce;
}

/** `it_map` of a table that the host's DMA API hands out. */
export interface AllocationMap {
  /** 1 for an entry that is taken. */
  readonly taken: TceTable;
  /** Where the search for a free range begins. */
  readonly hint: TceIndex;
  /** Entries kept free for MMIO: from the first up to, not including, the second. */
  readonly reserved: readonly [TceIndex, TceIndex];
}

/** A hardware TCE table: the kernel's `iommu_table`. */
export interface IommuTable {
  readonly table: IommuTableId;
  /**
   * A freed table stays here while a TVE or a device's base still names it, so that its use can be seen.
   * Abstraction: its memory is not given to anybody else meanwhile.
   */
  readonly mode: 'live' | 'freed';
  readonly kref: number;
  readonly pageShift: IommuPageShift;
  /** `it_offset` and `it_size`, in IOMMU pages. */
  readonly offset: bigint;
  readonly size: TceCount;
  /** `it_indirect_levels` + 1. */
  readonly levels: LevelCount;
  /** Entries of each level: `it_level_size`. */
  readonly levelSize: TceCount;
  readonly allocatedBytes: Bytes;
  /** Groups that have it, the newest first: `it_group_list`. */
  readonly groups: readonly GroupId[];
  /** The entries as the hardware reads them, as many as the tree can hold. */
  readonly hardware: TceTable;
  readonly hardwareLevels: LevelPages;
  /** The userspace address of each entry; null for a table of the host. */
  readonly userspace: { readonly slots: TceTable; readonly levels: LevelPages } | null;
  /** Null for a table of VFIO. */
  readonly map: AllocationMap | null;
  /** In the order of tree and place. */
  readonly stray: readonly StrayWord[];
}

/** A driver of the host that uses its DMA API. */
export interface HostDriver {
  readonly dmaMask: bigint;
  /** Whether its DMA goes by the bypass window. */
  readonly bypass: boolean;
}

/** A PCI function as the host's kernel has it. */
export interface HostDevice {
  readonly device: HostDeviceId;
  readonly phb: number;
  readonly pe: number;
  /** `archdata.iommu_table_base`, which the DMA API goes by. */
  readonly tableBase: IommuTableId | null;
  /** `archdata.dma_offset`: what the bypass window adds to a host address. */
  readonly dmaOffset: bigint;
  readonly driver: HostDriver | null;
  /** Of a virtual function: the function that made it. */
  readonly physfn: HostDeviceId | null;
  /** How many virtual functions it can make, and has made. */
  readonly totalVfs: number;
  readonly numVfs: number;
}

/** A function that sits in a slot, whether or not the kernel has it. */
export interface PluggedDevice {
  readonly device: HostDeviceId;
  readonly totalVfs: number;
}

/** A host bridge. */
export interface HostPhb {
  readonly phb: number;
  readonly generation: PhbGeneration;
  readonly m32Base: Bytes;
  readonly pgsizes: bigint;
  /** In the order of their addresses. */
  readonly plugged: readonly PluggedDevice[];
}

/** Of the calls that can be made to fail, those that will, the next one of a name first. */
export interface Failing {
  readonly call: FailNext['call'];
  readonly code: OpalCode;
}

/** What must never happen, and did: kept until the end of the run. */
export interface Accidents {
  /** The DMA API, a device or a user touched a table that had been freed (S-7). */
  readonly useAfterFree: boolean;
  /** An access to a table with an index beyond its size (S-10). */
  readonly outOfBounds: boolean;
  /** The host's DMA API was used for a device that VFIO owns, and did not refuse (S-14). */
  readonly hostDmaWhileOwned: boolean;
}

/** The powernv platform of a host. Each list is in the order of its keys, `failing` in that of its calls. */
export interface PowernvState {
  readonly config: PowernvConfig;
  readonly phbs: readonly HostPhb[];
  readonly pes: readonly Pe[];
  readonly groups: readonly IommuGroup[];
  readonly tables: readonly IommuTable[];
  readonly devices: readonly HostDevice[];
  readonly failing: readonly Failing[];
  readonly accidents: Accidents;
}

export const DISABLED: Tve = { mode: 'DISABLED' };

/** The table of that identity, freed or not. */
export const tableOf = (powernv: PowernvState, id: IommuTableId | null): IommuTable | undefined =>
  powernv.tables.find(({ table }) => table === id);
/** The table of that identity, unless it has been freed. */
export const liveTableOf = (powernv: PowernvState, id: IommuTableId | null): IommuTable | undefined =>
  powernv.tables.find(({ table, mode }) => table === id && mode === 'live');
export const groupOf = (powernv: PowernvState, id: GroupId): IommuGroup | undefined =>
  powernv.groups.find(({ group }) => group === id);
export const deviceOf = (powernv: PowernvState, id: HostDeviceId): HostDevice | undefined =>
  powernv.devices.find(({ device }) => device === id);
export const phbOf = (powernv: PowernvState, id: number): HostPhb | undefined =>
  powernv.phbs.find(({ phb }) => phb === id);
/** A group is the group of one PE. */
export const peOfGroup = (powernv: PowernvState, id: GroupId): Pe | undefined =>
  powernv.pes.find(({ group }) => group === id);
export const peOfDevice = (powernv: PowernvState, { phb, pe }: HostDevice): Pe | undefined =>
  powernv.pes.find((each) => each.phb === phb && each.pe === pe);
/** The devices of a PE, in the order of their addresses. */
export const devicesOfPe = (powernv: PowernvState, { phb, pe }: Pe): readonly HostDevice[] =>
  powernv.devices.filter((device) => device.phb === phb && device.pe === pe);

/** A list with one item put in its place, in the order of the keys. */
function placed<Item>(list: readonly Item[], item: Item, order: (a: Item, b: Item) => number): Item[] {
  const at = list.findIndex((each) => order(each, item) >= 0);
  if (at < 0) return [...list, item];
  return order(list[at]!, item) === 0 ? list.with(at, item) : list.toSpliced(at, 0, item);
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const withIommuTable = (powernv: PowernvState, table: IommuTable): PowernvState => ({
  ...powernv,
  tables: placed(powernv.tables, table, (a, b) => a.table - b.table),
});
export const withGroup = (powernv: PowernvState, group: IommuGroup): PowernvState => ({
  ...powernv,
  groups: placed(powernv.groups, group, (a, b) => a.group - b.group),
});
export const withPe = (powernv: PowernvState, pe: Pe): PowernvState => ({
  ...powernv,
  pes: placed(powernv.pes, pe, (a, b) => a.phb - b.phb || a.pe - b.pe),
});
export const withDevice = (powernv: PowernvState, device: HostDevice): PowernvState => ({
  ...powernv,
  devices: placed(powernv.devices, device, (a, b) => byText(a.device, b.device)),
});
export const withAccident = (powernv: PowernvState, accident: keyof Accidents): PowernvState =>
  powernv.accidents[accident]
    ? powernv
    : { ...powernv, accidents: { ...powernv.accidents, [accident]: true } };

/** Whether something still names a table, so that its identity cannot go to another. */
export const isNamed = (powernv: PowernvState, id: IommuTableId): boolean =>
  powernv.devices.some(({ tableBase }) => tableBase === id) ||
  powernv.pes.some(({ tves }) => tves.some((tve) => tve.mode === 'TCE' && tve.table === id));

/** The state without the freed tables that nothing names any more. */
export function withoutForgotten(powernv: PowernvState): PowernvState {
  const forgotten = ({ mode, table }: IommuTable): boolean => mode === 'freed' && !isNamed(powernv, table);
  if (!powernv.tables.some(forgotten)) return powernv;
  return { ...powernv, tables: powernv.tables.filter((table) => !forgotten(table)) };
}
