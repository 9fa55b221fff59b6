import type { Errno } from './codes.js';
import type { Call } from './message.js';
import type { Bytes, Gpa, IommuPageShift, Liobn, TceIndex, Ua } from './units.js';

/**
 * A file descriptor of the VMM's process.
 *
 * Abstraction: KVM and VFIO give numbers from ranges of their own, since neither sees the other's files.
 */
export type Fd = number;

type FromQemu<Type extends string> = Call<Type, 'qemu-spapr', 'kvm'>;

export type KvmExtension =
  | 'KVM_CAP_SPAPR_TCE'
  | 'KVM_CAP_PPC_SMT'
  | 'KVM_CAP_SPAPR_MULTITCE'
  | 'KVM_CAP_PPC_ENABLE_HCALL'
  | 'KVM_CAP_SPAPR_TCE_64'
  | 'KVM_CAP_PPC_HTM'
  | 'KVM_CAP_SPAPR_RESIZE_HPT'
  | 'KVM_CAP_PPC_MMU_RADIX'
  | 'KVM_CAP_PPC_MMU_HASH_V3'
  | 'KVM_CAP_SPAPR_TCE_VFIO'
  | 'KVM_CAP_PPC_NESTED_HV';

/** Answers with the version of KVM's interface. */
export type KvmGetApiVersion = FromQemu<'KVM_GET_API_VERSION'>;
/** Answers with 1 where KVM has what is asked for, else with 0; for PPC_SMT with the threads of a core. */
export interface KvmCheckExtension extends FromQemu<'KVM_CHECK_EXTENSION'> {
  readonly extension: KvmExtension;
}
/** Makes the VM's KVM-VFIO device; there is one at most. */
export interface KvmCreateDevice extends FromQemu<'KVM_CREATE_DEVICE'> {
  readonly device: 'KVM_DEV_TYPE_VFIO';
}
/** Guest memory at [gpa, gpa + bytes) is the VMM's at `ua`; 0 bytes take the slot away. */
export interface KvmSetUserMemoryRegion extends FromQemu<'KVM_SET_USER_MEMORY_REGION'> {
  readonly slot: number;
  readonly gpa: Gpa;
  readonly bytes: Bytes;
  readonly ua: Ua;
}
/** Creates a guest view in the kernel; 4K pages at offset 0. Answers with an fd. */
export interface KvmCreateSpaprTce extends FromQemu<'KVM_CREATE_SPAPR_TCE'> {
  readonly liobn: Liobn;
  readonly windowSize: Bytes;
}
/** The same for any page size and start. `offset` and `size` count IOMMU pages. */
export interface KvmCreateSpaprTce64 extends FromQemu<'KVM_CREATE_SPAPR_TCE_64'> {
  readonly liobn: Liobn;
  readonly pageShift: IommuPageShift;
  readonly flags: number;
  readonly offset: bigint;
  readonly size: bigint;
}
/** Makes the guest view visible to QEMU. A page of it is allocated when it is first touched. */
export interface MmapTable extends FromQemu<'mmap'> {
  readonly fd: Fd;
  readonly bytes: Bytes;
}
/** The last reference: KVM drops the LIOBN and every attached hardware table, and frees after RCU. */
export interface CloseKvmFile extends FromQemu<'close'> {
  readonly fd: Fd;
}
/** The VMM is gone: the kernel closes its files. As recorded, the one with the highest number goes first. */
export type ExitKvm = Call<'exit', 'environment', 'kvm'>;
/** The VMM's files in KVM are closed; what waits for RCU may still be there. */
export interface KvmDone extends Call<'kvm-done', 'kvm', 'environment'> {
  readonly call: 'exit';
}
/** The next allocation of that kind fails: how an environment runs KVM short of memory. No answer. */
export interface KvmFailNext extends Call<'fail-next', 'environment', 'kvm'> {
  readonly call: /** A page of a guest view. */
    | 'kvm_spapr_get_tce_page'
    /** The descriptor of a guest view. */
    | 'kvmppc_spapr_tce_table'
    /** What ties a hardware table to a guest view. */
    | 'kvmppc_spapr_tce_iommu_table';
}
/** Switches an in-kernel hypercall on. */
export interface KvmEnableCap extends FromQemu<'KVM_ENABLE_CAP'> {
  readonly cap: 'KVM_CAP_PPC_ENABLE_HCALL';
  readonly hcall: 'H_PUT_TCE' | 'H_GET_TCE' | 'H_PUT_TCE_INDIRECT' | 'H_STUFF_TCE';
}
export interface KvmDevVfioGroupAdd extends FromQemu<'KVM_DEV_VFIO_GROUP_ADD'> {
  readonly groupFd: Fd;
}
export interface KvmDevVfioGroupDel extends FromQemu<'KVM_DEV_VFIO_GROUP_DEL'> {
  readonly groupFd: Fd;
}
/** Ties a group's hardware tables to the LIOBN behind a table fd. */
export interface KvmDevVfioGroupSetSpaprTce extends FromQemu<'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE'> {
  readonly groupFd: Fd;
  readonly tableFd: Fd;
}

/**
 * QEMU holds the vCPUs and lets them go on: between the two, none of them is inside KVM, and none gets there.
 * KVM answers when the last one has left; a vCPU that waits for QEMU counts as held. Not a system call of KVM, which
 * has none for this, but QEMU's signal to each vCPU's thread. @see [QEMU] softmmu/cpus.c: pause_all_vcpus
 */
export type PauseAllVcpus = FromQemu<'pause_all_vcpus'>;
export type ResumeAllVcpus = FromQemu<'resume_all_vcpus'>;

export type KvmCall =
  | KvmGetApiVersion
  | KvmCheckExtension
  | KvmCreateDevice
  | KvmSetUserMemoryRegion
  | KvmCreateSpaprTce
  | KvmCreateSpaprTce64
  | MmapTable
  | CloseKvmFile
  | KvmEnableCap
  | KvmDevVfioGroupAdd
  | KvmDevVfioGroupDel
  | KvmDevVfioGroupSetSpaprTce
  | PauseAllVcpus
  | ResumeAllVcpus;

/** How a system call on KVM's files ended; `value` is the fd of a create, the answer to a question, else 0. */
export interface KvmReturn extends Call<'kvm-return', 'kvm', 'qemu-spapr'> {
  readonly call: KvmCall['type'];
  readonly result:
    | { readonly ok: true; readonly value: number }
    | { readonly ok: false; readonly errno: Errno };
}

/** Atomic accesses of QEMU to the guest view that KVM owns while the table's fd is open. */
export interface ViewLoad extends FromQemu<'view_load'> {
  readonly liobn: Liobn;
  readonly index: TceIndex;
}
/** Stores one value into `count` entries; one entry an access in models that search interleavings. */
export interface ViewStore extends FromQemu<'view_store'> {
  readonly liobn: Liobn;
  readonly index: TceIndex;
  readonly count: number;
  readonly tce: bigint;
}
/** Hands over a version of the whole view: memcpy, replay, pre_save. Touches every page of it. */
export interface ViewBulkLoad extends FromQemu<'view_bulk_load'> {
  readonly liobn: Liobn;
  /** Leaves pages alone that are not there yet, as a way to read the view that no kernel has (B-01). */
  readonly presentOnly?: boolean;
}
export type ViewAccess = ViewLoad | ViewStore | ViewBulkLoad;

/** Entries that are not 0: entry `index + i`, for i below `count`, holds `tce + i * stride`. */
export interface ViewRun {
  readonly index: TceIndex;
  readonly count: number;
  readonly tce: bigint;
  readonly stride: bigint;
}
/** The answer to an access: `tce` of a load, `runs` of a bulk load in the order of their index. */
export interface ViewReturn extends Call<'view-return', 'kvm', 'qemu-spapr'> {
  readonly call: ViewAccess['type'];
  readonly tce: bigint | null;
  readonly runs: readonly ViewRun[];
  /** Pages of the view that this access made KVM allocate. */
  readonly faults: number;
}
