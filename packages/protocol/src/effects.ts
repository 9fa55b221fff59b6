import type { Call, Message } from './message.js';

/**
 * A function of the host kernel that ran, for whoever listens: what a probe on a real kernel shows, under the
 * same name. Effects come in the order of the calls; the depth of the calls is not told.
 */
export interface Effect extends Call<'effect', 'kvm' | 'vfio-host' | 'powernv-ioda2', 'environment'> {
  /** As the kernel spells it: `iommu_tce_table_put`. */
  readonly fn: string;
  /** Its arguments and what it found, by the names that the recordings use: `kref` is the count before. */
  readonly args: Readonly<Record<string, string | number | bigint | boolean | null>>;
}

/** What costs modelled time: each operation has a unit cost, and a step tells how many of them it took. */
export type CostOperation =
  /** QEMU looks at one entry of a guest view. */
  | 'replay'
  /** QEMU or KVM stores entries of a guest view. */
  | 'table-write'
  /** A page of a guest view in KVM is brought in. */
  | 'view-fault'
  /** The host kernel walks over hardware entries to clear them. */
  | 'clear'
  /** The host kernel writes a hardware entry. */
  | 'map'
  /** The host kernel pins a page. */
  | 'pin'
  /** The PHB is told to forget translations. */
  | 'kill'
  /** A page of a hardware table is allocated. */
  | 'table-page'
  /** QEMU makes a system call. */
  | 'ioctl';

/** What a step cost in the modelled machine, in the units of spec 70 (L-2). */
export interface Cost
  extends Message<'cost', 'qemu-spapr' | 'kvm' | 'vfio-host' | 'powernv-ioda2', 'environment'> {
  readonly operation: CostOperation;
  readonly count: number;
}
