import type { Errno, OpalCode } from './codes.js';
import type { Call } from './message.js';
import type { Bytes, Hpa, IommuPageShift, LevelCount, TceCount, TceIndex, Ua } from './units.js';

/** An IOMMU group of the host, by number. */
export type GroupId = number;
/** A hardware table, by the identity the machine gave it. */
export type IommuTableId = number;
/** Which of a PE's two windows. */
export type TveNumber = 0 | 1;

type FromVfio<Type extends string> = Call<Type, 'vfio-host', 'powernv-ioda2'>;

/** Bytes a table of this shape takes; 0 where the shape is invalid. */
export interface GetTableSize extends FromVfio<'get_table_size'> {
  readonly pageShift: IommuPageShift;
  readonly windowSize: Bytes;
  readonly levels: LevelCount;
}
export interface CreateTable extends FromVfio<'create_table'> {
  readonly group: GroupId;
  readonly num: TveNumber;
  readonly pageShift: IommuPageShift;
  readonly windowSize: Bytes;
  readonly levels: LevelCount;
}
export interface SetWindow extends FromVfio<'set_window'> {
  readonly group: GroupId;
  readonly num: TveNumber;
  readonly table: IommuTableId;
}
export interface UnsetWindow extends FromVfio<'unset_window'> {
  readonly group: GroupId;
  readonly num: TveNumber;
}
/** VFIO takes the group; since linux-6.4 once for each device, in the group's order. */
export interface TakeOwnership extends FromVfio<'take_ownership'> {
  readonly group: GroupId;
  readonly device: string | null;
}
export interface ReleaseOwnership extends FromVfio<'release_ownership'> {
  readonly group: GroupId;
  readonly device: string | null;
}
export type TableGroupOp =
  | GetTableSize
  | CreateTable
  | SetWindow
  | UnsetWindow
  | TakeOwnership
  | ReleaseOwnership;

export interface TableGroupReturn extends Call<'table-group-return', 'powernv-ioda2', 'vfio-host'> {
  readonly call: TableGroupOp['type'];
  readonly result:
    | { readonly ok: true; readonly table: IommuTableId | null; readonly bytes: Bytes | null }
    | { readonly ok: false; readonly code: Errno | OpalCode };
}

/** Atomic accesses to hardware tables and their userspace view, by KVM and VFIO. */
type OnTable<Type extends string> = Call<Type, 'kvm' | 'vfio-host', 'powernv-ioda2'> & {
  readonly table: IommuTableId;
};
/** Exchanges one hardware TCE and answers with the old one. */
export type TceXchg = OnTable<'tce_xchg'> & {
  readonly index: TceIndex;
  readonly hpa: Hpa;
  readonly perm: number;
};
export type UserspaceSlotRead = OnTable<'userspace_slot_read'> & { readonly index: TceIndex };
export type UserspaceSlotWrite = OnTable<'userspace_slot_write'> & {
  readonly index: TceIndex;
  readonly ua: Ua;
};
/** Invalidates the PHB's TCE cache for a range of pages. */
export type TceKill = OnTable<'tce_kill'> & { readonly index: TceIndex; readonly pages: TceCount };
export type TableAccess = TceXchg | UserspaceSlotRead | UserspaceSlotWrite | TceKill;

export interface TableAccessReturn extends Call<'table-access-return', 'powernv-ioda2', 'kvm' | 'vfio-host'> {
  readonly call: TableAccess['type'];
  readonly old: { readonly hpa: Hpa; readonly perm: number } | null;
  readonly ua: Ua | null;
}

/** Lookups in the list of registered memory, which vfio-host owns. */
type OnMemory<Type extends string> = Call<Type, 'kvm' | 'vfio-host', 'vfio-host'>;
export type MmIommuLookup = OnMemory<'mm_iommu_lookup'> & { readonly ua: Ua; readonly size: Bytes };
export type UaToHpa = OnMemory<'ua_to_hpa'> & {
  readonly region: number;
  readonly ua: Ua;
  readonly pageShift: IommuPageShift;
};
export type MappedInc = OnMemory<'mapped_inc'> & { readonly region: number };
export type MappedDec = OnMemory<'mapped_dec'> & { readonly region: number };
export type MemoryAccess = MmIommuLookup | UaToHpa | MappedInc | MappedDec;
export interface MemoryAccessReturn extends Call<'memory-access-return', 'vfio-host', 'kvm' | 'vfio-host'> {
  readonly call: MemoryAccess['type'];
  readonly region: number | null;
  readonly hpa: Hpa | null;
  readonly ok: boolean;
}

/** Calls into OPAL and the PHB. `tve` is pe * 2 + window number. */
type ToHardware<Type extends string> = Call<Type, 'powernv-ioda2', 'environment'> & {
  readonly phb: number;
  readonly pe: number;
};
/** Programs a TVE; all fields 0 disable it. */
export type OpalMapPeDmaWindow = ToHardware<'opal_pci_map_pe_dma_window'> & {
  readonly tve: number;
  readonly levels: number;
  readonly tableHpa: Hpa;
  readonly topLevelBytes: Bytes;
  readonly pageBytes: Bytes;
};
/** Programs the bypass window at 2^59; size 0 disables it. */
export type OpalMapPeDmaWindowReal = ToHardware<'opal_pci_map_pe_dma_window_real'> & {
  readonly tve: number;
  readonly start: bigint;
  readonly size: Bytes;
};
/** PHB4 and newer: kills cached TCEs by page or for the whole PE. PHB3 has a register instead. */
export type OpalTceKill = ToHardware<'opal_pci_tce_kill'> & {
  readonly kind: 'PAGES' | 'PE';
  readonly start: bigint;
  readonly pages: TceCount;
};
export type OpalCall = OpalMapPeDmaWindow | OpalMapPeDmaWindowReal | OpalTceKill;
export interface OpalReturn extends Call<'opal-return', 'environment', 'powernv-ioda2'> {
  readonly call: OpalCall['type'];
  readonly code: OpalCode;
}
