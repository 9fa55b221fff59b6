import type { VfioFrame } from './frames-vfio.js';
import type { StepFunction } from './steps.js';

/** Functions of `hw/vfio` by name. */
export const VFIO_FUNCTIONS: {
  readonly [Fn in VfioFrame['fn']]: StepFunction<Extract<VfioFrame, { fn: Fn }>>;
} = {};
