import { unreachable } from '@spapr-dma/protocol';
import { connectContainer } from './container-connect.js';
import type { GetGroupFrame, PutGroupFrame } from './frames-vfio.js';
import type { QemuState } from './state.js';
import { call, type Resumption, ret, returned, type Step, vfioCall, vfioResult } from './steps.js';
import { strerror } from './vfio-errors.js';
import { vfioTraced } from './vfio-sent.js';
import { containerOf, groupOf, withGroup, withoutGroup } from './vfio-state.js';

/** VFIO_GROUP_GET_STATUS: every device of the group is VFIO's or nobody's. */
const VIABLE = 1;

/**
 * A group of the host, for a device of it: the one that is open already, where it serves the same address space,
 * else opened and put into a container. Returns '' or what went wrong, with everything undone.
 * @see [QEMU] hw/vfio/common.c: vfio_get_group
 */
export function vfioGetGroup(qemu: QemuState, frame: GetGroupFrame, resumed: Resumption): Step {
  const { group: id, phb, fd } = frame;
  switch (frame.at) {
    case 'begin': {
      const open = groupOf(qemu.vfio, id);
      if (open !== undefined) {
        const serves = containerOf(qemu.vfio, open.containerFd ?? -1)?.phb;
        return ret(qemu, serves === phb ? '' : `group ${id} used in multiple address spaces`);
      }
      return vfioCall(qemu, { ...frame, at: 'openingGroup' }, { type: 'open', path: `/dev/vfio/${id}` });
    }
    case 'openingGroup': {
      const result = vfioResult(resumed);
      if (!result.ok) return ret(qemu, `failed to open /dev/vfio/${id}: ${strerror(result.errno)}`);
      const vfio = withGroup(qemu.vfio, { id, fd: result.value, containerFd: null });
      const next: GetGroupFrame = { ...frame, at: 'askingStatus', fd: result.value };
      return vfioCall({ ...qemu, vfio }, next, { type: 'VFIO_GROUP_GET_STATUS', groupFd: result.value });
    }
    case 'askingStatus': {
      const result = vfioResult(resumed);
      if (!result.ok)
        return close(qemu, frame, `failed to get group ${id} status: ${strerror(result.errno)}`);
      if ((result.value & VIABLE) === 0) return close(qemu, frame, `group ${id} is not viable`);
      return call(qemu, { ...frame, at: 'connected' }, connectContainer(id, phb));
    }
    case 'connected': {
      const error = String(returned(resumed));
      return error === ''
        ? ret(qemu, '')
        : close(qemu, frame, `failed to setup container for group ${id}: ${error}`);
    }
    case 'closingGroup':
      return ret({ ...qemu, vfio: withoutGroup(qemu.vfio, id) }, frame.error);
    default:
      return unreachable(`vfio_get_group ${fd} at ${frame.at satisfies never}`);
  }
}

const close = (qemu: QemuState, frame: GetGroupFrame, error: string): Step =>
  vfioCall(qemu, { ...frame, at: 'closingGroup', error }, { type: 'close', fd: frame.fd });

/**
 * A group whose last device has gone: KVM forgets it first, then it leaves its container, then it is closed.
 * @see [QEMU] hw/vfio/common.c: vfio_put_group
 */
export function vfioPutGroup(qemu: QemuState, frame: PutGroupFrame): Step {
  const { group: id } = frame;
  const group = groupOf(qemu.vfio, id) ?? unreachable('a group is given back that is not open');
  switch (frame.at) {
    case 'begin':
      if (qemu.vfio.devices.some((device) => device.group === id)) return ret(qemu);
      return call(
        qemu,
        { ...frame, at: 'deletedFromKvm' },
        { fn: 'vfio_kvm_device_del_group', at: 'begin', group: id },
      );
    case 'deletedFromKvm': {
      const containerFd = group.containerFd ?? unreachable('a group without a container is given back');
      return call(
        qemu,
        { ...frame, at: 'disconnected' },
        { fn: 'vfio_disconnect_container', at: 'begin', group: id, containerFd },
      );
    }
    case 'disconnected':
      return vfioCall(qemu, { ...frame, at: 'closingGroup' }, { type: 'close', fd: group.fd }, [
        vfioTraced({ event: 'vfio_put_group', fd: group.fd }),
      ]);
    case 'closingGroup':
      return ret({ ...qemu, vfio: withoutGroup(qemu.vfio, id) });
    default:
      return unreachable(`vfio_put_group at ${frame.at satisfies never}`);
  }
}
