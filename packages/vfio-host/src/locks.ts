import type { Exit, GroupId, UnbindVfioPci, VfioCall } from '@spapr-dma/protocol';
import { cancelsDefaultWindow } from './driver-calls.js';
import type { ContainerId, Process, VfioFile } from './objects.js';
import { groupOfPath } from './open.js';
import { groupOfDevice } from './processes.js';
import { detachLocks, releasedGroup } from './release-files.js';
import { fileOf, processOf, tceOf, type VfioHost, withProcess } from './state.js';
import type { LockName } from './thread-state.js';

/** What a thread of the host may begin. */
export type Begins = VfioCall | Exit | UnbindVfioPci;

const tce = (host: VfioHost, container: ContainerId): readonly LockName[] =>
  tceOf(host, container) === undefined ? [] : [`tce:${container}`];

/** The file that a call names, of the kind it must be. */
function behind<Kind extends VfioFile['kind']>(
  process: Process | undefined,
  fd: number,
  kind: Kind,
): Extract<VfioFile, { kind: Kind }> | undefined {
  const file = process === undefined ? undefined : fileOf(process, fd);
  return file?.kind === kind ? (file as Extract<VfioFile, { kind: Kind }>) : undefined;
}

const ofGroup = (id: GroupId | undefined): readonly LockName[] => (id === undefined ? [] : [`group:${id}`]);

/** The mutexes of a call on a container. MAP_DMA and UNMAP_DMA take none, where nothing was changed (B-47). */
function ofContainer(host: VfioHost, call: Begins, container: ContainerId): readonly LockName[] {
  switch (call.type) {
    case 'VFIO_CHECK_EXTENSION':
    case 'VFIO_SET_IOMMU':
      return [`container:${container}`];
    case 'VFIO_IOMMU_MAP_DMA':
    case 'VFIO_IOMMU_UNMAP_DMA':
      return host.config.switches.mapTakesLock === 'fixed' ? tce(host, container) : [];
    case 'VFIO_IOMMU_SPAPR_TCE_REMOVE': {
      const its = tceOf(host, container);
      return its !== undefined && cancelsDefaultWindow(its, call) ? [] : tce(host, container);
    }
    case 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY':
    case 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY':
    case 'VFIO_IOMMU_SPAPR_TCE_CREATE':
    case 'VFIO_IOMMU_ENABLE':
    case 'VFIO_IOMMU_DISABLE':
      return tce(host, container);
    default:
      return [];
  }
}

/**
 * The mutexes that a call takes, all at once and until it ends.
 *
 * Abstraction: the kernel takes some of them later and gives some back earlier; who has to wait waits at the
 * entry of the call here, and sees the same. Of a call that the kernel would refuse before its mutex, the answer
 * waits too.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_ioctl; drivers/vfio/container.c; drivers/vfio/group.c
 */
export function locksOf(host: VfioHost, call: Begins): readonly LockName[] {
  if (call.type === 'unbind-vfio-pci') {
    const group = groupOfDevice(host, call.device);
    return group === undefined ? [] : detachLocks(host, group.group);
  }
  if (call.type === 'exit') return [];
  const process = processOf(host, call.process);
  if ('containerFd' in call && !('groupFd' in call)) {
    const file = behind(process, call.containerFd, 'container');
    return file === undefined ? [] : ofContainer(host, call, file.container);
  }
  switch (call.type) {
    case 'open':
      return ofGroup(groupOfPath(call.path));
    case 'close': {
      const file = process === undefined ? undefined : fileOf(process, call.fd);
      if (process === undefined || file === undefined) return [];
      const fds = process.fds.filter(({ fd }) => fd !== call.fd);
      const id = releasedGroup(withProcess(host, { ...process, fds }), file);
      return id === null ? [] : detachLocks(host, id);
    }
    case 'VFIO_GROUP_SET_CONTAINER': {
      const group = behind(process, call.groupFd, 'group')?.group;
      const container = behind(process, call.containerFd, 'container')?.container;
      const theirs: readonly LockName[] =
        container === undefined ? [] : [`container:${container}`, ...tce(host, container)];
      return [...ofGroup(group), ...theirs].sort();
    }
    case 'VFIO_GROUP_UNSET_CONTAINER': {
      const group = behind(process, call.groupFd, 'group')?.group;
      return group === undefined ? [] : detachLocks(host, group);
    }
    case 'VFIO_GROUP_GET_STATUS':
    case 'VFIO_GROUP_GET_DEVICE_FD':
      return ofGroup(behind(process, call.groupFd, 'group')?.group);
    default:
      return [];
  }
}
