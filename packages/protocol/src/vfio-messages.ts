import type { Errno } from './codes.js';
import type { Fd } from './kvm-messages.js';
import type { Call } from './message.js';
import type { Bytes, Ioba, IommuPageShift, LevelCount, Ua } from './units.js';

type FromQemu<Type extends string> = Call<Type, 'qemu-spapr', 'vfio-host'>;

/** Joins a group to a container, which attaches its PE's tables where the container has some. */
export interface VfioGroupSetContainer extends FromQemu<'VFIO_GROUP_SET_CONTAINER'> {
  readonly groupFd: Fd;
  readonly containerFd: Fd;
}
export interface VfioGroupUnsetContainer extends FromQemu<'VFIO_GROUP_UNSET_CONTAINER'> {
  readonly groupFd: Fd;
}
/** 7 is SPAPR v2, 2 is v1. */
export interface VfioSetIommu extends FromQemu<'VFIO_SET_IOMMU'> {
  readonly containerFd: Fd;
  readonly iommuType: 2 | 7;
}
interface OnContainer<Type extends string> extends FromQemu<Type> {
  readonly containerFd: Fd;
}
export type VfioSpaprTceGetInfo = OnContainer<'VFIO_IOMMU_SPAPR_TCE_GET_INFO'>;
/** v1 only: charges the default window and takes the group into use. */
export type VfioIommuEnable = OnContainer<'VFIO_IOMMU_ENABLE'>;
export type VfioIommuDisable = OnContainer<'VFIO_IOMMU_DISABLE'>;
/** v2 only: pins and accounts [vaddr, vaddr + size) once. */
export interface VfioSpaprRegisterMemory extends OnContainer<'VFIO_IOMMU_SPAPR_REGISTER_MEMORY'> {
  readonly flags: number;
  readonly vaddr: Ua;
  readonly size: Bytes;
}
export interface VfioSpaprUnregisterMemory extends OnContainer<'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY'> {
  readonly flags: number;
  readonly vaddr: Ua;
  readonly size: Bytes;
}
/** Creates a hardware window and answers with its start. */
export interface VfioSpaprTceCreate extends OnContainer<'VFIO_IOMMU_SPAPR_TCE_CREATE'> {
  readonly pageShift: IommuPageShift;
  readonly windowSize: Bytes;
  readonly levels: LevelCount;
  readonly flags: number;
}
export interface VfioSpaprTceRemove extends OnContainer<'VFIO_IOMMU_SPAPR_TCE_REMOVE'> {
  readonly startAddr: Ioba;
  readonly flags: number;
}
/** `flags`: READ 1, WRITE 2. */
export interface VfioIommuMapDma extends OnContainer<'VFIO_IOMMU_MAP_DMA'> {
  readonly flags: number;
  readonly vaddr: Ua;
  readonly iova: Ioba;
  readonly size: Bytes;
}
export interface VfioIommuUnmapDma extends OnContainer<'VFIO_IOMMU_UNMAP_DMA'> {
  readonly flags: number;
  readonly iova: Ioba;
  readonly size: Bytes;
}
export interface VfioEehPeOp extends OnContainer<'VFIO_EEH_PE_OP'> {
  readonly op: number;
}

export type VfioCall =
  | VfioGroupSetContainer
  | VfioGroupUnsetContainer
  | VfioSetIommu
  | VfioSpaprTceGetInfo
  | VfioIommuEnable
  | VfioIommuDisable
  | VfioSpaprRegisterMemory
  | VfioSpaprUnregisterMemory
  | VfioSpaprTceCreate
  | VfioSpaprTceRemove
  | VfioIommuMapDma
  | VfioIommuUnmapDma
  | VfioEehPeOp;

/** What GET_INFO reports. */
export interface VfioSpaprInfo {
  readonly dma32WindowStart: Ioba;
  readonly dma32WindowSize: Bytes;
  readonly ddw: boolean;
  /** Bit n for IOMMU pages of 2^n bytes. */
  readonly pgsizes: bigint;
  readonly maxDynamicWindows: number;
  readonly levels: LevelCount;
}

/** How an ioctl on VFIO ended. A positive number is a code of OPAL that the kernel let through. */
export interface VfioReturn extends Call<'vfio-return', 'vfio-host', 'qemu-spapr'> {
  readonly call: VfioCall['type'];
  readonly result:
    | { readonly ok: true; readonly startAddr: Ioba | null; readonly info: VfioSpaprInfo | null }
    | { readonly ok: false; readonly errno: Errno | number };
}
