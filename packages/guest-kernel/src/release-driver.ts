import type { ReleaseDriverFrame } from './frames-driver.js';
import { withDevice } from './guest-state.js';
import { ret, type StepFunction } from './steps.js';

/**
 * Reports `unbound`. Windows stay as they are, and so do mappings that the driver forgot.
 * @see [Linux] drivers/base/dd.c: device_release_driver
 */
export const releaseDriver: StepFunction<ReleaseDriverFrame> = (kernel, { device }) => {
  const known = kernel.devices[device] !== undefined;
  const next = known ? withDevice(kernel, device, { mode: 'present', bypass: false }) : kernel;
  return ret(next, null, [{ type: 'unbound', device }]);
};
