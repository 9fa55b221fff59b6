import type { Frame } from './frames.js';
import type { Places, Task } from './task.js';
import {
  BIND_PLACES,
  CONNECT_PLACES,
  DISCONNECT_PLACES,
  EEH_PLACES,
  NOTIFY_PLACES,
  PREREG_PLACES,
  REGION_ADD_PLACES,
  REGION_DEL_PLACES,
} from './vfio-places.js';

/** A guest view is made. */
const ALLOC_PLACES = {
  creatingKvmTable: 'kvm-return',
  mappingKvmTable: 'kvm-return',
  closingUnmappedTable: 'kvm-return',
} as const satisfies Places;
/** A guest view goes. */
const FREE_PLACES = { closingKvmTable: 'kvm-return' } as const satisfies Places;
/** A guest view is read, or filled. */
const READ_PLACES = { loadingView: 'view-return', loadingEntry: 'view-return' } as const satisfies Places;
const WRITE_PLACES = { storingEntries: 'view-return' } as const satisfies Places;
/** A guest view moves. */
const MOVE_PLACES = {
  pausingVcpus: 'kvm-return',
  ...ALLOC_PLACES,
  ...READ_PLACES,
  ...WRITE_PLACES,
  ...FREE_PLACES,
  resumingVcpus: 'kvm-return',
} as const satisfies Places;

/** A window comes or goes. */
const WINDOW_PLACES = {
  ...ALLOC_PLACES,
  ...REGION_ADD_PLACES,
  ...REGION_DEL_PLACES,
  ...FREE_PLACES,
} as const satisfies Places;

/** What the big lock is held for, and where its holder can wait meanwhile. */
export const OPERATIONS = {
  starting: {
    starting: 'step',
    addingMemslot: 'kvm-return',
    enablingHcall: 'kvm-return',
    ...ALLOC_PLACES,
    ...MOVE_PLACES,
    ...CONNECT_PLACES,
    ...PREREG_PLACES,
  },
  resetting: { ...WINDOW_PLACES, ...WRITE_PLACES, ...EEH_PLACES },
  addingDevice: {
    ...WINDOW_PLACES,
    ...MOVE_PLACES,
    ...CONNECT_PLACES,
    ...PREREG_PLACES,
    addingMemslot: 'kvm-return',
  },
  removingMemory: { removingMemslot: 'kvm-return', ...PREREG_PLACES },
  freeing: { ...WINDOW_PLACES, ...MOVE_PLACES, ...DISCONNECT_PLACES },
  creatingWindow: { ...WINDOW_PLACES, showingWindow: 'step' },
  removingWindow: WINDOW_PLACES,
  resettingWindows: WINDOW_PLACES,
  quiescing: WRITE_PLACES,
  writingEntries: { storingEntry: 'view-return', ...BIND_PLACES, ...WRITE_PLACES, ...NOTIFY_PLACES },
  readingEntry: READ_PLACES,
  registeringNotifier: MOVE_PLACES,
  migrating: READ_PLACES,
  loadingStream: { ...WINDOW_PLACES, ...WRITE_PLACES, ...NOTIFY_PLACES },
} as const satisfies Readonly<Record<string, Places>>;
export type Operation = keyof typeof OPERATIONS;

/** The operation that a function is, where it is the outermost one. */
const OPERATION_OF: Partial<Record<Frame['fn'], Operation>> = {
  qemu_init: 'starting',
  spapr_machine_reset: 'resetting',
  qdev_device_add: 'addingDevice',
  pc_dimm_unplug: 'removingMemory',
  call_rcu_thread: 'freeing',
  rtas_ibm_create_pe_dma_window: 'creatingWindow',
  rtas_ibm_remove_pe_dma_window: 'removingWindow',
  rtas_ibm_reset_pe_dma_window: 'resettingWindows',
  rtas_quiesce: 'quiescing',
  h_put_tce: 'writingEntries',
  h_put_tce_indirect: 'writingEntries',
  h_stuff_tce: 'writingEntries',
  h_get_tce: 'readingEntry',
  memory_region_register_iommu_notifier: 'registeringNotifier',
  migrate: 'migrating',
  migrate_incoming: 'loadingStream',
};

/** What the big lock is held for; undefined while it is free. */
export const operationOf = (task: Task | null): Operation | undefined =>
  task?.mode === 'waiting' ? OPERATION_OF[task.frames[0]?.fn ?? 'read_view'] : undefined;

/** Where its holder waits. */
export const placeOf = (task: Task | null): string | undefined =>
  task?.mode === 'waiting' ? task.frames.at(-1)?.at : undefined;
