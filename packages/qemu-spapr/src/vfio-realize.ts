import { unreachable } from '@spapr-dma/protocol';
import type { FinalizeFrame, RealizeFrame } from './frames-vfio.js';
import type { QemuState } from './state.js';
import { call, type Resumption, ret, returned, type Step, vfioCall, vfioResult } from './steps.js';
import { strerror } from './vfio-errors.js';
import { vfioTraced } from './vfio-sent.js';
import { groupOf, withDevice, withoutDeviceOf } from './vfio-state.js';

/**
 * A function of the host becomes the guest's: its group is opened and connected where no other device has done so,
 * so that all windows are there and filled before the guest hears of the device. Returns '' or QEMU's message, with
 * everything undone.
 *
 * Abstraction: the device's registers are not mapped; they play no part in DMA.
 * @see [QEMU] hw/vfio/pci.c: vfio_realize; hw/vfio/common.c: vfio_get_device
 */
export function vfioRealize(qemu: QemuState, frame: RealizeFrame, resumed: Resumption): Step {
  const { device } = frame;
  const { host, group, phb } = device;
  const prefixed = (error: string): string => `vfio ${host}: ${error}`;
  switch (frame.at) {
    case 'begin':
      return call(
        qemu,
        { ...frame, at: 'gotGroup' },
        { fn: 'vfio_get_group', at: 'begin', group, phb, fd: -1, error: '' },
        [vfioTraced({ event: 'vfio_realize', host, group })],
      );
    case 'gotGroup': {
      const error = String(returned(resumed));
      if (error !== '') return ret(qemu, prefixed(error));
      if (qemu.vfio.devices.some((other) => other.host === host)) {
        return undo(qemu, frame, prefixed('device is already attached'));
      }
      const groupFd = groupOf(qemu.vfio, group)?.fd ?? unreachable('a device of a group that is not open');
      return vfioCall(
        qemu,
        { ...frame, at: 'gettingDevice' },
        { type: 'VFIO_GROUP_GET_DEVICE_FD', groupFd, device: host },
      );
    }
    case 'gettingDevice': {
      const result = vfioResult(resumed);
      if (!result.ok) {
        return undo(
          qemu,
          frame,
          prefixed(`error getting device from group ${group}: ${strerror(result.errno)}`),
        );
      }
      const { id, devfn } = device;
      const taken = { id, host, group, phb, devfn, fd: result.value, mode: 'present' } as const;
      const line = vfioTraced({ event: 'vfio_get_device', host });
      return ret({ ...qemu, vfio: withDevice(qemu.vfio, taken) }, '', [line]);
    }
    case 'undone':
      return ret(qemu, frame.error);
    default:
      return unreachable(`vfio_realize at ${frame.at satisfies never}`);
  }
}

const undo = (qemu: QemuState, frame: RealizeFrame, error: string): Step =>
  call(
    qemu,
    { ...frame, at: 'undone', error },
    { fn: 'vfio_put_group', at: 'begin', group: frame.device.group },
  );

/**
 * A device that has left the guest is let go, when the last reference to it is dropped: in an RCU callback after
 * the unplug. Its descriptor is closed first, then its group goes where no other device needs it.
 * @see [QEMU] hw/vfio/pci.c: vfio_instance_finalize; hw/vfio/common.c: vfio_put_base_device
 */
export function vfioInstanceFinalize(qemu: QemuState, frame: FinalizeFrame): Step {
  const device = qemu.vfio.devices.find(({ id }) => id === frame.id);
  switch (frame.at) {
    case 'begin': {
      const fd = device?.fd ?? unreachable('a device is finalized that was never realized');
      return vfioCall(qemu, { ...frame, at: 'closingDevice' }, { type: 'close', fd }, [
        vfioTraced({ event: 'vfio_put_base_device', fd }),
      ]);
    }
    case 'closingDevice': {
      const group = device?.group ?? unreachable('a device is finalized twice');
      return call(
        { ...qemu, vfio: withoutDeviceOf(qemu.vfio, frame.id) },
        { ...frame, at: 'groupPut' },
        { fn: 'vfio_put_group', at: 'begin', group },
      );
    }
    case 'groupPut':
      return ret(qemu);
    default:
      return unreachable(`vfio_instance_finalize at ${frame.at satisfies never}`);
  }
}
