import type { Fd, GroupId, IommuPageShift, IommuTableFacts, Liobn } from '@spapr-dma/protocol';
import type { TceTable } from '@spapr-dma/tce-table';

/**
 * A hardware table that calls on a LIOBN write to as well; its table reference is held until RCU drops it.
 * @see [Linux] arch/powerpc/include/asm/kvm_host.h: struct kvmppc_spapr_tce_iommu_table
 */
export interface SpaprTceIommuTable {
  readonly hw: IommuTableFacts;
  readonly kref: number;
  /** Groups that it was attached for. The kernel does not know; the switches that mend its leaks do. */
  readonly groups: readonly GroupId[];
}

/**
 * The guest view behind a LIOBN. `PRESENT` is found by calls; `DYING` has lost its file and is found by nobody, but
 * a call that found it before may still be at work on it until RCU frees it.
 * @see [Linux] arch/powerpc/include/asm/kvm_host.h: struct kvmppc_spapr_tce_table
 */
export interface SpaprTceTable {
  /** Tells tables apart that had the same LIOBN or fd. The lowest that was free. */
  readonly id: number;
  readonly mode: 'PRESENT' | 'DYING';
  /** Null once it is closed. */
  readonly fd: Fd | null;
  readonly liobn: Liobn;
  readonly pageShift: IommuPageShift;
  /** Start and size in IOMMU pages. */
  readonly offset: bigint;
  readonly size: number;
  readonly view: TceTable;
  /** Which pages of the view are allocated: 1 for each that is. A page that is not reads as zeros. */
  readonly pages: TceTable;
  /** The newest first, as in the kernel's list. */
  readonly iommuTables: readonly SpaprTceIommuTable[];
}

/** The life of a LIOBN in KVM: which condition follows which, and why. */
export const LIOBN_LIFE = {
  ABSENT: { KVM_CREATE_SPAPR_TCE: 'PRESENT', KVM_CREATE_SPAPR_TCE_64: 'PRESENT' },
  PRESENT: { close: 'DYING', exit: 'DYING' },
  DYING: { 'grace period': 'ABSENT' },
} as const satisfies Record<
  SpaprTceTable['mode'] | 'ABSENT',
  Record<string, SpaprTceTable['mode'] | 'ABSENT'>
>;

/** The life of a hardware table behind a LIOBN. */
export const STIT_LIFE = {
  unattached: { KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE: 'attached' },
  attached: {
    'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE, kref + 1': 'attached',
    'KVM_DEV_VFIO_GROUP_DEL, kref - 1': 'attached',
    'KVM_DEV_VFIO_GROUP_DEL, the last kref': 'unlinked',
    'close of the LIOBN': 'unlinked',
  },
  unlinked: { 'grace period, iommu_tce_table_put': 'unattached' },
} as const satisfies Record<string, Record<string, 'unattached' | 'attached' | 'unlinked'>>;
