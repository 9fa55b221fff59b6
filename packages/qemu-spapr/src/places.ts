import type { Frame } from './frames.js';
import type { Awaits, Places, Task } from './task.js';
import {
  CONNECT_PLACES,
  DISCONNECT_PLACES,
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

const ENABLE_PLACES = { ...ALLOC_PLACES, ...REGION_ADD_PLACES } as const;
const DISABLE_PLACES = { ...FREE_PLACES, ...REGION_DEL_PLACES } as const;

/** What the big lock is held for, and where the holder can wait meanwhile. */
export const OPERATIONS = {
  resetting: { ...ENABLE_PLACES, ...DISABLE_PLACES },
  addingDevice: { ...ENABLE_PLACES, ...CONNECT_PLACES, ...PREREG_PLACES },
  releasingDevice: { ...DISABLE_PLACES, ...DISCONNECT_PLACES },
  writingEntries: { ...NOTIFY_PLACES },
} as const satisfies Record<string, Places>;
export type Operation = keyof typeof OPERATIONS;

/** The operation that a function is, where it is the outermost one. */
const OPERATION_OF: Partial<Record<Frame['fn'], Operation>> = {};

/** Where the chart is: what the lock is held for, and what the innermost function waits for. */
export function placeOf(task: Task | null): string | undefined {
  if (task?.mode !== 'waiting') return undefined;
  const operation = OPERATION_OF[task.frames[0]!.fn];
  return `${operation}.${task.frames.at(-1)!.at}`;
}

export type { Awaits };
