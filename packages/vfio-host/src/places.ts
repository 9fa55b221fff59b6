import type { Frame } from './frames.js';
import type { Awaits, Caller } from './thread-state.js';

/** A place at which an operation waits: what for, and where it can go on to. */
export interface Place {
  readonly awaits: Awaits;
  /** Places of the same operation, and `idle`. */
  readonly next: readonly string[];
}
type Places = Readonly<Record<string, Place>>;

const waits =
  (awaits: Awaits) =>
  (...next: readonly string[]): Place => ({ awaits, next });
const group = waits('group');
const access = waits('access');

/** Each of these is a function of the kernel; `then` is where its caller can go on to. */
const clearing = (...then: readonly string[]): Places => {
  const next = ['clearing.exchanging', 'clearing.killing'];
  return {
    'clearing.exchanging': access('clearing.readingSlot', ...next),
    'clearing.readingSlot': access('clearing.forgettingSlot', ...next),
    'clearing.forgettingSlot': access('clearing.forgettingSlot', ...next),
    'clearing.killing': access(...then),
  };
};
const CLEARS = ['clearing.exchanging', 'clearing.killing'] as const;

const creatingWindow = (...then: readonly string[]): Places => ({
  'creatingWindow.sizingTable': group('creatingWindow.creatingTable', ...then),
  'creatingWindow.creatingTable': group('creatingWindow.settingWindow', ...then),
  'creatingWindow.settingWindow': group(
    'creatingWindow.settingWindow',
    'creatingWindow.unsettingWindow',
    ...then,
  ),
  'creatingWindow.unsettingWindow': group('creatingWindow.unsettingWindow', 'creatingWindow.freeingTable'),
  'creatingWindow.freeingTable': group(...then),
});

const attachingGroup = (...then: readonly string[]): Places => ({
  'attachingGroup.readingGroup': group(
    'attachingGroup.takingOwnership',
    'attachingGroup.settingWindow',
    ...then,
  ),
  'attachingGroup.takingOwnership': group(
    'attachingGroup.settingWindow',
    'attachingGroup.releasingOwnership',
    ...then,
  ),
  'attachingGroup.settingWindow': group(
    'attachingGroup.settingWindow',
    'attachingGroup.unsettingWindow',
    ...then,
  ),
  'attachingGroup.unsettingWindow': group(
    'attachingGroup.unsettingWindow',
    'attachingGroup.releasingOwnership',
    ...then,
  ),
  'attachingGroup.releasingOwnership': group(...then),
});

/** A clear may be that of a group that leaves, or that of a driver that ends. */
const detaching = (...then: readonly string[]): Places => {
  const free = [...CLEARS, 'releasing.freeingTable', ...then];
  const owner = ['detachingGroup.releasingOwnership', 'releasingOwner', ...free];
  return {
    ...clearing('detachingGroup.unsettingWindow', 'releasing.freeingTable'),
    'detachingGroup.unsettingWindow': group('detachingGroup.unsettingWindow', ...owner),
    'detachingGroup.releasingOwnership': group('releasingOwner', ...free),
    releasingOwner: group(...free),
    'releasing.freeingTable': group('releasing.freeingTable', ...CLEARS, ...then),
  };
};
const DETACHES = [
  'clearing.exchanging',
  'detachingGroup.unsettingWindow',
  'detachingGroup.releasingOwnership',
  'releasingOwner',
  'releasing.freeingTable',
] as const;

/** An operation: where it can begin to wait, or end at once, and its places. */
export interface Operation {
  readonly entered: readonly string[];
  readonly places: Places;
}
const SIZES = 'creatingWindow.sizingTable';
/** What takes back what SET_IOMMU has done so far. */
const UNDOES = [
  'detachingGroup.unsettingWindow',
  'detachingGroup.releasingOwnership',
  'clearing.exchanging',
  'releasing.freeingTable',
  'idle',
] as const;
/** Files of a process that ends are released one after the other, each under its mutexes. */
const RELEASES = [...DETACHES, 'waitingForMutex'] as const;

/**
 * What a thread can be doing, and the places at which it waits there: the chart of one thread as data. A place
 * is that of the innermost function.
 */
export const OPERATIONS = {
  calling: { entered: ['idle'], places: {} },
  gettingStatus: {
    entered: ['readingGroup', 'idle'],
    places: { readingGroup: group('idle') },
  },
  settingContainer: {
    entered: ['claimingOwner', 'attachingGroup.readingGroup', 'idle'],
    places: {
      claimingOwner: group('attachingGroup.readingGroup', 'idle'),
      ...attachingGroup('releasingOwner', 'idle'),
      releasingOwner: group('idle'),
    },
  },
  unsettingContainer: { entered: [...DETACHES, 'idle'], places: detaching('idle') },
  settingIommu: {
    entered: ['attachingGroup.readingGroup', 'idle'],
    places: {
      // In old kernels the first group brings a window, and a second one that fails takes both back.
      ...attachingGroup('attachingGroup.readingGroup', SIZES, ...UNDOES),
      ...creatingWindow('attachingGroup.readingGroup', 'attachingGroup.releasingOwnership', ...UNDOES),
      'detachingGroup.unsettingWindow': group('detachingGroup.releasingOwnership', ...UNDOES),
      'detachingGroup.releasingOwnership': group(...UNDOES),
      'clearing.exchanging': access('clearing.killing'),
      'clearing.killing': access('releasing.freeingTable'),
      'releasing.freeingTable': group('idle'),
    },
  },
  creating: { entered: [SIZES, 'idle'], places: creatingWindow(SIZES, 'idle') },
  removing: {
    entered: [...CLEARS, 'unsettingWindow', 'idle'],
    places: {
      ...clearing('unsettingWindow', 'freeingTable'),
      unsettingWindow: group('unsettingWindow', 'freeingTable', ...CLEARS),
      freeingTable: group('idle'),
    },
  },
  mapping: {
    entered: [SIZES, 'readingSlot', 'exchanging', 'killing', ...CLEARS, 'idle'],
    places: {
      ...creatingWindow('readingSlot', 'exchanging', 'killing', ...CLEARS, 'idle'),
      readingSlot: access('exchanging', 'killing', ...CLEARS),
      exchanging: access('readingOldSlot', 'writingSlot', 'readingSlot', 'exchanging', 'killing', ...CLEARS),
      readingOldSlot: access('forgettingSlot', 'writingSlot', ...CLEARS),
      forgettingSlot: access('forgettingSlot', 'writingSlot', 'readingOldSlot', ...CLEARS),
      writingSlot: access('readingSlot', 'readingOldSlot', 'killing', ...CLEARS),
      killing: access('idle'),
      ...clearing('idle'),
    },
  },
  unmapping: {
    entered: [SIZES, ...CLEARS, 'idle'],
    places: { ...creatingWindow(...CLEARS, 'idle'), ...clearing('idle') },
  },
  closing: { entered: [...DETACHES, 'idle'], places: detaching('idle') },
  exiting: {
    entered: [...RELEASES, 'idle'],
    places: {
      waitingForMutex: { awaits: 'mutex', next: [...RELEASES, 'idle'] },
      ...detaching(...RELEASES, 'idle'),
    },
  },
  unbinding: { entered: [...DETACHES, 'idle'], places: detaching('idle') },
} as const satisfies Readonly<Record<string, Operation>>;
export type OperationName = keyof typeof OPERATIONS;

/** The operation that each call is; most are done in one step. */
export const OPERATION_OF: Readonly<Record<Caller['call'], OperationName>> = {
  open: 'calling',
  close: 'closing',
  mmap: 'calling',
  VFIO_GET_API_VERSION: 'calling',
  VFIO_CHECK_EXTENSION: 'calling',
  VFIO_GROUP_GET_STATUS: 'gettingStatus',
  VFIO_GROUP_SET_CONTAINER: 'settingContainer',
  VFIO_GROUP_UNSET_CONTAINER: 'unsettingContainer',
  VFIO_GROUP_GET_DEVICE_FD: 'calling',
  VFIO_SET_IOMMU: 'settingIommu',
  VFIO_IOMMU_SPAPR_TCE_GET_INFO: 'calling',
  VFIO_IOMMU_ENABLE: 'calling',
  VFIO_IOMMU_DISABLE: 'calling',
  VFIO_IOMMU_SPAPR_REGISTER_MEMORY: 'calling',
  VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY: 'calling',
  VFIO_IOMMU_SPAPR_TCE_CREATE: 'creating',
  VFIO_IOMMU_SPAPR_TCE_REMOVE: 'removing',
  VFIO_IOMMU_MAP_DMA: 'mapping',
  VFIO_IOMMU_UNMAP_DMA: 'unmapping',
  VFIO_EEH_PE_OP: 'calling',
  ioctl: 'calling',
  exit: 'exiting',
  'unbind-vfio-pci': 'unbinding',
};

/** Functions whose places stand under a name of their own. */
const UNDER: Partial<Record<Frame['fn'], string>> = {
  tce_iommu_attach_group: 'attachingGroup.',
  tce_iommu_detach_group: 'detachingGroup.',
  tce_iommu_release: 'releasing.',
  tce_iommu_create_window: 'creatingWindow.',
  tce_iommu_clear: 'clearing.',
};

/** Where the chart is, from the operation and its innermost function. */
export const placeOf = (call: Caller['call'], { fn, at }: Frame): string =>
  `${OPERATION_OF[call]}.${UNDER[fn] ?? ''}${at}`;
