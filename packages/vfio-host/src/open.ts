import type { GroupId, OpenVfio } from '@spapr-dma/protocol';
import { answered, type Begun } from './begun.js';
import {
  ensureProcess,
  groupOf,
  isGroupOpen,
  lowestFree,
  type VfioHost,
  withContainer,
  withFd,
} from './state.js';

export const CONTAINER_PATH = '/dev/vfio/vfio';
/** The number in `/dev/vfio/N`; undefined for any other path. */
export const groupOfPath = (path: string): number | undefined => {
  const [, number] = /^\/dev\/vfio\/(\d+)$/.exec(path) ?? [];
  return number === undefined ? undefined : Number(number);
};

/** Whether a thread has the group's file still to release: nobody else opens it before. */
const isGroupGoing = (host: VfioHost, id: GroupId): boolean =>
  host.threads.some(({ stack }) =>
    stack.some(
      (frame) =>
        frame.fn === 'release_files' &&
        frame.files.some((file) => file.kind !== 'container' && file.group === id),
    ),
  );

/**
 * Opens a new container, or a group, which only one can have open: EBUSY. ENOENT for a group none of whose
 * devices is bound to vfio-pci, and for any other path.
 * @see [Linux] drivers/vfio/container.c: vfio_fops_open; drivers/vfio/group.c: vfio_group_fops_open
 */
export function openVfio(start: VfioHost, { path, process: name }: OpenVfio): Begun {
  const [host, process] = ensureProcess(start, name);
  if (path === CONTAINER_PATH) {
    const container = lowestFree(
      host.containers.map((each) => each.container),
      1,
    );
    const made = withContainer(host, { container, groups: [], iommu: null });
    const [next, fd] = withFd(made, process, { kind: 'container', container });
    return answered(next, fd);
  }
  const id = groupOfPath(path);
  const group = id === undefined ? undefined : groupOf(host, id);
  if (group === undefined || group.devices.length === 0) return answered(host, 'ENOENT');
  if (isGroupOpen(host, group.group) || isGroupGoing(host, group.group)) return answered(host, 'EBUSY');
  const [next, fd] = withFd(host, process, { kind: 'group', group: group.group });
  return answered(next, fd);
}
