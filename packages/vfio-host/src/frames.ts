import type {
  Bytes,
  GroupId,
  HardwareRun,
  Hpa,
  Ioba,
  IommuPageShift,
  IommuTableFacts,
  LevelCount,
  ProcessId,
  TceCount,
  TceIndex,
  Ua,
} from '@spapr-dma/protocol';
import type { Rc } from './answers.js';
import type { ContainerId, GroupFacts, MmId, RegionId, VfioFile } from './objects.js';

/** Entries of a table, by the index of the first. */
export interface Span {
  readonly index: TceIndex;
  readonly count: TceCount;
}

/** A function of the kernel in the middle of its work; `at` is where. */
interface At<Fn extends string, Place extends string> {
  readonly fn: Fn;
  readonly at: 'entered' | Place;
}
/** One that works on a container, and whose locked_vm it charges; null for nobody's. */
interface OnContainer<Fn extends string, Place extends string> extends At<Fn, Place> {
  readonly container: ContainerId;
  readonly mm: MmId | null;
}

/** VFIO_GROUP_GET_STATUS of a group that is in no container. */
export interface GetStatusFrame extends At<'vfio_group_ioctl_get_status', 'readingGroup'> {
  readonly group: GroupId;
}
/** VFIO_GROUP_SET_CONTAINER. */
export interface AttachContainerFrame
  extends OnContainer<'vfio_container_attach_group', 'claimingOwner' | 'attaching' | 'releasingOwner'> {
  readonly group: GroupId;
  readonly rc: Rc;
}
/** VFIO_SET_IOMMU, with the groups that are still to be attached. */
export interface SetIommuFrame
  extends OnContainer<'vfio_ioctl_set_iommu', 'attaching' | 'detaching' | 'releasing'> {
  readonly groups: readonly GroupId[];
  readonly rc: Rc;
}
export interface AttachGroupFrame
  extends OnContainer<
    'tce_iommu_attach_group',
    | 'readingGroup'
    | 'takingOwnership'
    | 'creatingDefaultWindow'
    | 'settingWindow'
    | 'unsettingWindow'
    | 'releasingOwnership'
  > {
  readonly group: GroupId;
  readonly facts: GroupFacts | null;
  readonly num: 0 | 1 | 2;
  readonly rc: Rc;
}
/** VFIO_GROUP_UNSET_CONTAINER, and whatever else takes a group out of its container. */
export interface DetachContainerFrame
  extends OnContainer<'vfio_group_detach_container', 'detaching' | 'releasingOwner' | 'releasing'> {
  readonly group: GroupId;
}
export interface DetachGroupFrame
  extends OnContainer<'tce_iommu_detach_group', 'clearing' | 'unsettingWindow' | 'releasingOwnership'> {
  readonly group: GroupId;
  readonly num: 0 | 1 | 2;
}
export interface ReleaseFrame extends OnContainer<'tce_iommu_release', 'clearing' | 'freeingTable'> {
  readonly num: 0 | 1 | 2;
}
/** The files that are still to be released, and for whom. */
export interface ReleaseFilesFrame extends At<'release_files', 'waitingForMutex' | 'detaching'> {
  readonly files: readonly VfioFile[];
  readonly caller: ProcessId | null;
}
/** vfio-pci gives a device up. */
export interface UnbindFrame extends At<'vfio_pci_remove', 'detaching'> {
  readonly device: string;
}

/** What a window is to be. */
export interface WindowRequest {
  readonly pageShift: IommuPageShift;
  readonly windowSize: Bytes;
  readonly levels: LevelCount;
}
export interface DefaultWindowFrame extends OnContainer<'tce_iommu_create_default_window', 'creating'> {}
export interface CreateWindowFrame
  extends OnContainer<
    'tce_iommu_create_window',
    'sizingTable' | 'creatingTable' | 'settingWindow' | 'unsettingWindow' | 'freeingTable'
  > {
  readonly request: WindowRequest;
  /** All groups that get the window, the newest first; of these `next` is whose turn it is. */
  readonly groups: readonly GroupFacts[];
  readonly next: number;
  readonly num: 0 | 1;
  readonly chargedPages: number;
  readonly facts: IommuTableFacts | null;
  readonly rc: Rc;
}
/** VFIO_IOMMU_SPAPR_TCE_CREATE behind its checks. */
export interface TceCreateFrame extends OnContainer<'tce_create', 'creatingDefaultWindow' | 'creating'> {
  readonly request: WindowRequest;
}
/** VFIO_IOMMU_SPAPR_TCE_REMOVE behind its checks. */
export interface TceRemoveFrame
  extends OnContainer<'tce_iommu_remove_window', 'clearing' | 'unsettingWindow' | 'freeingTable'> {
  readonly num: 0 | 1;
  readonly facts: IommuTableFacts;
  readonly chargedPages: number;
  readonly groups: readonly GroupId[];
  readonly cleared: boolean;
}

/** VFIO_IOMMU_MAP_DMA behind its first checks. */
export interface MapDmaFrame extends OnContainer<'map_dma', 'creatingDefaultWindow' | 'building'> {
  readonly flags: number;
  readonly vaddr: Ua;
  readonly iova: Ioba;
  readonly size: Bytes;
}
export interface UnmapDmaFrame extends OnContainer<'unmap_dma', 'creatingDefaultWindow' | 'clearing'> {
  readonly iova: Ioba;
  readonly size: Bytes;
}
/** Entries that are written, the first `done` of them already. */
interface Building {
  readonly facts: IommuTableFacts;
  readonly span: Span;
  readonly ua: Ua;
  readonly perm: number;
  readonly done: number;
  /** How many are being written, and what was found for them: where they lie, or why they cannot be mapped. */
  readonly count: number;
  readonly hpa: Hpa | null;
  readonly rc: Rc;
}
export interface BuildFrame
  extends OnContainer<
      'tce_iommu_build_v2',
      | 'readingSlot'
      | 'exchanging'
      | 'readingOldSlot'
      | 'forgettingSlot'
      | 'writingSlot'
      | 'clearing'
      | 'killing'
    >,
    Building {
  readonly region: RegionId | null;
  /** Whether the entry behind the written ones could not be exchanged, and so gives back what its slot names. */
  readonly failed: boolean;
  /** Entries that were replaced, and then slots that are to be emptied. */
  readonly old: readonly HardwareRun[];
  readonly slots: readonly Span[];
}
export interface BuildV1Frame
  extends OnContainer<'tce_iommu_build', 'exchanging' | 'clearing' | 'killing'>,
    Building {}
export interface ClearFrame
  extends OnContainer<'tce_iommu_clear', 'exchanging' | 'readingSlot' | 'forgettingSlot' | 'killing'> {
  readonly facts: IommuTableFacts;
  readonly span: Span;
  /** The entry that is next. */
  readonly next: number;
  readonly old: readonly HardwareRun[];
  readonly slots: readonly Span[];
}

export type Frame =
  | GetStatusFrame
  | AttachContainerFrame
  | SetIommuFrame
  | AttachGroupFrame
  | DetachContainerFrame
  | DetachGroupFrame
  | ReleaseFrame
  | ReleaseFilesFrame
  | UnbindFrame
  | DefaultWindowFrame
  | CreateWindowFrame
  | TceCreateFrame
  | TceRemoveFrame
  | MapDmaFrame
  | UnmapDmaFrame
  | BuildFrame
  | BuildV1Frame
  | ClearFrame;
