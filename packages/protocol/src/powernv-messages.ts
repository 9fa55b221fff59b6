import type { Errno, OpalCode } from './codes.js';
import type { Call } from './message.js';
import type { Bytes, Hpa, Ioba, IommuPageShift, LevelCount, TceCount, TceIndex, Ua } from './units.js';

/** An IOMMU group of the host, by number. */
export type GroupId = number;
/** A hardware table, by the identity the machine gave it. */
export type IommuTableId = number;
/** Which of a PE's two windows. */
export type TveNumber = 0 | 1;
/** A PCI function of the host, by its address such as `0001:01:00.0`. */
export type HostDeviceId = string;

type FromVfio<Type extends string> = Call<Type, 'vfio-host', 'powernv-ioda2'>;

/** Since linux-6.4: VFIO becomes the owner, which takes the group from the host device by device. */
export interface IommuGroupClaimDmaOwner extends FromVfio<'iommu_group_claim_dma_owner'> {
  readonly group: GroupId;
}
export interface IommuGroupReleaseDmaOwner extends FromVfio<'iommu_group_release_dma_owner'> {
  readonly group: GroupId;
}
/** Until linux-6.3: the driver takes the group and gives it back, once for the whole group. */
export interface TakeOwnership extends FromVfio<'take_ownership'> {
  readonly group: GroupId;
}
export interface ReleaseOwnership extends FromVfio<'release_ownership'> {
  readonly group: GroupId;
}
/** Bytes a table of this shape takes; 0 where the shape is invalid. */
export interface GetTableSize extends FromVfio<'get_table_size'> {
  readonly group: GroupId;
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
/** Reads what a group is and which tables it has. */
export interface TableGroupRead extends Call<'table_group_read', 'kvm' | 'vfio-host', 'powernv-ioda2'> {
  readonly group: GroupId;
}
/** Takes a reference on a table unless it is being freed; `ok` false then. */
export interface IommuTceTableGet extends Call<'iommu_tce_table_get', 'kvm' | 'vfio-host', 'powernv-ioda2'> {
  readonly table: IommuTableId;
}
/** Drops one; the last one frees the table. */
export interface IommuTceTablePut extends Call<'iommu_tce_table_put', 'kvm' | 'vfio-host', 'powernv-ioda2'> {
  readonly table: IommuTableId;
}
export type TableGroupOp =
  | IommuGroupClaimDmaOwner
  | IommuGroupReleaseDmaOwner
  | TakeOwnership
  | ReleaseOwnership
  | GetTableSize
  | CreateTable
  | SetWindow
  | UnsetWindow
  | TableGroupRead
  | IommuTceTableGet
  | IommuTceTablePut;

/** What a hardware table is, as its users read it. */
export interface IommuTableFacts {
  readonly table: IommuTableId;
  readonly pageShift: IommuPageShift;
  /** Start and size in IOMMU pages: `it_offset`, `it_size`. */
  readonly offset: bigint;
  readonly size: TceCount;
  readonly levels: LevelCount;
  /** `it_allocated_size`: the bytes that were charged. */
  readonly allocatedBytes: Bytes;
}
export interface TableGroupFacts {
  readonly group: GroupId;
  readonly dma32Start: Ioba;
  readonly dma32Size: Bytes;
  readonly pgsizes: bigint;
  readonly maxDynamicWindows: number;
  readonly maxLevels: LevelCount;
  /** Names the code behind the group: only groups of one kind share a container. */
  readonly ops: string;
  readonly tables: readonly [IommuTableFacts | null, IommuTableFacts | null];
  /** Whether somebody owns the group already: VFIO, or a driver of the host that is bound to a device of it. */
  readonly claimed?: boolean;
}

export interface TableGroupReturn extends Call<'table-group-return', 'powernv-ioda2', 'kvm' | 'vfio-host'> {
  readonly call: TableGroupOp['type'];
  readonly result:
    | {
        readonly ok: true;
        /** Of create_table. */
        readonly table: IommuTableFacts | null;
        /** Of get_table_size. */
        readonly bytes: Bytes | null;
        /** Of table_group_read; null there means that the group has no data. */
        readonly facts: TableGroupFacts | null;
      }
    | { readonly ok: false; readonly code: Errno | OpalCode };
}

/** Atomic accesses to hardware tables and their userspace view, by KVM and VFIO. */
type OnTable<Type extends string> = Call<Type, 'kvm' | 'vfio-host', 'powernv-ioda2'> & {
  readonly table: IommuTableId;
};
/**
 * Exchanges hardware TCEs for `hpa + i * page | perm`, i below `count`, and answers with the old ones. One
 * entry an access in models that search interleavings; perm 0 with hpa 0 clears.
 */
export type TceXchg = OnTable<'tce_xchg'> & {
  readonly index: TceIndex;
  readonly count: TceCount;
  readonly hpa: Hpa;
  /** READ 1, WRITE 2. */
  readonly perm: number;
};
/** Reads userspace slots; `alloc` brings missing levels of the view in. */
export type UserspaceSlotRead = OnTable<'userspace_slot_read'> & {
  readonly index: TceIndex;
  readonly count: TceCount;
  readonly alloc: boolean;
};
/** Writes `ua + i * page` into userspace slots; null empties them. */
export type UserspaceSlotWrite = OnTable<'userspace_slot_write'> & {
  readonly index: TceIndex;
  readonly count: TceCount;
  readonly ua: Ua | null;
};
/** Invalidates the PHB's TCE cache for a range of pages, in every PE that has the table. */
export type TceKill = OnTable<'tce_kill'> & { readonly index: TceIndex; readonly pages: TceCount };
export type TableAccess = TceXchg | UserspaceSlotRead | UserspaceSlotWrite | TceKill;

/** Hardware TCEs that are not 0: entry `index + i` holds `hpa + i * page` with these rights. */
export interface HardwareRun {
  readonly index: TceIndex;
  readonly count: TceCount;
  readonly hpa: Hpa;
  readonly perm: number;
}
/** Userspace slots that are not empty: slot `index + i` holds `ua + i * page`. */
export interface UserspaceRun {
  readonly index: TceIndex;
  readonly count: TceCount;
  readonly ua: Ua;
}
export interface TableAccessReturn extends Call<'table-access-return', 'powernv-ioda2', 'kvm' | 'vfio-host'> {
  readonly call: TableAccess['type'];
  /** Of tce_xchg: how many were exchanged before one could not be; then `ok` is false. */
  readonly done: TceCount;
  readonly ok: boolean;
  /** Of tce_xchg: what stood there. */
  readonly old: readonly HardwareRun[];
  /**
   * Of userspace_slot_read: what stands there, in all of the range; `ok` is false where a level is missing, and
   * `done` tells how many slots stand before the first such place.
   */
  readonly slots: readonly UserspaceRun[];
  /** Of a tce_xchg that clears: entries of the range whose levels are allocated; the others were stepped over. */
  readonly walked?: TceCount;
}

/** What the host does with its own devices and drivers. */
type FromHost<Type extends string> = Call<Type, 'environment', 'powernv-ioda2'>;
/** Binds a driver that uses the host's DMA API; refused (EBUSY) while VFIO owns the group. */
export interface BindDriver extends FromHost<'bind-driver'> {
  readonly device: HostDeviceId;
  readonly dmaMask: bigint;
}
export interface UnbindDriver extends FromHost<'unbind-driver'> {
  readonly device: HostDeviceId;
}
/** The host's DMA API: by the bypass window where mask and platform allow it, else through the table base. */
export interface HostDmaMap extends FromHost<'dma_map'> {
  readonly device: HostDeviceId;
  readonly hpa: Hpa;
  readonly bytes: Bytes;
}
export interface HostDmaUnmap extends FromHost<'dma_unmap'> {
  readonly device: HostDeviceId;
  readonly address: Ioba;
  readonly bytes: Bytes;
}
/** Takes a device out of the host (`remove` in sysfs), and looks for devices again (`rescan`). */
export interface RemoveDevice extends FromHost<'remove-device'> {
  readonly device: HostDeviceId;
}
export interface RescanBus extends FromHost<'rescan'> {
  readonly phb: number;
}
/** Makes virtual functions, each a PE of its own, or takes them away. */
export interface SriovNumVfs extends FromHost<'sriov_numvfs'> {
  readonly device: HostDeviceId;
  readonly count: number;
}
/** The next call of that name fails so: how an environment makes firmware and allocations fail. */
export interface FailNext extends FromHost<'fail-next'> {
  readonly call:
    | 'opal_pci_map_pe_dma_window'
    | 'opal_pci_map_pe_dma_window_real'
    | 'create_table'
    | 'userspace_slot_alloc'
    | 'tce_level_alloc';
  readonly code: OpalCode;
}
export type HostCall =
  | BindDriver
  | UnbindDriver
  | HostDmaMap
  | HostDmaUnmap
  | RemoveDevice
  | RescanBus
  | SriovNumVfs
  | FailNext;
export interface HostReturn extends Call<'host-return', 'powernv-ioda2', 'environment'> {
  readonly call: HostCall['type'];
  readonly result:
    | {
        readonly ok: true;
        readonly address: Ioba | null;
        /** Set where the DMA API worked on a table that had been freed (B-10). */
        readonly freedTable?: IommuTableId;
      }
    | { readonly ok: false; readonly errno: Errno };
}

/** A device's access on the bus. Bit 59 of the address selects the TVE. */
export interface HostDeviceDma extends FromHost<'host-device-dma'> {
  readonly device: HostDeviceId;
  readonly address: Ioba;
  readonly bytes: number;
  readonly access: 'read' | 'write';
  /**
   * Whether the PHB has in its TCE cache what an entry was before it was exchanged and not yet killed. It may;
   * unless told otherwise, it has.
   */
  readonly cache?: 'hit' | 'miss';
}
/** Where one piece of the access went; `frozen` where the PE refused it. */
export interface HostDmaPiece {
  readonly address: Ioba;
  readonly bytes: number;
  readonly hpa: Hpa | null;
  readonly outcome: 'ram' | 'frozen';
  /** What let it through; null where nothing did. */
  readonly through: 'bypass' | 'table' | 'cache' | 'freed table' | null;
  /** Why it was refused; empty where it was not. */
  readonly why: string;
}
export interface HostDmaDone extends Call<'host-dma-done', 'powernv-ioda2', 'environment'> {
  readonly device: HostDeviceId;
  readonly pieces: readonly HostDmaPiece[];
}

/** Calls into OPAL and the PHB, for whoever listens. `tve` is pe * 2 + window number. */
type ToHardware<Type extends string> = Call<Type, 'powernv-ioda2', 'environment'> & {
  readonly phb: number;
  readonly pe: number;
  readonly code: OpalCode;
};
/** Programs a TVE; all fields 0 disable it. */
export type OpalMapPeDmaWindow = ToHardware<'opal_pci_map_pe_dma_window'> & {
  readonly tve: number;
  readonly levels: number;
  /** Abstraction: tables have no address in host memory, their identity stands for it. */
  readonly table: IommuTableId | null;
  readonly topLevelBytes: Bytes;
  readonly pageBytes: Bytes;
};
/** Programs the bypass window at 2^59; size 0 disables it. */
export type OpalMapPeDmaWindowReal = ToHardware<'opal_pci_map_pe_dma_window_real'> & {
  readonly tve: number;
  readonly start: bigint;
  readonly size: Bytes;
};
/** PHB4 and newer: kills cached TCEs by page or for the whole PE. */
export type OpalTceKill = ToHardware<'opal_pci_tce_kill'> & {
  readonly kind: 'PAGES' | 'PE';
  readonly start: bigint;
  readonly pages: TceCount;
};
/** PHB3: one store to the invalidation register for each page, or one for the PE. */
export type Phb3TceKill = ToHardware<'tce_kill_register'> & {
  readonly kind: 'ONE' | 'PE';
  readonly start: bigint;
  /** Stores that were made. */
  readonly writes: number;
};
export type OpalCall = OpalMapPeDmaWindow | OpalMapPeDmaWindowReal | OpalTceKill | Phb3TceKill;
