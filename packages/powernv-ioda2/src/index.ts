export { isBypassSupported } from './bind-driver.js';
export { outcomeOf, type PowernvReceived } from './calls.js';
export { canonicalPowernv } from './canonical.js';
export { isClaimed } from './claim-dma-owner.js';
export {
  BYPASS_BASE,
  featuresOf,
  isSince,
  LINUX_6_12,
  LINUX_NAMES,
  type LinuxName,
  M32_BASE,
  MAX_BLOCK_BYTES,
  PHB_PGSIZES,
  type PhbGeneration,
  type PowernvConfig,
  type PowernvFeatures,
  type PowernvSwitches,
  powernvConfigOf,
  switchesOf,
} from './config.js';
export { windowStartOf } from './create-table.js';
export { getTableSize } from './get-table-size.js';
export {
  DEFAULT_PHBS,
  type DeviceInput,
  initialPowernv,
  type PhbInput,
  type PowernvInput,
} from './initial.js';
export { heldEntries } from './iommu-tce-table-put.js';
export {
  IOMMU_TABLE_LIFE,
  type IommuTableMode,
  iommuTableModeOf,
  OWNERSHIP_LIFE,
  type OwnershipMode,
  ownershipOf,
  TVE_LIFE,
} from './life.js';
export { powernvMachine } from './powernv.machine.js';
export type { Outcome, PowernvSent } from './sent.js';
export { roundDownPow2, roundUpPow2 } from './set-bypass.js';
export { type DefaultWindow, defaultWindow } from './setup-default-config.js';
export { vfAddress } from './sriov-numvfs.js';
export {
  type Accidents,
  type AllocationMap,
  type CachedTces,
  DISABLED,
  deviceOf,
  devicesOfPe,
  type Failing,
  groupOf,
  type HostDevice,
  type HostDriver,
  type HostPhb,
  type IommuGroup,
  type IommuTable,
  isNamed,
  liveTableOf,
  type Pe,
  type PeScope,
  type PluggedDevice,
  type PowernvState,
  peOfDevice,
  peOfGroup,
  phbOf,
  type StrayWord,
  type Tve,
  tableOf,
} from './state.js';
export { IODA2_OPS, tableGroupFacts } from './table-group-read.js';
export { wordAt } from './table-memory.js';
export { phb3KillWrites } from './tce-invalidate.js';
export { hardwareRuns } from './tce-xchg.js';
export { type Translation, translate, walk } from './translate.js';
export { userspaceRuns } from './userspace-slot.js';
