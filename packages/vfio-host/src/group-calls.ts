import type {
  MmapDevice,
  VfioGroupGetDeviceFd,
  VfioGroupGetStatus,
  VfioGroupSetContainer,
  VfioGroupUnsetContainer,
} from '@spapr-dma/protocol';
import type { Rc } from './answers.js';
import { answered, type Begun, goesOn } from './begun.js';
import type { DetachContainerFrame, GetStatusFrame } from './frames.js';
import type { Process, VfioGroup } from './objects.js';
import { ran } from './said.js';
import {
  chargedMm,
  containerOf,
  fileOf,
  groupOf,
  hasOpenDevice,
  heldFiles,
  isDeviceOpen,
  lowestFree,
  processOf,
  type VfioHost,
  withFd,
  withProcess,
} from './state.js';
import { askGroup, groupReply, ret, type StepFunction } from './steps.js';

/** VFIO_GROUP_FLAGS_VIABLE and VFIO_GROUP_FLAGS_CONTAINER_SET. */
const VIABLE = 1;
const CONTAINER_SET = 2;

type OnGroup = VfioGroupGetStatus | VfioGroupSetContainer | VfioGroupUnsetContainer | VfioGroupGetDeviceFd;
type Found = { readonly process: Process; readonly group: VfioGroup };

/** The group behind a descriptor; EBADF for none, ENOTTY for a file of another kind. */
function groupBehind(host: VfioHost, call: OnGroup): Found | 'EBADF' | 'ENOTTY' {
  const process = processOf(host, call.process);
  const file = process === undefined ? undefined : fileOf(process, call.groupFd);
  if (process === undefined || file === undefined) return 'EBADF';
  const group = file.kind === 'group' ? groupOf(host, file.group) : undefined;
  return group === undefined ? 'ENOTTY' : { process, group };
}

/**
 * Whether a group can be used, and whether it is in a container.
 * @see [Linux] drivers/vfio/group.c: vfio_group_ioctl_get_status
 */
export function groupGetStatus(host: VfioHost, call: VfioGroupGetStatus): Begun {
  const found = groupBehind(host, call);
  if (typeof found === 'string') return answered(host, found);
  const { group } = found;
  // Nothing is left to be used once the last device has gone.
  if (group.devices.length === 0) return answered(host, 'ENODEV');
  if (group.container !== null) return answered(host, VIABLE | CONTAINER_SET);
  return goesOn(host, { fn: 'vfio_group_ioctl_get_status', at: 'entered', group: group.group });
}
/** A group without a container can be used where nobody has claimed it. */
export const vfioGroupIoctlGetStatus: StepFunction<GetStatusFrame> = (host, frame, resumed) => {
  if (frame.at === 'entered') {
    const read = { type: 'table_group_read', group: frame.group } as const;
    return askGroup(host, { ...frame, at: 'readingGroup' }, read);
  }
  const reply = groupReply(resumed);
  return ret(host, reply.ok && reply.facts?.claimed === true ? 0 : VIABLE);
};

/**
 * EBADF for a descriptor that is no container, EINVAL for a group that is in one, ENODEV for one whose last
 * device has gone.
 *
 * Abstraction: a descriptor of something else than a container is EBADF; the kernel says EBADFD.
 * @see [Linux] drivers/vfio/group.c: vfio_group_ioctl_set_container
 */
export function groupSetContainer(host: VfioHost, call: VfioGroupSetContainer): Begun {
  const found = groupBehind(host, call);
  if (typeof found === 'string') return answered(host, found);
  const { process, group } = found;
  const file = fileOf(process, call.containerFd);
  if (file === undefined) return answered(host, 'EBADF');
  if (group.container !== null) return answered(host, 'EINVAL');
  if (group.devices.length === 0) return answered(host, 'ENODEV');
  if (file.kind !== 'container') return answered(host, 'EBADF');
  const { container } = file;
  const mm = chargedMm(host, container, call.process);
  return goesOn(host, {
    fn: 'vfio_container_attach_group',
    at: 'entered',
    container,
    mm,
    group: group.group,
    rc: 0,
  });
}

/** EINVAL for a group that is in no container, EBUSY while one of its devices is open. */
export function unsetContainerStatus(host: VfioHost, group: VfioGroup): Rc {
  if (group.container === null) return 'EINVAL';
  return hasOpenDevice(host, group.group) ? 'EBUSY' : 0;
}
/** A group that leaves its container, on whose behalf its charges are given back. */
export const detachFrame = (
  host: VfioHost,
  { group, container }: VfioGroup,
  caller: string | null,
): DetachContainerFrame => ({
  fn: 'vfio_group_detach_container',
  at: 'entered',
  group,
  container: container!,
  mm: chargedMm(host, container!, caller),
});
/** @see [Linux] drivers/vfio/group.c: vfio_group_ioctl_unset_container */
export function groupUnsetContainer(host: VfioHost, call: VfioGroupUnsetContainer): Begun {
  const found = groupBehind(host, call);
  if (typeof found === 'string') return answered(host, found);
  const rc = unsetContainerStatus(host, found.group);
  if (rc !== 0) return answered(host, rc);
  return goesOn(host, detachFrame(host, found.group, call.process));
}

/**
 * Opens a device: ENODEV for one that is not vfio-pci's or not of this group, EINVAL for a group whose container
 * has no driver yet, or that is in none. vfio-pci takes the device into use when it is opened for the first time.
 * @see [Linux] drivers/vfio/group.c: vfio_group_ioctl_get_device_fd, vfio_group_use_container
 * @see [Linux] drivers/vfio/vfio_main.c: vfio_df_open, vfio_df_device_first_open
 */
export function groupGetDeviceFd(host: VfioHost, call: VfioGroupGetDeviceFd): Begun {
  const found = groupBehind(host, call);
  if (typeof found === 'string') return answered(host, found);
  const { process, group } = found;
  if (!group.devices.includes(call.device)) return answered(host, 'ENODEV');
  const container = group.container === null ? undefined : containerOf(host, group.container);
  if (container?.iommu?.mode !== 'open') return answered(host, 'EINVAL');
  const file = lowestFree(
    heldFiles(host).flatMap((held) => (held.kind === 'device' ? [held.file] : [])),
    1,
  );
  const opened = { kind: 'device', group: group.group, device: call.device, file } as const;
  const opens = ran('vfio_df_open');
  const said = isDeviceOpen(host, call.device) ? [opens] : [opens, ran('vfio_pci_core_enable')];
  const [next, fd] = withFd(host, process, opened);
  return answered(next, fd, said);
}

/** Maps a region of a device, which keeps its file open. EBADF for no descriptor, ENODEV for none of a device. */
export function mmapDevice(host: VfioHost, { process: name, fd }: MmapDevice): Begun {
  const process = processOf(host, name);
  const file = process === undefined ? undefined : fileOf(process, fd);
  if (process === undefined || file === undefined) return answered(host, 'EBADF');
  if (file.kind !== 'device') return answered(host, 'ENODEV');
  const fileNumber = (each: Process['maps'][number]) => (each.kind === 'device' ? each.file : 0);
  const maps = [...process.maps, file].sort((a, b) => fileNumber(a) - fileNumber(b));
  return answered(withProcess(host, { ...process, maps }), 0);
}
