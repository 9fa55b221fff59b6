import { type HostPageShift, hostPageShift, INDIRECT_TCES_MAX } from '@spapr-dma/protocol';

/** Behaviours that a preset turns on and off; the unfixed value stands first. @see spec 60 section C */
export interface KvmSwitches {
  /** B-15: does a TCE that could not be mapped show as H_SUCCESS, or does QEMU get the call? */
  readonly kvmErrors: 'swallow' | 'tooHard';
  /** B-15: is a list looked through before its first entry is applied? */
  readonly indirect: 'onePass' | 'twoPass';
  /** B-20: is the reference dropped that attaching a group again to the same table takes? */
  readonly attachRefLeak: 'unfixed' | 'fixed';
  /** B-56: is the reference dropped that attaching another group with the same table takes? */
  readonly attachRefPerGroup: 'unfixed' | 'fixed';
  /** B-25: does wiping an entry after a failure count down what it had counted? */
  readonly clearTceDec: 'unfixed' | 'fixed';
  /** B-25: which entry of the hardware table is wiped after a failure: that of the guest's number, or its own? */
  readonly clearTceIndex: 'guestIdx' | 'hwIdx';
  /** B-26: is an entry without permissions in a list mapped, or unmapped? */
  readonly indirectZeroPerm: 'unfixed' | 'fixed';
  /** B-27: which calls check the end of the window for all of their pages? */
  readonly rangeCheck: 'firstOnly' | 'unmapAndStuff' | 'full';
  /** B-35: is the table's file held while a group is attached to it? */
  readonly attachHoldsFd: 'unfixed' | 'fixed';
  /** B-38: do handlers that run with address translation off see a call first? Up to linux-5.18, for hash guests. */
  readonly realMode: 'on' | 'off';
  /** B-28: is a TCE lost without a word when there is no memory for its page of the guest view? */
  readonly viewAllocFailure: 'silent' | 'tooHard';
  /** B-36: is a LIOBN looked for and entered in one go? */
  readonly createLock: 'unfixed' | 'fixed';
  /** B-46: does taking a hardware table from a LIOBN wait for the vCPUs that may have found it? */
  readonly releaseWaits: 'unfixed' | 'fixed';
  /** B-65: do two vCPUs' hypercalls on one LIOBN go one after the other? */
  readonly tceLock: 'unfixed' | 'fixed';
  /** B-40: has a hardware table to have the very size and page size of the guest's, or may it be finer and larger? */
  readonly sizeMatch: 'exact' | 'atLeast';
}

/** What a version of Linux has or lacks; no bug, but a difference that shows. @see spec 00 section 6, spec 30 */
export interface KvmFeatures {
  /** When pages of a guest view are allocated: at the first touch since linux-4.20. */
  readonly viewPages: 'eager' | 'onDemand';
  /** KVM_CAP_SPAPR_TCE_64: since linux-4.6. */
  readonly spaprTce64: boolean;
  /** KVM_CAP_SPAPR_TCE_VFIO, and hardware tables behind a LIOBN at all: since linux-4.12. */
  readonly spaprTceVfio: boolean;
  /** H_PUT_TCE_INDIRECT and H_STUFF_TCE in the kernel: since linux-4.6. */
  readonly multiTce: boolean;
  /** Whether releasing a group releases every table of it: since linux-5.0. Before, only the first one found. */
  readonly releaseAll: boolean;
  /**
   * How well a call is looked at before it is applied: not at all, addresses that fit the page size (linux-4.6), or
   * also the registered memory behind them (linux-4.20).
   */
  readonly validate: 'none' | 'alignment' | 'regions';
  /** Whether guest views are charged to locked_vm: since linux-4.6. */
  readonly chargesViews: boolean;
  /** Whether page shift and end of a new table are looked at: since linux-4.18. */
  readonly checksGeometry: boolean;
  /** Whether TCE kills are a call of their own, once for an entry: since linux-5.4. Before, each exchange makes them. */
  readonly killSplit: boolean;
  /** Whether a device's file can be given to the KVM-VFIO device in place of a group's: since linux-6.6. */
  readonly vfioDeviceFiles: boolean;
  /** Whether KVM keeps the group it once found behind a file: since linux-6.1. Before, it looks each time. */
  readonly holdsIommuGroup: boolean;
}

/** What the host's cores are, as far as capabilities depend on it. */
export type HostCpu = 'power8' | 'power9' | 'power10';

/** A kernel's KVM, with what it was configured with. */
export interface KvmConfig {
  readonly hostPageShift: HostPageShift;
  readonly cpu: HostCpu;
  /** Consecutive entries that one access to a hardware table, to regions or to slots may cover. */
  readonly entriesAtOnce: number;
  /** TCEs of one H_PUT_TCE_INDIRECT at most. */
  readonly indirectTcesMax: number;
  readonly switches: KvmSwitches;
  readonly features: KvmFeatures;
}

/** What does not depend on the version: POWER9, pages of 64K, and one access for as many entries as lie in a row. */
const SIZES: Pick<KvmConfig, 'hostPageShift' | 'cpu' | 'entriesAtOnce' | 'indirectTcesMax'> = {
  hostPageShift: hostPageShift(16),
  cpu: 'power9',
  entriesAtOnce: Number.MAX_SAFE_INTEGER,
  indirectTcesMax: INDIRECT_TCES_MAX,
};

/** A configuration from a version's differences, with the sizes of POWER9. */
export const kvmConfig = (
  { switches, features }: { readonly switches: KvmSwitches; readonly features: KvmFeatures },
  sizes: Partial<typeof SIZES> = {},
): KvmConfig => ({ ...SIZES, ...sizes, switches, features });
