import type { GuestCommand } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type { Awaits, Vcpu } from './guest-state.js';

/** A place at which an operation waits: what for, and where it can go on to. */
export interface Place {
  readonly awaits: readonly Awaits[];
  /** Places of the same operation, places of another as `operation.place`, and `idle`. */
  readonly next: readonly string[];
}

const HCALL = ['hcall'] as const;
/** RTAS is one call at a time, so that a vCPU may first have to wait for another's; not so while booting. */
const RTAS = ['lock', 'rtas'] as const;
const RTAS_ALONE = ['rtas'] as const;

/** Where a command has been taken, and what it leads to is not yet known. */
const entered = (...next: readonly string[]): Place => ({ awaits: [], next });

/**
 * The operations of a vCPU and the places at which each waits: the chart of one vCPU as data. The place of a
 * vCPU is the `at` of the operation's own frame; functions that it calls wait there.
 */
export const OPERATIONS = {
  firmware: {
    entered: entered('putting', 'quiescing'),
    putting: { awaits: HCALL, next: ['quiescing'] },
    quiescing: {
      awaits: RTAS_ALONE,
      next: ['booting.settingUpBuses', 'booting.settingUpDevices', 'booting.settingUpVio', 'idle'],
    },
  },
  booting: {
    entered: entered('settingUpBuses', 'settingUpDevices', 'settingUpVio', 'idle'),
    settingUpBuses: { awaits: HCALL, next: ['settingUpDevices', 'settingUpVio', 'idle'] },
    settingUpDevices: { awaits: RTAS_ALONE, next: ['settingUpVio', 'idle'] },
    settingUpVio: { awaits: HCALL, next: ['idle'] },
  },
  probing: {
    entered: entered('waitingForDevices', 'waitingForMutex', 'lookingUp', 'querying', 'idle'),
    waitingForDevices: { awaits: ['lock'], next: ['waitingForMutex', 'lookingUp', 'querying', 'idle'] },
    waitingForMutex: { awaits: ['lock'], next: ['lookingUp', 'querying', 'idle'] },
    lookingUp: { awaits: ['lock'], next: ['querying', 'idle'] },
    querying: {
      awaits: RTAS,
      next: ['limitingAddresses', 'removingDefaultWindow', 'creating', 'idle'],
    },
    limitingAddresses: {
      awaits: RTAS,
      next: ['removingDefaultWindow', 'creating', 'restoringDefaultWindow', 'idle'],
    },
    removingDefaultWindow: { awaits: ['hcall', ...RTAS], next: ['queryingAgain'] },
    queryingAgain: { awaits: RTAS, next: ['creating', 'restoringDefaultWindow', 'idle'] },
    creating: {
      awaits: RTAS,
      next: ['mappingRam', 'clearingNewTable', 'listing', 'restoringDefaultWindow', 'idle'],
    },
    mappingRam: { awaits: HCALL, next: ['cleaningFailedWindow', 'listing', 'idle'] },
    clearingNewTable: { awaits: HCALL, next: ['listing', 'idle'] },
    listing: { awaits: ['lock'], next: ['idle'] },
    cleaningFailedWindow: { awaits: HCALL, next: ['removingFailedWindow'] },
    removingFailedWindow: { awaits: RTAS, next: ['restoringDefaultWindow', 'idle'] },
    restoringDefaultWindow: { awaits: RTAS, next: ['idle'] },
  },
  unbinding: {
    entered: entered('waitingForDevices', 'idle'),
    waitingForDevices: { awaits: ['lock'], next: ['idle'] },
  },
  mapping: {
    entered: entered('waitingForDevices', 'setting', 'idle'),
    waitingForDevices: { awaits: ['lock'], next: ['setting', 'idle'] },
    setting: { awaits: HCALL, next: ['clearing', 'idle'] },
    clearing: { awaits: HCALL, next: ['idle'] },
  },
  unmapping: {
    entered: entered('waitingForDevices', 'clearing', 'idle'),
    waitingForDevices: { awaits: ['lock'], next: ['clearing', 'idle'] },
    clearing: { awaits: HCALL, next: ['idle'] },
  },
  notifyingMemory: {
    entered: entered('waitingForList', 'notifying', 'idle'),
    waitingForList: { awaits: ['lock'], next: ['notifying', 'idle'] },
    notifying: { awaits: HCALL, next: ['waitingForList', 'idle'] },
  },
  dlpar: {
    entered: entered(
      'waitingForDevices',
      'acquiring',
      'marking',
      'removingWindow',
      'unlisting',
      'releasing',
      'idle',
    ),
    waitingForDevices: {
      awaits: ['lock'],
      next: ['acquiring', 'marking', 'removingWindow', 'unlisting', 'releasing', 'idle'],
    },
    acquiring: { awaits: RTAS, next: ['settingUpDevices', 'idle'] },
    settingUpDevices: { awaits: ['hcall', ...RTAS], next: ['idle'] },
    marking: { awaits: RTAS, next: ['releasing', 'idle'] },
    removingWindow: { awaits: ['hcall', ...RTAS], next: ['unlisting', 'releasing'] },
    unlisting: { awaits: ['lock'], next: ['releasing'] },
    releasing: { awaits: RTAS, next: ['idle'] },
  },
  changingOwner: {
    entered: entered(
      'waitingForDevices',
      'waitingForMutex',
      'removingWindow',
      'restoringDefaultWindow',
      'clearingNewTable',
      'unlisting',
      'idle',
    ),
    waitingForDevices: {
      awaits: ['lock'],
      next: [
        'waitingForMutex',
        'removingWindow',
        'restoringDefaultWindow',
        'clearingNewTable',
        'unlisting',
        'idle',
      ],
    },
    waitingForMutex: {
      awaits: ['lock'],
      // Firmware without ibm,reset-pe-dma-window is not asked for the default window.
      next: ['removingWindow', 'restoringDefaultWindow', 'clearingNewTable', 'unlisting', 'idle'],
    },
    removingWindow: { awaits: ['hcall', ...RTAS], next: ['unlisting', 'idle'] },
    unlisting: { awaits: ['lock'], next: ['idle'] },
    restoringDefaultWindow: { awaits: RTAS, next: ['clearingNewTable', 'idle'] },
    clearingNewTable: { awaits: HCALL, next: ['idle'] },
  },
  creatingTable: {
    entered: entered('waitingForDevices', 'waitingForMutex', 'restoringDefaultWindow', 'querying', 'idle'),
    waitingForDevices: {
      awaits: ['lock'],
      next: ['waitingForMutex', 'restoringDefaultWindow', 'querying', 'idle'],
    },
    waitingForMutex: {
      awaits: ['lock'],
      next: ['restoringDefaultWindow', 'querying', 'idle'],
    },
    restoringDefaultWindow: { awaits: RTAS, next: ['clearingNewTable', 'idle'] },
    querying: { awaits: RTAS, next: ['creating', 'idle'] },
    creating: { awaits: RTAS, next: ['clearingNewTable', 'idle'] },
    clearingNewTable: { awaits: HCALL, next: ['listing', 'idle'] },
    listing: { awaits: ['lock'], next: ['idle'] },
  },
  unsettingWindow: {
    entered: entered('waitingForDevices', 'waitingForMutex', 'removingWindow', 'idle'),
    waitingForDevices: { awaits: ['lock'], next: ['waitingForMutex', 'removingWindow', 'idle'] },
    waitingForMutex: { awaits: ['lock'], next: ['removingWindow', 'idle'] },
    removingWindow: { awaits: RTAS, next: ['unlisting', 'idle'] },
    unlisting: { awaits: ['lock'], next: ['idle'] },
  },
  exchanging: {
    entered: entered('waitingForDevices', 'exchanging', 'idle'),
    waitingForDevices: { awaits: ['lock'], next: ['exchanging', 'idle'] },
    exchanging: { awaits: ['hcall', 'lock'], next: ['clearing', 'idle'] },
    clearing: { awaits: ['hcall', 'lock'], next: ['idle'] },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Place>>>>;

export type Operation = keyof typeof OPERATIONS;

/** The operation that each command begins; null for what is done in one step. */
export const OPERATION_BY_COMMAND = {
  probe: 'probing',
  unbind: 'unbinding',
  dma_map: 'mapping',
  dma_map_sg: 'mapping',
  dma_unmap: 'unmapping',
  'online-memory': 'notifyingMemory',
  'offline-memory': 'notifyingMemory',
  'dlpar-add-phb': 'dlpar',
  'dlpar-add-device': 'dlpar',
  'dlpar-remove-phb': 'dlpar',
  'dlpar-remove-device': 'dlpar',
  'vfio-take-ownership': 'changingOwner',
  'vfio-release-ownership': 'changingOwner',
  'vfio-create-table': 'creatingTable',
  'vfio-set-window': null,
  'vfio-unset-window': 'unsettingWindow',
  'vfio-map': 'exchanging',
  'vfio-unmap': 'exchanging',
} as const satisfies Readonly<Record<Exclude<GuestCommand['type'], 'kexec'>, Operation | null>>;

/** The operation whose frame a function is, where it is one. */
const OPERATION_OF: Partial<Record<Frame['fn'], Operation>> = {
  dma_set_mask: 'probing',
  device_release_driver: 'unbinding',
  slof: 'firmware',
  boot: 'booting',
  enable_ddw: 'probing',
  iommu_alloc: 'mapping',
  ppc_iommu_map_sg: 'mapping',
  iommu_free: 'unmapping',
  iommu_mem_notifier: 'notifyingMemory',
  dlpar: 'dlpar',
  spapr_tce_ownership: 'changingOwner',
  spapr_tce_create_table: 'creatingTable',
  spapr_tce_unset_window: 'unsettingWindow',
  tce_iommu_build: 'exchanging',
};

/** Where the chart is, from the vCPU's frames and what the innermost one waits for. */
export function placeOf(stack: Vcpu['stack'], awaits: Awaits): string {
  const outermost = stack[0];
  if (outermost?.fn === 'with_devices' && outermost.at === 'waitingForDevices') {
    return `${OPERATION_OF[outermost.inner.fn]}.waitingForDevices.${awaits}`;
  }
  const frame = stack.find(({ fn }) => fn !== 'dma_set_mask' && OPERATION_OF[fn] !== undefined);
  return frame === undefined ? 'idle' : `${OPERATION_OF[frame.fn]}.${frame.at}.${awaits}`;
}
