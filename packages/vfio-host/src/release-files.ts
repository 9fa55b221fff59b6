import type { GroupId, ProcessId } from '@spapr-dma/protocol';
import type { ReleaseFilesFrame } from './frames.js';
import { detachFrame } from './group-calls.js';
import { withoutFileOfContainer } from './group-container.js';
import type { VfioFile } from './objects.js';
import { ran, type Said } from './said.js';
import {
  groupOf,
  heldFiles,
  isFileOfDevice,
  isGroupOpen,
  isHeld,
  isSameFile,
  type VfioHost,
  withoutUnheldMms,
} from './state.js';
import { call, ret, type Step, type StepFunction, takeLocks } from './steps.js';
import type { LockName } from './thread-state.js';

/** The mutexes under which a group leaves its container. */
export function detachLocks(host: VfioHost, id: GroupId): readonly LockName[] {
  const container = groupOf(host, id)?.container ?? null;
  if (container === null) return [`group:${id}`];
  return [`container:${container}`, `group:${id}`, `tce:${container}`];
}

/** The group that a file was the last to hold open; null where the file holds none, or is not the last. */
export function releasedGroup(host: VfioHost, file: VfioFile): GroupId | null {
  if (file.kind === 'container' || isGroupOpen(host, file.group)) return null;
  return groupOf(host, file.group)?.container === null ? null : file.group;
}

type DeviceFile = Extract<VfioFile, { kind: 'device' }>;

/** What is left to release once a device's file has gone, which lets go of its group's file. */
function withoutDevice(files: readonly VfioFile[], device: DeviceFile): readonly VfioFile[] {
  const groupFile = { kind: 'group', group: device.group } as const;
  const left = files.filter((file) => !isSameFile(file, device));
  return left.some((file) => isSameFile(file, groupFile)) ? left : [...left, groupFile];
}

/**
 * An opening of a device ends, and with the last one its use.
 * @see [Linux] drivers/vfio/vfio_main.c: vfio_df_close, vfio_df_device_last_close
 */
function vfioDfClose(host: VfioHost, left: readonly VfioFile[], { device }: DeviceFile): readonly Said[] {
  const closed = ran('vfio_df_close');
  const isOpen = [...heldFiles(host), ...left].some((file) => isFileOfDevice(file, device));
  return isOpen ? [closed] : [closed, ran('vfio_pci_core_disable')];
}

/**
 * A file nobody holds any more is released: a device is closed, a container goes, a group leaves its container.
 * Closing devices takes so long that others go on before the first group of a process that ended leaves.
 */
function release(host: VfioHost, frame: ReleaseFilesFrame, said: readonly Said[] = []): Step {
  const [file, ...files] = frame.files;
  if (file === undefined) return ret(withoutUnheldMms(host), 0, said);
  const rest = { ...frame, files };
  if (isHeld(host, file)) return release(host, rest, said);
  switch (file.kind) {
    case 'container':
      return release(withoutFileOfContainer(host, file.container), rest, said);
    case 'device': {
      const left = withoutDevice(files, file);
      return release(host, { ...frame, files: left }, [...said, ...vfioDfClose(host, left, file)]);
    }
    case 'group': {
      const id = releasedGroup(host, file);
      if (id === null) return release(host, rest, said);
      const yields = frame.caller === null && said.length > 0;
      return takeLocks(host, { ...frame, at: 'waitingForMutex' }, detachLocks(host, id), said, yields);
    }
  }
}

export const releaseFilesFrame = (
  files: readonly VfioFile[],
  caller: ProcessId | null,
): ReleaseFilesFrame => ({ fn: 'release_files', at: 'entered', files, caller });

/**
 * Releases files one after the other. An open device keeps its group's file, and a group its container: a
 * container's descriptor may be closed long before the container goes.
 * @see [Linux] drivers/vfio/group.c: vfio_group_fops_release; drivers/vfio/container.c: vfio_fops_release;
 *   drivers/vfio/vfio_main.c: vfio_device_fops_release
 */
export const releaseFiles: StepFunction<ReleaseFilesFrame> = (host, frame) => {
  switch (frame.at) {
    case 'entered':
      return release(host, frame);
    case 'waitingForMutex': {
      const [file, ...files] = frame.files;
      // Another thread may have taken the group out before the mutexes were free.
      const id = file === undefined ? null : releasedGroup(host, file);
      if (id === null) return release(host, frame);
      const callee = detachFrame(host, groupOf(host, id)!, frame.caller);
      return call(host, { ...frame, at: 'detaching', files }, callee);
    }
    case 'detaching':
      return release(host, frame);
  }
};
