import type { Places } from './task.js';

/** Where the functions of `hw/vfio` wait, by what they do. */
export const REGION_ADD_PLACES = {} as const satisfies Places;
export const REGION_DEL_PLACES = {} as const satisfies Places;
export const NOTIFY_PLACES = {} as const satisfies Places;
export const PREREG_PLACES = {} as const satisfies Places;
export const CONNECT_PLACES = {} as const satisfies Places;
export const DISCONNECT_PLACES = {} as const satisfies Places;
