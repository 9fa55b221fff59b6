import type { Places } from './task.js';

/** A notifier hears of an entry. */
export const NOTIFY_PLACES = {
  mapping: 'vfio-return',
  unmappingBusy: 'vfio-return',
  mappingAgain: 'vfio-return',
  unmapping: 'vfio-return',
  unmappingStale: 'vfio-return',
} as const satisfies Places;

/** A view is read for who begins to listen, or moves to QEMU. */
const VIEW_PLACES = {
  pausingVcpus: 'kvm-return',
  pausingForEntry: 'kvm-return',
  resumingAfterEntry: 'kvm-return',
  resumingVcpus: 'kvm-return',
  loadingView: 'view-return',
  loadingEntry: 'view-return',
  storingEntries: 'view-return',
  creatingKvmTable: 'kvm-return',
  mappingKvmTable: 'kvm-return',
  closingUnmappedTable: 'kvm-return',
  closingKvmTable: 'kvm-return',
} as const satisfies Places;

/** A window's first entry makes its view in KVM, and ties all groups to it. */
export const BIND_PLACES = {
  pausingVcpus: 'kvm-return',
  creatingKvmTable: 'kvm-return',
  mappingKvmTable: 'kvm-return',
  closingUnmappedTable: 'kvm-return',
  storingEntries: 'view-return',
  settingSpaprTce: 'kvm-return',
  resumingVcpus: 'kvm-return',
} as const satisfies Places;

/** Listeners hear of a window that goes, also where another window that covered it comes or goes. */
export const REGION_DEL_PLACES = {
  ...VIEW_PLACES,
  unmappingWindow: 'vfio-return',
  removingWindow: 'vfio-return',
} as const satisfies Places;

/** Listeners hear of a window: it is made, tied to KVM's view, and what it holds is mapped. */
export const REGION_ADD_PLACES = {
  ...REGION_DEL_PLACES,
  ...NOTIFY_PLACES,
  creatingWindow: 'vfio-return',
  removingMisplacedWindow: 'vfio-return',
  settingSpaprTce: 'kvm-return',
} as const satisfies Places;

/** Listeners hear of guest memory. */
export const PREREG_PLACES = {
  registeringMemory: 'vfio-return',
  unregisteringMemory: 'vfio-return',
} as const satisfies Places;

/** A group leaves, and a container with its last group. */
export const DISCONNECT_PLACES = {
  ...REGION_ADD_PLACES,
  ...PREREG_PLACES,
  closingDevice: 'vfio-return',
  deletingGroup: 'kvm-return',
  unsettingContainer: 'vfio-return',
  closingContainer: 'vfio-return',
  closingGroup: 'vfio-return',
} as const satisfies Places;

/** A device is realized: its group is opened and connected, or all of it undone. */
export const CONNECT_PLACES = {
  ...DISCONNECT_PLACES,
  openingGroup: 'vfio-return',
  askingStatus: 'vfio-return',
  joiningContainer: 'vfio-return',
  openingContainer: 'vfio-return',
  askingApiVersion: 'vfio-return',
  checkingExtension: 'vfio-return',
  settingContainer: 'vfio-return',
  settingIommu: 'vfio-return',
  enablingContainer: 'vfio-return',
  askingInfo: 'vfio-return',
  removingDefaultWindow: 'vfio-return',
  creatingKvmDevice: 'kvm-return',
  addingGroup: 'kvm-return',
  gettingDevice: 'vfio-return',
} as const satisfies Places;

/** A PHB is reset. */
export const EEH_PLACES = { operating: 'vfio-return' } as const satisfies Places;
