import type {
  Bytes,
  Fd,
  GroupId,
  HostPageCount,
  Hpa,
  IommuTableFacts,
  ProcessId,
  TableGroupFacts,
  Ua,
  Vma,
} from '@spapr-dma/protocol';

/** An address space, by the lowest number that was free. */
export type MmId = number;
/** A registered region, by the lowest number that was free in its address space. */
export type RegionId = number;
/** A container, by the lowest number that was free. */
export type ContainerId = number;

/** Registered memory that lies in one piece in the host, of pages of one size. */
export interface RegionPiece {
  readonly ua: Ua;
  readonly bytes: Bytes;
  readonly hpa: Hpa;
  readonly pageShift: number;
}

/** Preregistered memory: the kernel's `mm_iommu_table_group_mem_t`. */
export interface Region {
  readonly region: RegionId;
  readonly ua: Ua;
  readonly entries: HostPageCount;
  /** Holders: registrations, and calls that have looked it up. */
  readonly used: number;
  /** 1 with no TCE, 1 + n with n TCEs that point into it. */
  readonly mapped: number;
  /** log2 of the largest IOMMU page that it may be mapped with. */
  readonly pageShift: number;
  /** What was pinned, by address. Later changes of the process's memory do not reach it. */
  readonly pieces: readonly RegionPiece[];
}

/** An address space. Containers keep it when its process has gone. */
export interface Mm {
  readonly mm: MmId;
  readonly process: ProcessId;
  /**
   * `alive` while its process is; `exited` while only containers hold it; `leaked` when nothing holds it and
   * regions are left, whose pages are then never unpinned.
   */
  readonly mode: 'alive' | 'exited' | 'leaked';
  /** locked_vm. */
  readonly lockedPages: number;
  /** RLIMIT_MEMLOCK; null for no limit. */
  readonly memlock: Bytes | null;
  readonly capIpcLock: boolean;
  /** By address; they never overlap. */
  readonly vmas: readonly Vma[];
  readonly regions: readonly Region[];
  /** Pages that v1 has pinned, once for each TCE. */
  readonly pinnedPages: number;
}

/** An open file. Two descriptors may name the same one. */
export type VfioFile =
  | { readonly kind: 'container'; readonly container: ContainerId }
  | { readonly kind: 'group'; readonly group: GroupId }
  /** `file` tells the openings of a device apart: the lowest number that was free. */
  | { readonly kind: 'device'; readonly group: GroupId; readonly device: string; readonly file: number };

export interface OpenFd {
  readonly fd: Fd;
  readonly file: VfioFile;
}

export interface Process {
  readonly process: ProcessId;
  readonly mm: MmId;
  /** By number. */
  readonly fds: readonly OpenFd[];
  /** Devices whose regions it has mapped, which keeps their files: in the order of `file`, once for each mapping. */
  readonly maps: readonly VfioFile[];
}

/** What VFIO may use of an IOMMU group. */
export interface VfioGroup {
  readonly group: GroupId;
  /** Devices that vfio-pci is bound to, in the order of their addresses. Without any, there is no `/dev/vfio/N`. */
  readonly devices: readonly string[];
  readonly container: ContainerId | null;
}

/** What a table group is and does not change: all of its facts but the tables. */
export type GroupFacts = Omit<TableGroupFacts, 'tables' | 'claimed'>;

/** A window of a container, with the host pages that were charged for it. */
export interface ContainerWindow {
  readonly facts: IommuTableFacts;
  readonly chargedPages: number;
}

/** What the SPAPR TCE driver knows of a container: the kernel's `tce_container`. */
export interface TceContainer {
  /** `opening` while SET_IOMMU attaches the groups: no call of the driver reaches it before it is `open`. */
  readonly mode: 'opening' | 'open';
  readonly version: 'v1' | 'v2';
  /** v1: after ENABLE. v2: after the first REGISTER_MEMORY. */
  readonly enabled: boolean;
  /** Nobody is owed one before the first group is attached. */
  readonly defaultWindow: DefaultWindowMode;
  /** What ENABLE charged, in host pages. */
  readonly lockedPages: number;
  /** The first process's that used it; nobody else may. Null before, and always where the caller's is charged. */
  readonly mm: MmId | null;
  /** By window number. */
  readonly windows: readonly [ContainerWindow | null, ContainerWindow | null];
  /** The newest first. */
  readonly groups: readonly GroupFacts[];
  /** Regions that were registered through it, the newest first. */
  readonly preregs: readonly RegionId[];
}
export type DefaultWindowMode = 'none' | 'pending' | 'created' | 'cancelled';

/** A container. It goes when its file is closed and no group is in it. */
export interface Container {
  readonly container: ContainerId;
  /** The newest first. */
  readonly groups: readonly GroupId[];
  /** Null before SET_IOMMU, and again once the last group has left. */
  readonly iommu: TceContainer | null;
}

/** A region that has ended, whose pages stay pinned until nobody can be reading of it any more. */
export interface FreeingRegion {
  readonly mm: MmId;
  readonly region: RegionId;
  readonly entries: HostPageCount;
}
