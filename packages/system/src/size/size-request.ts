import type { PhbGeneration } from '@spapr-dma/powernv-ioda2';

/** A passthrough guest that somebody plans. */
export interface SizeRequest {
  /** Guest memory, bytes. */
  readonly ram: bigint;
  /** End of the memory that can be hot-added, bytes; null for a guest that keeps its size. */
  readonly maxmem: bigint | null;
  /** IOMMU groups that are passed through, one function each, behind one PHB of the guest. */
  readonly groups: number;
  /** Dynamic window: log2 of the guest's IOMMU page; null where the guest asks for none. */
  readonly ddw: number | null;
  /** log2 of the bytes of that window; null for what Linux asks for: the next power of two that holds all memory. */
  readonly ddwShift: number | null;
  readonly hostPageShift: 12 | 16;
  readonly generation: PhbGeneration;
  /** Which of VFIO's two interfaces QEMU uses. */
  readonly iommuType: 'v1' | 'v2';
  readonly kvm: boolean;
  /** RLIMIT_MEMLOCK to try, KiB; null to be told where it ends to be enough. */
  readonly memlockKb: number | null;
  readonly preset: string;
}

/** A window of the host's hardware. */
export interface SizedWindow {
  /** First bus address, bytes. */
  readonly start: bigint;
  readonly pageShift: number;
  readonly entries: number;
  readonly levels: number;
  /** Numbers of levels that the host accepts for this window, of 1 to 5. */
  readonly accepted: readonly number[];
  /** What it was charged: the table and its userspace view. */
  readonly kb: number;
}

/** What gives way where the limit is too low. */
export interface SizeFailure {
  readonly limitKb: number;
  /** The first call that the kernel refuses for want of locked memory. */
  readonly call: string;
  readonly errno: string;
  /** When: while QEMU starts, or in the guest's call. */
  readonly during: string;
  /** What became of it: QEMU's words, or the guest's answer. */
  readonly outcome: string;
}

export interface SizeReport {
  readonly lockedKb: {
    /** Guest memory, registered once; with v1 what ENABLE charges for each container. */
    readonly ram: number;
    /** Hardware tables with their userspace views. */
    readonly windows: number;
    /** Guest views in KVM. */
    readonly kvm: number;
    readonly total: number;
  };
  /** RLIMIT_MEMLOCK that is just enough, bytes. */
  readonly memlock: number;
  /** By start. */
  readonly windows: readonly SizedWindow[];
  /** With the limit that was asked about, or one host page below what is enough; null where nothing gives way. */
  readonly firstFailure: SizeFailure | null;
}
