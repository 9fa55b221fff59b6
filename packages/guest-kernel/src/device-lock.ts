import type { Buid } from '@spapr-dma/protocol';
import { call, type Frame, goto, lock, ret, type StepFunction } from './frames.js';
import type { GuestKernel, LockName } from './guest-state.js';

/** An operation on a PHB or one of its devices, which must not vanish meanwhile. */
export interface WithDevicesFrame {
  readonly fn: 'with_devices';
  readonly at: 'begin' | 'waitingForDevices' | 'inside';
  /** `exclusive` for what adds or removes the PHB, its devices or its tables; `shared` for what uses them. */
  readonly access: 'shared' | 'exclusive';
  /** The PHB; null for a VIO device, which never goes. */
  readonly buid: Buid | null;
  readonly inner: Frame;
}

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
