import type { Errno } from './codes.js';
import type { Fd } from './kvm-messages.js';
import type { Call } from './message.js';
import type { GroupId } from './powernv-messages.js';
import type { Bytes, Hpa, Ioba, IommuPageShift, LevelCount, Ua } from './units.js';

/** A process of the host: QEMU is `qemu`. Its memory is one mm with one locked_vm. */
export type ProcessId = string;

/** A system call of a process on VFIO's files. */
interface Syscall<Type extends string> extends Call<Type, 'qemu-spapr' | 'environment', 'vfio-host'> {
  readonly process: ProcessId;
}

/** Opens `/dev/vfio/vfio` (a container) or `/dev/vfio/N` (group N). Answers with an fd. */
export interface OpenVfio extends Syscall<'open'> {
  readonly path: string;
}
/** Closes one descriptor; the file goes with its last descriptor and mapping. */
export interface CloseVfioFile extends Syscall<'close'> {
  readonly fd: Fd;
}
/** Maps a device's region, which keeps its file open. */
export interface MmapDevice extends Syscall<'mmap'> {
  readonly fd: Fd;
}
export interface VfioGetApiVersion extends Syscall<'VFIO_GET_API_VERSION'> {
  readonly containerFd: Fd;
}
/** Extension 2 is SPAPR v1, 5 is EEH, 7 is SPAPR v2. Answers 1 or 0. */
export interface VfioCheckExtension extends Syscall<'VFIO_CHECK_EXTENSION'> {
  readonly containerFd: Fd;
  readonly extension: number;
}
/** Answers with flags: VIABLE 1, CONTAINER_SET 2. */
export interface VfioGroupGetStatus extends Syscall<'VFIO_GROUP_GET_STATUS'> {
  readonly groupFd: Fd;
}
/** Joins a group to a container, which attaches its PE's tables where the container has some. */
export interface VfioGroupSetContainer extends Syscall<'VFIO_GROUP_SET_CONTAINER'> {
  readonly groupFd: Fd;
  readonly containerFd: Fd;
}
export interface VfioGroupUnsetContainer extends Syscall<'VFIO_GROUP_UNSET_CONTAINER'> {
  readonly groupFd: Fd;
}
/** Opens a device of a group by its PCI address. Answers with an fd. */
export interface VfioGroupGetDeviceFd extends Syscall<'VFIO_GROUP_GET_DEVICE_FD'> {
  readonly groupFd: Fd;
  readonly device: string;
}
/** 7 is SPAPR v2, 2 is v1. */
export interface VfioSetIommu extends Syscall<'VFIO_SET_IOMMU'> {
  readonly containerFd: Fd;
  readonly iommuType: number;
}
interface OnContainer<Type extends string> extends Syscall<Type> {
  readonly containerFd: Fd;
}
/** An ioctl whose argument block the kernel copies first. */
interface WithBlock<Type extends string> extends OnContainer<Type> {
  /** Bytes the caller says the block has; null for what the interface asks for. */
  readonly argsz: number | null;
  /** Whether the block can be read (and written, where the call answers in it). */
  readonly readable: boolean;
}
export type VfioSpaprTceGetInfo = WithBlock<'VFIO_IOMMU_SPAPR_TCE_GET_INFO'>;
/** v1 only: charges the default window and takes the group into use. */
export type VfioIommuEnable = OnContainer<'VFIO_IOMMU_ENABLE'>;
export type VfioIommuDisable = OnContainer<'VFIO_IOMMU_DISABLE'>;
/** v2 only: pins and accounts [vaddr, vaddr + size) once. */
export interface VfioSpaprRegisterMemory extends WithBlock<'VFIO_IOMMU_SPAPR_REGISTER_MEMORY'> {
  readonly flags: number;
  readonly vaddr: Ua;
  readonly size: Bytes;
}
export interface VfioSpaprUnregisterMemory extends WithBlock<'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY'> {
  readonly flags: number;
  readonly vaddr: Ua;
  readonly size: Bytes;
}
/** Creates a hardware window and answers with its start. */
export interface VfioSpaprTceCreate extends WithBlock<'VFIO_IOMMU_SPAPR_TCE_CREATE'> {
  readonly pageShift: IommuPageShift;
  readonly windowSize: Bytes;
  readonly levels: LevelCount;
  readonly flags: number;
}
/** Removes the window that contains `startAddr`. */
export interface VfioSpaprTceRemove extends WithBlock<'VFIO_IOMMU_SPAPR_TCE_REMOVE'> {
  readonly startAddr: Ioba;
  readonly flags: number;
}
/** `flags`: READ 1, WRITE 2. */
export interface VfioIommuMapDma extends WithBlock<'VFIO_IOMMU_MAP_DMA'> {
  readonly flags: number;
  readonly vaddr: Ua;
  readonly iova: Ioba;
  readonly size: Bytes;
}
export interface VfioIommuUnmapDma extends WithBlock<'VFIO_IOMMU_UNMAP_DMA'> {
  readonly flags: number;
  readonly iova: Ioba;
  readonly size: Bytes;
}
/** An operation on the PEs of a container, by its number in the interface. */
export interface VfioEehPeOp extends WithBlock<'VFIO_EEH_PE_OP'> {
  readonly op: number;
}
/** A number that no ioctl of a container has. */
export interface VfioUnknownIoctl extends OnContainer<'ioctl'> {
  readonly command: number;
}

export type VfioCall =
  | OpenVfio
  | CloseVfioFile
  | MmapDevice
  | VfioGetApiVersion
  | VfioCheckExtension
  | VfioGroupGetStatus
  | VfioGroupSetContainer
  | VfioGroupUnsetContainer
  | VfioGroupGetDeviceFd
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
  | VfioEehPeOp
  | VfioUnknownIoctl;

/** What GET_INFO reports. `ddw` is null where the block had no room for it, or the container is v1. */
export interface VfioSpaprInfo {
  readonly flags: number;
  readonly dma32WindowStart: Ioba;
  readonly dma32WindowSize: Bytes;
  readonly ddw: {
    /** Bit n for IOMMU pages of 2^n bytes. */
    readonly pgsizes: bigint;
    readonly maxDynamicWindows: number;
    readonly levels: LevelCount;
  } | null;
}

/**
 * How a system call on VFIO's files ended. `value` is what it returned: 0, an fd, flags, or one of the
 * positive numbers that some calls return on failure.
 */
export interface VfioReturn extends Call<'vfio-return', 'vfio-host', 'qemu-spapr' | 'environment'> {
  readonly call: VfioCall['type'];
  readonly result:
    | {
        readonly ok: true;
        readonly value: number;
        readonly startAddr: Ioba | null;
        readonly info: VfioSpaprInfo | null;
      }
    | { readonly ok: false; readonly errno: Errno };
}

/** A mapping of a process's address space, as far as VFIO can see it. */
export interface Vma {
  readonly ua: Ua;
  readonly bytes: Bytes;
  readonly access: 'none' | 'read' | 'read-write';
  /** log2 of the pages behind it: the host's page size, or a larger one for hugetlb memory. */
  readonly pageShift: number;
  /** Where it lies in host memory, all of it in one piece. */
  readonly hpa: Hpa;
}
interface OfProcess<Type extends string> extends Call<Type, 'qemu-spapr' | 'environment', 'vfio-host'> {
  readonly process: ProcessId;
}
/** Memory comes into a process; what was at its place goes. Never fails here and has no answer. */
export interface MapMemory extends OfProcess<'map-memory'> {
  readonly vma: Vma;
}
/** Memory leaves a process, or other rights hold for it. No answer. */
export interface UnmapMemory extends OfProcess<'unmap-memory'> {
  readonly ua: Ua;
  readonly bytes: Bytes;
}
export interface ProtectMemory extends OfProcess<'protect-memory'> {
  readonly ua: Ua;
  readonly bytes: Bytes;
  readonly access: Vma['access'];
}
/** RLIMIT_MEMLOCK in bytes, null for no limit, and whether the process has CAP_IPC_LOCK. No answer. */
export interface SetMemlock extends OfProcess<'set-memlock'> {
  readonly limit: Bytes | null;
  readonly capIpcLock: boolean;
}
/** A child with copies of the descriptors and a memory of its own. No answer. */
export interface Fork extends OfProcess<'fork'> {
  readonly child: ProcessId;
}
/** A process ends: its memory goes, then its files: devices before groups, and the highest number first, as recorded. */
export type Exit = OfProcess<'exit'>;
/** vfio-pci gives a device up, whoever holds its group. */
export interface UnbindVfioPci extends Call<'unbind-vfio-pci', 'environment', 'vfio-host'> {
  readonly device: string;
}
/** vfio-pci takes a device of a group, which brings `/dev/vfio/N` with the group's first one. No answer. */
export interface BindVfioPci extends Call<'bind-vfio-pci', 'environment', 'vfio-host'> {
  readonly device: string;
  readonly group: GroupId;
}
/** A process has ended, or vfio-pci has given its device up. */
export interface HostDone extends Call<'host-done', 'vfio-host', 'environment'> {
  readonly call: 'exit' | 'unbind-vfio-pci';
}
export type ProcessEvent =
  | MapMemory
  | UnmapMemory
  | ProtectMemory
  | SetMemlock
  | Fork
  | Exit
  | UnbindVfioPci
  | BindVfioPci;

/** What the kernel asks of VFIO and the preregistered memory of the process whose call is running. */
type FromKvm<Type extends string> = Call<Type, 'kvm', 'vfio-host'>;

/** What is behind a descriptor of the VMM. */
export interface VfioFileLookup extends FromKvm<'vfio_file'> {
  readonly fd: Fd;
}
export interface VfioFileReturn extends Call<'vfio-file-return', 'vfio-host', 'kvm'> {
  readonly file: 'container' | 'group' | 'device' | null;
  readonly group: GroupId | null;
}
/** Charges or releases locked_vm, in host pages. Answered by `memory-access-return`: `ok` false is ENOMEM. */
export interface AccountLockedVm extends FromKvm<'account_locked_vm'> {
  readonly pages: number;
  readonly inc: boolean;
}
/** The region that holds the page of 2^pageShift bytes at `ua` wholly, and how many of `count` pages in a row it holds. */
export interface MmIommuLookup extends FromKvm<'mm_iommu_lookup'> {
  readonly ua: Ua;
  readonly pageShift: IommuPageShift;
  readonly count: number;
}
/**
 * Where a page of a region lies; refused where the region's own page shift is smaller. The answer's `count` tells how
 * many pages from there on lie in a row in host memory.
 */
export interface UaToHpa extends FromKvm<'ua_to_hpa'> {
  readonly region: number;
  readonly ua: Ua;
  readonly pageShift: IommuPageShift;
}
/** Counts `count` more TCEs that point into a region; refused while the region is being released. */
export interface MappedInc extends FromKvm<'mapped_inc'> {
  readonly region: number;
  readonly count: number;
}
export interface MappedDec extends FromKvm<'mapped_dec'> {
  readonly region: number;
  readonly count: number;
}
export type MemoryAccess = AccountLockedVm | MmIommuLookup | UaToHpa | MappedInc | MappedDec;
export interface MemoryAccessReturn extends Call<'memory-access-return', 'vfio-host', 'kvm'> {
  readonly call: MemoryAccess['type'];
  readonly ok: boolean;
  /** The region found, and how many pages in a row it holds; null and 0 where there is none. */
  readonly region: number | null;
  readonly count: number;
  /** log2 of the largest IOMMU page that the region found may be mapped with. */
  readonly pageShift: number | null;
  readonly hpa: Hpa | null;
}
