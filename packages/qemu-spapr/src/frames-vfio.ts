import type {
  Fd,
  GroupId,
  Liobn,
  TceIndex,
  VfioPciDevice,
  VfioSpaprInfo,
  ViewRun,
} from '@spapr-dma/protocol';
import type { Giommu, RamSection, Section } from './vfio-state.js';

/** Tells every listener of an address space what went and what came, one listener and one section at a time. */
export interface UpdateTopologyFrame {
  readonly fn: 'address_space_update_topology';
  readonly at: 'begin' | 'told';
  /** What is still to be told. */
  readonly jobs: readonly TopologyJob[];
}
export type TopologyJob =
  | { readonly tell: 'region_add' | 'region_del'; readonly containerFd: Fd; readonly section: Section }
  | { readonly tell: 'ram_add' | 'ram_del'; readonly containerFd: Fd; readonly section: RamSection };

/** A container hears of a section of its address space; for a window: makes it, attaches it, listens to it. */
export interface RegionAddFrame {
  readonly fn: 'vfio_listener_region_add';
  readonly at:
    | 'begin'
    | 'creatingWindow'
    | 'removingMisplacedWindow'
    | 'attachingGroup'
    | 'needSet'
    | 'replaying';
  readonly containerFd: Fd;
  readonly section: Section;
  /** The hardware window's pages; the number of levels that is being tried, and the last one to try. */
  readonly pageShift: number;
  readonly levels: number;
  readonly levelsMax: number;
  /** Where the host put the window. */
  readonly startAddr: bigint;
  /** Groups that KVM is still to be told of. */
  readonly groups: readonly GroupId[];
}

/** Ties one group to the view of a window in KVM. Returns '' or what KVM answered. */
export interface AttachGroupFrame {
  readonly fn: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE';
  readonly at: 'begin' | 'settingSpaprTce';
  readonly group: GroupId;
  readonly liobn: Liobn;
}

/** A container hears that a section goes. */
export interface RegionDelFrame {
  readonly fn: 'vfio_listener_region_del';
  readonly at: 'begin' | 'unregisteredNotifier' | 'unmappingWindow' | 'removingWindow';
  readonly containerFd: Fd;
  readonly section: Section;
}

/** Maps for a new notifier what a window holds. */
export interface ReplayFrame {
  readonly fn: 'spapr_tce_replay';
  readonly at:
    | 'begin'
    | 'pausingVcpus'
    | 'loadingView'
    | 'nextEntry'
    | 'pausingForEntry'
    | 'loadingEntry'
    | 'mapped'
    | 'resumingAfterEntry'
    | 'resumingVcpus';
  readonly containerFd: Fd;
  readonly liobn: Liobn;
  /** Stretches that are looked at: entries known from one bulk read or not (`null`), in the order of their index. */
  readonly runs: readonly ReplayRun[];
  /** Where the replay is: entry `offset` of the first of `runs`. */
  readonly offset: number;
}
/** Known entries, or ones that are yet to be read: `tce` is null. */
export type ReplayRun = Omit<ViewRun, 'tce'> & { readonly tce: bigint | null };

/** Makes the view in KVM that was put off until an entry is written, and ties all groups to it. */
export interface BindViewFrame {
  readonly fn: 'spapr_tce_bind';
  readonly at: 'begin' | 'pausingVcpus' | 'allocated' | 'copied' | 'tied' | 'resumingVcpus';
  readonly liobn: Liobn;
  /** Groups that are still to be tied. */
  readonly groups: readonly GroupId[];
}

/** One notifier hears of one entry. Returns whether the hardware follows. */
export interface MapNotifyFrame {
  readonly fn: 'vfio_iommu_map_notify';
  readonly at: 'begin' | 'mapping' | 'unmappingBusy' | 'mappingAgain' | 'unmapping' | 'unmappingStale';
  readonly containerFd: Fd;
  readonly giommu: Giommu;
  readonly pageShift: number;
  readonly index: TceIndex;
  readonly tce: bigint;
  /** A replay that is KVM's own: what it asks of VFIO costs no system call. */
  readonly inKernel?: true;
}

/** All notifiers of a window hear of one entry. Returns whether the hardware follows everywhere. */
export interface NotifyIommuFrame {
  readonly fn: 'memory_region_notify_iommu';
  readonly at: 'begin' | 'told';
  readonly notifiers: readonly { readonly containerFd: Fd; readonly giommu: Giommu }[];
  readonly pageShift: number;
  readonly index: TceIndex;
  readonly tce: bigint;
  readonly ok: boolean;
}

/** A container hears of guest memory: pins and accounts it, or lets it go. */
export interface PreregFrame {
  readonly fn: 'vfio_prereg_listener_region_add' | 'vfio_prereg_listener_region_del';
  readonly at: 'begin' | 'registeringMemory' | 'unregisteringMemory';
  readonly containerFd: Fd;
  readonly section: RamSection;
}

/** KVM's VFIO device hears of a group. */
export interface KvmDeviceFrame {
  readonly fn: 'vfio_kvm_device_add_group' | 'vfio_kvm_device_del_group';
  readonly at: 'begin' | 'creatingKvmDevice' | 'addingGroup' | 'deletingGroup';
  readonly group: GroupId;
}

/** Puts a group into a container of its address space, a new one where none takes it. Returns '' or what went wrong. */
export interface ConnectContainerFrame {
  readonly fn: 'vfio_connect_container';
  readonly at:
    | 'begin'
    | 'joiningContainer'
    | 'attachingJoined'
    | 'joined'
    | 'openingContainer'
    | 'askingApiVersion'
    | 'checkingExtension'
    | 'settingContainer'
    | 'settingIommu'
    | 'enablingContainer'
    | 'preregistered'
    | 'askingInfo'
    | 'removingDefaultWindow'
    | 'addingToKvm'
    | 'listening'
    | 'addedToKvm'
    | 'unwindingPrereg'
    | 'unwindingKvm'
    | 'unwindingListeners'
    | 'closingContainer';
  readonly group: GroupId;
  readonly phb: number;
  /** Containers of the address space that are still to be tried. */
  readonly candidates: readonly Fd[];
  /** Windows that a group which joined is still to be tied to. */
  readonly windows: readonly Liobn[];
  /** The new container; -1 before it is open. */
  readonly fd: Fd;
  /** IOMMU types that are still to be asked for; the first is the one chosen, once it was found. */
  readonly types: readonly number[];
  readonly info: VfioSpaprInfo | null;
  /** What went wrong; '' while nothing did. */
  readonly error: string;
}

/** Stops a container's listeners: every section goes for it. */
export interface ListenerReleaseFrame {
  readonly fn: 'vfio_listener_release';
  readonly at: 'begin' | 'windowsGone' | 'memoryGone';
  readonly containerFd: Fd;
}

/** Takes a group out of its container, which goes with its last group. */
export interface DisconnectContainerFrame {
  readonly fn: 'vfio_disconnect_container';
  readonly at: 'begin' | 'released' | 'unsettingContainer' | 'closingContainer';
  readonly group: GroupId;
  readonly containerFd: Fd;
}

/** A group, opened and connected where nobody has it yet. Returns '' or what went wrong. */
export interface GetGroupFrame {
  readonly fn: 'vfio_get_group';
  readonly at: 'begin' | 'openingGroup' | 'askingStatus' | 'connected' | 'closingGroup';
  readonly group: GroupId;
  readonly phb: number;
  readonly fd: Fd;
  readonly error: string;
}

/** A group that no device needs any more is given back. */
export interface PutGroupFrame {
  readonly fn: 'vfio_put_group';
  readonly at: 'begin' | 'deletedFromKvm' | 'disconnected' | 'closingGroup';
  readonly group: GroupId;
}

/** A host function becomes the guest's. Returns '' or what went wrong, with everything undone. */
export interface RealizeFrame {
  readonly fn: 'vfio_realize';
  readonly at: 'begin' | 'gotGroup' | 'gettingDevice' | 'undone';
  readonly device: VfioPciDevice;
  readonly error: string;
}

/** A device that has left the guest is closed, and its group with the last one. */
export interface FinalizeFrame {
  readonly fn: 'vfio_instance_finalize';
  readonly at: 'begin' | 'closingDevice' | 'groupPut';
  readonly id: string;
}

/** Asks for one EEH operation on the PEs of an address space. */
export interface EehFrame {
  readonly fn: 'vfio_eeh_as_op';
  readonly at: 'begin' | 'operating';
  readonly phb: number;
  readonly op: number;
}

/** Functions of `hw/vfio`, and of the memory core where it tells them of changes. */
export type VfioFrame =
  | UpdateTopologyFrame
  | RegionAddFrame
  | AttachGroupFrame
  | RegionDelFrame
  | ReplayFrame
  | BindViewFrame
  | MapNotifyFrame
  | NotifyIommuFrame
  | PreregFrame
  | KvmDeviceFrame
  | ConnectContainerFrame
  | ListenerReleaseFrame
  | DisconnectContainerFrame
  | GetGroupFrame
  | PutGroupFrame
  | RealizeFrame
  | FinalizeFrame
  | EehFrame;
