import { unreachable } from '@spapr-dma/protocol';
import type { KvmDeviceFrame } from './frames-vfio.js';
import type { QemuState } from './state.js';
import { kvmCall, kvmResult, type Resumption, ret, type Step } from './steps.js';
import { strerror } from './vfio-errors.js';
import { errorReport } from './vfio-sent.js';
import { groupOf } from './vfio-state.js';

/**
 * KVM's VFIO device hears of a group; the first group makes the device. What fails here is told and forgotten.
 * @see [QEMU] hw/vfio/common.c: vfio_kvm_device_add_group
 */
export function vfioKvmDeviceAddGroup(qemu: QemuState, frame: KvmDeviceFrame, resumed: Resumption): Step {
  const groupFd = fdOf(qemu, frame);
  const add = (at: QemuState) =>
    kvmCall(at, { ...frame, at: 'addingGroup' }, { type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd });
  switch (frame.at) {
    case 'begin':
      if (qemu.config.kvm === null) return ret(qemu);
      if (qemu.vfio.kvmDevice !== null) return add(qemu);
      return kvmCall(
        qemu,
        { ...frame, at: 'creatingKvmDevice' },
        { type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' },
      );
    case 'creatingKvmDevice': {
      const result = kvmResult(resumed);
      if (!result.ok) {
        return ret(qemu, null, [errorReport(`Failed to create KVM VFIO device: ${strerror(result.errno)}`)]);
      }
      return add({ ...qemu, vfio: { ...qemu.vfio, kvmDevice: result.value } });
    }
    case 'addingGroup': {
      const result = kvmResult(resumed);
      if (!result.ok) {
        const why = `Failed to add group ${frame.group} to KVM VFIO device: ${strerror(result.errno)}`;
        return ret(qemu, null, [errorReport(why)]);
      }
      return ret({ ...qemu, vfio: { ...qemu.vfio, kvmGroups: [frame.group, ...qemu.vfio.kvmGroups] } });
    }
    case 'deletingGroup':
      return unreachable('a group is deleted while it is added');
    default:
      return unreachable(`vfio_kvm_device_add_group at ${frame.at satisfies never}`);
  }
}

/**
 * KVM's VFIO device forgets a group, and every table that it was tied to by it.
 * @see [QEMU] hw/vfio/common.c: vfio_kvm_device_del_group
 */
export function vfioKvmDeviceDelGroup(qemu: QemuState, frame: KvmDeviceFrame, resumed: Resumption): Step {
  if (frame.at === 'begin') {
    if (qemu.vfio.kvmDevice === null) return ret(qemu);
    const groupFd = fdOf(qemu, frame);
    return kvmCall(qemu, { ...frame, at: 'deletingGroup' }, { type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd });
  }
  const result = kvmResult(resumed);
  if (!result.ok) {
    const why = `Failed to remove group ${frame.group} from KVM VFIO device: ${strerror(result.errno)}`;
    return ret(qemu, null, [errorReport(why)]);
  }
  const kvmGroups = qemu.vfio.kvmGroups.filter((group) => group !== frame.group);
  return ret({ ...qemu, vfio: { ...qemu.vfio, kvmGroups } });
}

const fdOf = ({ vfio }: QemuState, { group }: KvmDeviceFrame): number =>
  groupOf(vfio, group)?.fd ?? unreachable('KVM is told of a group that is not open');
