import type { Cells } from './cell.js';

/** The host's kernel as it was recorded: 6.12. */
const LINUX_6_12: Cells = {
  // KVM.
  kvmErrors: ['tooHard', 'B-15: since 4.20'],
  indirect: ['twoPass', 'B-15: since 4.20'],
  attachRefLeak: ['unfixed', 'B-20: executed'],
  clearTceDec: ['unfixed', 'B-25: derived from the code'],
  clearTceIndex: ['hwIdx', 'B-25: since 5.18'],
  indirectZeroPerm: ['unfixed', 'B-26: derived from the code'],
  attachHoldsFd: ['fixed', 'B-35: since 6.10'],
  realMode: ['off', 'B-38: removed in 5.19'],
  attachRefPerGroup: ['unfixed', 'B-56: executed'],
  viewAllocFailure: ['silent', 'B-28: read in the code'],
  createLock: ['fixed', 'B-36: since 4.13'],
  sizeMatch: ['atLeast', 'B-40: since 4.19'],
  releaseWaits: ['unfixed', 'B-46: derived from the code'],
  tceLock: ['unfixed', 'B-65: found by search, derived from the code'],
  viewPages: ['onDemand', 'spec 30 section 3: since 4.20'],
  spaprTce64: ['true', 'spec 00 section 6: since 4.6'],
  spaprTceVfio: ['true', 'spec 00 section 6: since 4.12'],
  multiTce: ['true', 'spec 00 section 6: since 4.6'],
  releaseAll: ['true', 'spec 30 section 4: since 5.0'],
  validate: ['regions', 'spec 30 section 5: since 4.20'],
  chargesViews: ['true', 'spec 30 section 3: recorded; assumed since 4.6'],
  checksGeometry: ['true', 'spec 30 section 3: recorded; assumed since 4.18'],
  vfioDeviceFiles: ['true', 'spec 30 section 4: the file of a group or of a device, since 6.6'],
  holdsIommuGroup: ['true', 'spec 30 section 4: the group is found once, since 6.1'],
  // VFIO and registered memory.
  unregisterGuard: ['mappedCounter', 'B-09: since 4.2'],
  unregisterBusy: ['orphan', 'B-22: since 5.0, executed on 6.12'],
  setWindowOnExtraGroup: ['fixed', 'B-13: since 4.13'],
  preregOwner: ['container', 'B-14: since 4.10'],
  clearOnDetach: ['whole', 'B-18: since 6.11, executed on 6.12'],
  createRefund: ['unfixed', 'B-21: executed'],
  mapIncFailRet: ['ok', 'B-23: read in the code'],
  failedMapCount: ['unfixed', 'B-67: found by search, derived from the code'],
  rangeCheck: ['firstOnly', 'B-27: executed'],
  pageShiftCheck: ['fixed', 'B-39: since 4.18'],
  chargeMatchesAllocation: ['fixed', 'B-42: since 5.0'],
  positiveReturns: ['unfixed', 'evidence/powernv section 4.4: executed'],
  registerSizeZero: ['warn', 'evidence/powernv section 4.8: executed'],
  mapTakesLock: ['unfixed', 'B-47: derived from the code'],
  containedUnpin: ['unfixed', 'B-48: derived from the code'],
  sparseClear: ['fixed', 'B-41: since 4.20'],
  vfioDefaultWindow: ['postponed', 'spec 00 section 6: since 4.10'],
  ownership: ['claim', 'spec 00 section 6: since 6.4'],
  mmOwner: ['first', 'spec 40 section 1: since 4.10'],
  regionGet: ['true', 'spec 00 section 6: split in 5.0'],
  bulkPin: ['true', 'spec 40 section 4: recorded; assumed since 5.1'],
  refundStopsAtZero: ['false', 'B-42: remembered; until 5.3 a refund stopped at 0'],
  clearBeforeUnset: ['true', 'spec 00 section 6: since 6.11'],
  // The platform.
  tableBaseUpdate: ['takeAndRelease', 'B-10: since 4.12'],
  unsetFailure: ['unfixed', 'B-50: derived from the code'],
  bypassOffFailure: ['unfixed', 'B-51: derived from the code'],
  killZeroPages: ['unfixed', 'evidence/powernv section 4.5: executed on PHB3'],
  levels: ['onDemand', 'spec 50 section 3: since 4.20'],
  killSplit: ['true', 'spec 50 section 3: since 5.4'],
  hostDefaultWindow: ['large', 'spec 50 section 2: since 5.3'],
  groupDevices: ['perDevice', 'spec 00 section 6: since 6.4'],
  chargedCopies: ['2', 'spec 50 section 3: since 4.20'],
  allocatedSize: ['charged', 'B-42: since 5.0'],
};

const LINUX_7_2: Cells = {
  ...LINUX_6_12,
  rangeCheck: ['unmapAndStuff', 'B-27: executed'],
};

const LINUX_6_1: Cells = {
  ...LINUX_6_12,
  clearOnDetach: ['no', 'B-18: until 6.11'],
  attachHoldsFd: ['unfixed', 'B-35: until 6.10'],
  vfioDeviceFiles: ['false', 'spec 30 section 4: until 6.6'],
  ownership: ['attach', 'spec 00 section 6: until 6.4'],
  clearBeforeUnset: ['false', 'spec 00 section 6: until 6.11'],
  groupDevices: ['perGroup', 'spec 00 section 6: until 6.4'],
};

/** Mid-2019. */
const LINUX_5_2: Cells = {
  ...LINUX_6_1,
  clearTceIndex: ['guestIdx', 'B-25: until 5.18'],
  realMode: ['on', 'B-38: removed in 5.19'],
  holdsIommuGroup: ['false', 'spec 30 section 4: until 6.1'],
  killSplit: ['false', 'spec 50 section 3: until 5.4'],
  refundStopsAtZero: ['true', 'B-42: remembered; until 5.3'],
  hostDefaultWindow: ['below4G', 'spec 50 section 2: until 5.3'],
};

const LINUX_4_20: Cells = {
  ...LINUX_5_2,
  unregisterBusy: ['ebusy', 'B-22: until 5.0'],
  chargeMatchesAllocation: ['unfixed', 'B-42: until 5.0'],
  allocatedSize: ['allocated', 'B-42: until 5.0'],
  releaseAll: ['false', 'spec 30 section 4: until 5.0'],
  regionGet: ['false', 'spec 00 section 6: until 5.0'],
  bulkPin: ['false', 'spec 40 section 4: the older text'],
};

const LINUX_4_18: Cells = {
  ...LINUX_4_20,
  kvmErrors: ['swallow', 'B-15: from 4.12 to 4.19'],
  indirect: ['onePass', 'B-15: until 4.20'],
  sizeMatch: ['exact', 'B-40: until 4.19'],
  viewPages: ['eager', 'spec 30 section 3: until 4.20'],
  sparseClear: ['unfixed', 'B-41: until 4.20'],
  levels: ['eager', 'spec 50 section 3: until 4.20'],
  chargedCopies: ['1', 'spec 50 section 3: until 4.20'],
  validate: ['alignment', 'spec 30 section 5: until 4.20'],
};

/** Mid-2017: KVM writes hardware tables for the first time. */
const LINUX_4_12: Cells = {
  ...LINUX_4_18,
  pageShiftCheck: ['unfixed', 'B-39: until 4.18'],
  createLock: ['unfixed', 'B-36: until 4.13'],
  checksGeometry: ['false', 'spec 30 section 3: assumed since 4.18'],
  setWindowOnExtraGroup: ['unfixed', 'B-13: from 4.10 to 4.12'],
};

/** The beginning of 2017. */
const LINUX_4_10: Cells = {
  ...LINUX_4_12,
  tableBaseUpdate: ['none', 'B-10: until 4.12'],
  spaprTceVfio: ['false', 'spec 00 section 6: since 4.12'],
};

/** Mid-2015: the first kernel with registered memory. */
const LINUX_4_2: Cells = {
  ...LINUX_4_10,
  setWindowOnExtraGroup: ['fixed', 'B-13: until 4.10'],
  preregOwner: ['mm', 'B-14: until 4.10'],
  createRefund: ['fixed', 'B-21: 2157e7b82f3b did refund'],
  spaprTce64: ['false', 'spec 00 section 6: since 4.6'],
  multiTce: ['false', 'spec 00 section 6: since 4.6'],
  validate: ['none', 'spec 30 section 5: assumed until 4.6'],
  chargesViews: ['false', 'spec 30 section 3: assumed until 4.6'],
  vfioDefaultWindow: ['eager', 'spec 00 section 6: until 4.10; that v1 may attach then is remembered'],
  mmOwner: ['current', 'spec 40 section 1: until 4.10'],
};

export const LINUX_HOST_VERSIONS = {
  'linux-7.2': LINUX_7_2,
  'linux-6.12': LINUX_6_12,
  'linux-6.1': LINUX_6_1,
  'linux-5.2': LINUX_5_2,
  'linux-4.20': LINUX_4_20,
  'linux-4.18': LINUX_4_18,
  'linux-4.12': LINUX_4_12,
  'linux-4.10': LINUX_4_10,
  'linux-4.2': LINUX_4_2,
} as const satisfies Readonly<Record<string, Cells>>;
export type LinuxHostName = keyof typeof LINUX_HOST_VERSIONS;
