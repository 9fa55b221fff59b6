export { outcomeOf, type QemuReceived, RCU_THREAD } from './calls.js';
export { canonicalQemu } from './canonical.js';
export * from './config.js';
export { DRC_LIFE, type Drc, pciDrcIndex, phbDrcIndex } from './drc.js';
export { DEFAULT_DEVICES, DEFAULT_VIOS, initialQemu, type QemuInput, ramOf } from './initial.js';
export { qemuMachine } from './qemu.machine.js';
export type { Outcome, QemuSent } from './sent.js';
export * from './state.js';
export { mappedIn, SUBREGION_ASSERTION, TABLE_LIFE } from './table-life.js';
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
export { type Translation, translate } from './translate.js';
export { buidOf, pciLiobn, slotOrderOf, vioLiobn } from './window-slots.js';
