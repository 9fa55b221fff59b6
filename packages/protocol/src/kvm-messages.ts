import type { Errno } from './codes.js';
import type { Call } from './message.js';
import type { Bytes, HostPageCount, IommuPageShift, Liobn, TceCount, TceIndex } from './units.js';

/** A file descriptor of QEMU's process. */
export type Fd = number;

type FromQemu<Type extends string> = Call<Type, 'qemu-spapr', 'kvm'>;

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
  readonly tableFd: Fd;
  readonly bytes: Bytes;
}
/** The last reference: KVM drops the LIOBN and every attached hardware table, and frees after RCU. */
export interface CloseTable extends FromQemu<'close'> {
  readonly tableFd: Fd;
}
/** Switches an in-kernel hypercall on. */
export interface KvmEnableCap extends FromQemu<'KVM_ENABLE_CAP'> {
  readonly cap: 'KVM_CAP_PPC_ENABLE_HCALL';
  readonly hcall: 'H_PUT_TCE_INDIRECT' | 'H_STUFF_TCE';
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

export type KvmCall =
  | KvmCreateSpaprTce
  | KvmCreateSpaprTce64
  | MmapTable
  | CloseTable
  | KvmEnableCap
  | KvmDevVfioGroupAdd
  | KvmDevVfioGroupDel
  | KvmDevVfioGroupSetSpaprTce;

/** How an ioctl on KVM ended; `value` is the fd of a create, else 0. */
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
export interface ViewStore extends FromQemu<'view_store'> {
  readonly liobn: Liobn;
  readonly index: TceIndex;
  readonly tce: bigint;
}
/** Hands over a version of the whole view: memcpy, replay, pre_save. */
export interface ViewBulkLoad extends FromQemu<'view_bulk_load'> {
  readonly liobn: Liobn;
}
export type ViewAccess = ViewLoad | ViewStore | ViewBulkLoad;

/** The answer to an access; a bulk load answers with runs [first index, count, TCE]. */
export interface ViewReturn extends Call<'view-return', 'kvm', 'qemu-spapr'> {
  readonly call: ViewAccess['type'];
  readonly tce: bigint | null;
  readonly runs: readonly (readonly [number, number, bigint])[];
}

/** What a table is charged when it is created, in host pages. */
export interface KvmTableCharge {
  readonly entries: TceCount;
  readonly pages: HostPageCount;
}
