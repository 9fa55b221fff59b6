export { outcomeOf, type QemuReceived } from './calls.js';
export { canonicalQemu } from './canonical.js';
export * from './config.js';
export { DRC_LIFE, type Drc, pciDrcIndex, phbDrcIndex } from './drc.js';
export { HOST_SWITCHES_7_2, type HostSwitches } from './host-switches.js';
export { DEFAULT_DEVICES, DEFAULT_VIOS, initialQemu, type QemuInput, ramOf } from './initial.js';
export { OPERATIONS, type Operation, operationOf, placeOf } from './places.js';
export { qemuMachine } from './qemu.machine.js';
export type { Outcome, QemuSent } from './sent.js';
export * from './state.js';
export { mappedIn, SUBREGION_ASSERTION, TABLE_LIFE } from './table-life.js';
export type { Awaits, Over, Resting, Task, Waiting } from './task.js';
export { MAIN_THREAD, QEMU_PROCESS, RCU_THREAD } from './task-run.js';
export {
  type EntryRun,
  endOf,
  type Geometry,
  pageBytesOf,
  pageMaskOf,
  pageShiftOf,
  pagesFrom,
  regionOf,
  ringOf,
  runsFrom,
  shiftOf,
  tceIndexAt,
} from './tce-index.js';
export { threadsOf } from './threads.js';
export { type Translation, translate } from './translate.js';
export type * from './vfio-state.js';
export { buidOf, pciLiobn, slotOrderOf, vioLiobn } from './window-slots.js';
