import type { Buid } from '@spapr-dma/protocol';
import type { Frame, WithDevicesFrame } from './frames.js';
import type { GuestKernel, LockName } from './guest-state.js';
import { call, goto, lock, ret, type StepFunction } from './steps.js';

export const withDevicesFrame = (access: WithDevicesFrame['access'], inner: Frame): WithDevicesFrame => ({
  fn: 'with_devices',
  at: 'begin',
  access,
  buid: null,
  inner,
});

/** The PHB that an operation is about. */
function buidOf(kernel: GuestKernel, frame: Frame): Buid | null {
  const device = (id: string | null) => (id === null ? null : (kernel.devices[id]?.buid ?? null));
  if (frame.fn === 'dlpar') {
    const { command } = frame;
    if (command.type === 'dlpar-add-phb') return command.node.buid;
    return command.type === 'dlpar-remove-device' ? device(command.device) : command.buid;
  }
  if ('buid' in frame) return frame.buid;
  return 'device' in frame ? device(frame.device) : null;
}

/**
 * Runs the operation inside its PHB's lock.
 *
 * Abstraction: a lock of each PHB, with readers and one writer, stands for the devices' locks, for the lock of
 * PCI rescan and removal, and for a driver's own care not to map while its device goes.
 * @see [Linux] drivers/base/dd.c: device_release_driver; drivers/pci/probe.c: pci_lock_rescan_remove
 */
export const withDevices: StepFunction<WithDevicesFrame> = (kernel, frame) => {
  switch (frame.at) {
    case 'begin': {
      const buid = buidOf(kernel, frame.inner);
      return lock(kernel, { ...frame, at: 'waitingForDevices', buid }, 'device_lock');
    }
    case 'waitingForDevices':
      // The device may have moved to another PHB while this vCPU waited.
      if (buidOf(kernel, frame.inner) !== frame.buid) return goto(kernel, { ...frame, at: 'begin' });
      return call(kernel, { ...frame, at: 'inside' }, frame.inner);
    case 'inside':
      return ret(kernel);
  }
};

/** Whether another vCPU's operation keeps this one out: one of the two wants the PHB for itself. */
function keepsOut(other: Frame | undefined, wanted: WithDevicesFrame): boolean {
  if (other?.fn !== 'with_devices' || other.at !== 'inside' || other.buid !== wanted.buid) return false;
  return other.access === 'exclusive' || wanted.access === 'exclusive';
}

/** Whether a vCPU can have a lock now. Who is in a PHB's lock is seen from what the vCPUs are doing. */
export function isLockFree(kernel: GuestKernel, name: LockName, cpu: number, waiting: Frame): boolean {
  if (name !== 'device_lock') return kernel.locks[name] === null;
  if (waiting.fn !== 'with_devices' || waiting.buid === null) return true;
  return !kernel.vcpus.some(({ stack }, i) => i !== cpu && keepsOut(stack[0], waiting));
}
