import { type Gpa, type GuestPageShift, gpa, guestPageShift, INDIRECT_TCES_MAX } from '@spapr-dma/protocol';
import { type GuestVersion, LINUX_6_12 } from './guest-version.js';

/** What does not change while the guest runs: its kernel, its sizes, and the switches that concern it. */
export interface GuestConfig {
  readonly version: GuestVersion;
  /** Who sees the guest's calls first. KVM hands RTAS calls on, and the hypercalls that it leaves to QEMU. */
  readonly hypervisor: 'kvm' | 'qemu-spapr';
  /** 12 for a 4K kernel, 16 for a 64K kernel. */
  readonly guestPageShift: GuestPageShift;
  /**
   * Entries in one H_PUT_TCE_INDIRECT at most. The kernel's value is 512; small models use less, and then
   * H_STUFF_TCE goes in blocks of that size too.
   */
  readonly indirectTcesMax: number;
  /** Free entries that a kdump kernel insists on. @see [Linux] arch/powerpc/kernel/iommu.c: KDUMP_MIN_TCE_ENTRIES */
  readonly kdumpMinTceEntries: number;
  /** Allocation pools of a table of 1 GiB or more. @see [Linux] arch/powerpc/include/asm/iommu.h: IOMMU_NR_POOLS */
  readonly poolCount: number;
  /** Requests of more pages than this come from the large pool. */
  readonly smallRequestPagesMax: number;
  /** Where the first vCPU's page for indirect lists is; each further vCPU's follows it. */
  readonly tcePage: Gpa;
  /**
   * `limitedMaskPoisons` (B-55): `unfixed` puts a PHB on the failed list because one driver has a mask of 33
   * to 63 bits that firmware cannot serve; `fixed` lets only that device stay on the default window.
   */
  readonly limitedMaskPoisons: 'unfixed' | 'fixed';
}

/** A guest of the recorded kind: Debian's 6.12 with 4K pages. */
export const GUEST_CONFIG_DEFAULT: GuestConfig = {
  version: LINUX_6_12,
  hypervisor: 'qemu-spapr',
  guestPageShift: guestPageShift(12),
  indirectTcesMax: INDIRECT_TCES_MAX,
  kdumpMinTceEntries: 2048,
  poolCount: 4,
  smallRequestPagesMax: 15,
  tcePage: gpa(0x244_e000n),
  limitedMaskPoisons: 'unfixed',
};
