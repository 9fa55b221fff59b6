import { spaprTceAllocTable, spaprTceFreeTable } from './alloc-table.js';
import type { QemuFrame } from './frames-qemu.js';
import type { StepFunction } from './steps.js';

/** Functions of QEMU but for those of `hw/vfio`, by name. */
export const QEMU_FUNCTIONS: {
  readonly [Fn in QemuFrame['fn']]: StepFunction<Extract<QemuFrame, { fn: Fn }>>;
} = {
  spapr_tce_alloc_table: spaprTceAllocTable,
  spapr_tce_free_table: spaprTceFreeTable,
};
