import {
  type HostPageShift,
  hostPageShift,
  type ProcessId,
  type TceIndex,
  tceIndex,
} from '@spapr-dma/protocol';

/** Behaviours that a preset turns on and off; the unfixed value stands first. @see spec 60 section C */
export interface VfioHostSwitches {
  /** B-09: does a region that TCEs point to stay until they are gone? */
  readonly unregisterGuard: 'none' | 'mappedCounter';
  /** B-22: what does UNREGISTER_MEMORY answer while TCEs point into the region, and is it kept? */
  readonly unregisterBusy: 'orphan' | 'ebusy';
  /** B-13: does a group that joins a container get the windows there are? */
  readonly setWindowOnExtraGroup: 'unfixed' | 'fixed';
  /** B-14: does what was registered through a container end with it, or with the process? */
  readonly preregOwner: 'mm' | 'container';
  /** B-18: which tables of its container does a leaving group clear? */
  readonly clearOnDetach: 'whole' | 'no' | 'onlyIfLastUser';
  /** B-21: is the charge of a window given back when the table cannot be made? */
  readonly createRefund: 'unfixed' | 'fixed';
  /** B-23: what does MAP_DMA answer when it meets a region that is being released? */
  readonly mapIncFailRet: 'ok' | 'enxio';
  /** B-67: what an entry that could not be exchanged is counted off: what its slot names, or what was counted? */
  readonly failedMapCount: 'unfixed' | 'fixed';
  /** B-27: which calls check that their whole range lies in the window? */
  readonly rangeCheck: 'firstOnly' | 'unmapAndStuff' | 'full';
  /** B-39: may a TCE map a larger page than those that the region is made of? */
  readonly pageShiftCheck: 'unfixed' | 'fixed';
  /** Do calls that fail return an errno, and not the positive numbers that some kernels return? */
  readonly positiveReturns: 'unfixed' | 'fixed';
  /** Is a region of 0 bytes refused before the kernel warns about its allocation? */
  readonly registerSizeZero: 'warn' | 'einval';
  /** B-48: is a page unpinned that v1 pinned and then found smaller than an IOMMU page? */
  readonly containedUnpin: 'unfixed' | 'fixed';
  /** B-47: do MAP_DMA and UNMAP_DMA take the container's mutex? */
  readonly mapTakesLock: 'unfixed' | 'fixed';
  /** B-41: does a clear step over levels of a table that were never allocated? Shows in costs only. */
  readonly sparseClear: 'unfixed' | 'fixed';
  /** B-42: is what was charged for a window given back, and not what its table says it allocated? */
  readonly chargeMatchesAllocation: 'unfixed' | 'fixed';
}

/** What a version of Linux has or lacks; no bug, but a difference that shows. @see spec 00 section 6, spec 40 */
export interface VfioHostFeatures {
  /** When the default window is made: with the first group, or since linux-4.10 when something first needs a window. */
  readonly defaultWindow: 'eager' | 'postponed';
  /** Whether the driver takes a group from the host as it attaches it, or since linux-6.4 the core claims it before. */
  readonly ownership: 'attach' | 'claim';
  /** Whose locked_vm is charged: whoever calls, or since linux-4.10 the first process that used the container. */
  readonly mmOwner: 'current' | 'first';
  /** UNREGISTER_MEMORY takes a reference on the region it looks up: since linux-5.0. */
  readonly regionGet: boolean;
  /** Pages are pinned in one go, and a short pin returns their number: since linux-5.1. */
  readonly bulkPin: boolean;
  /** Giving back more than was charged leaves 0: until linux-5.3. */
  readonly refundStopsAtZero: boolean;
  /** TCEs are cleared before a window is taken from its groups: since linux-6.11. Before, afterwards. */
  readonly clearBeforeUnset: boolean;
}

/** A host kernel's VFIO, with the sizes that a model has. */
export interface VfioHostConfig {
  readonly hostPageShift: HostPageShift;
  /**
   * Consecutive entries that one access to a table may cover: 1 lets a checker see every interleaving,
   * Number.MAX_SAFE_INTEGER takes a whole range at once.
   */
  readonly entriesAtOnce: number;
  /** Index from which on a clear takes all that is left of a table in one access. */
  readonly coarseFrom: TceIndex;
  /** The process whose files and memory KVM asks about. */
  readonly vmm: ProcessId;
  readonly switches: VfioHostSwitches;
  readonly features: VfioHostFeatures;
}

type LinuxName = `linux-${number}.${number}`;

/** The versions whose differences are described; any other name goes by the newest of these that is not newer. */
export const VFIO_HOST_VERSIONS = [
  'linux-4.2',
  'linux-4.10',
  'linux-4.12',
  'linux-4.18',
  'linux-4.20',
  'linux-5.0',
  'linux-5.1',
  'linux-5.3',
  'linux-6.1',
  'linux-6.4',
  'linux-6.11',
  'linux-6.12',
  'linux-7.2',
] as const satisfies readonly LinuxName[];

/** Whether a version is this one or a newer one. */
function isSince(linux: LinuxName, major: number, minor: number): boolean {
  const [, ours = 0, our = 0] = /^linux-(\d+)\.(\d+)$/.exec(linux)?.map(Number) ?? [];
  return ours > major || (ours === major && our >= minor);
}

/** What a version of Linux does. */
export const vfioHostFeaturesOf = (linux: LinuxName): VfioHostFeatures => ({
  defaultWindow: isSince(linux, 4, 10) ? 'postponed' : 'eager',
  ownership: isSince(linux, 6, 4) ? 'claim' : 'attach',
  mmOwner: isSince(linux, 4, 10) ? 'first' : 'current',
  regionGet: isSince(linux, 5, 0),
  bulkPin: isSince(linux, 5, 1),
  refundStopsAtZero: !isSince(linux, 5, 3),
  clearBeforeUnset: isSince(linux, 6, 11),
});

/** Which defects a version of Linux has. */
export const vfioHostSwitchesOf = (linux: LinuxName): VfioHostSwitches => ({
  unregisterGuard: 'mappedCounter',
  unregisterBusy: isSince(linux, 5, 0) ? 'orphan' : 'ebusy',
  setWindowOnExtraGroup: isSince(linux, 4, 10) && !isSince(linux, 4, 13) ? 'unfixed' : 'fixed',
  preregOwner: isSince(linux, 4, 10) ? 'container' : 'mm',
  clearOnDetach: isSince(linux, 6, 11) ? 'whole' : 'no',
  createRefund: isSince(linux, 4, 10) ? 'unfixed' : 'fixed',
  mapIncFailRet: 'ok',
  failedMapCount: 'unfixed',
  rangeCheck: isSince(linux, 7, 2) ? 'unmapAndStuff' : 'firstOnly',
  pageShiftCheck: isSince(linux, 4, 18) ? 'fixed' : 'unfixed',
  positiveReturns: 'unfixed',
  registerSizeZero: 'warn',
  containedUnpin: 'unfixed',
  mapTakesLock: 'unfixed',
  sparseClear: isSince(linux, 4, 20) ? 'fixed' : 'unfixed',
  chargeMatchesAllocation: isSince(linux, 5, 0) ? 'fixed' : 'unfixed',
});

/** A host with 64 KiB pages under a version of Linux. */
export const vfioHostConfigOf = (linux: LinuxName): VfioHostConfig => ({
  hostPageShift: hostPageShift(16),
  entriesAtOnce: Number.MAX_SAFE_INTEGER,
  coarseFrom: tceIndex(Number.MAX_SAFE_INTEGER),
  vmm: 'qemu',
  switches: vfioHostSwitchesOf(linux),
  features: vfioHostFeaturesOf(linux),
});

/** Linux 6.12, the kernel of the recordings. */
export const VFIO_HOST_6_12: VfioHostConfig = vfioHostConfigOf('linux-6.12');
