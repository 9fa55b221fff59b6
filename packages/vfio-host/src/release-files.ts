import type { GroupId, ProcessId } from '@spapr-dma/protocol';
import type { ReleaseFilesFrame } from './frames.js';
import { detachFrame } from './group-calls.js';
import { withoutUnheldContainer } from './group-container.js';
import type { VfioFile } from './objects.js';
import { groupOf, isGroupOpen, isHeld, type VfioHost, withoutUnheldMms } from './state.js';
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

/** A file nobody holds any more is released: a container goes, a group leaves its container. */
function release(host: VfioHost, frame: ReleaseFilesFrame): Step {
  const [file, ...files] = frame.files;
  if (file === undefined) return ret(withoutUnheldMms(host));
  const rest = { ...frame, files };
  if (isHeld(host, file)) return release(host, rest);
  if (file.kind === 'container') return release(withoutUnheldContainer(host, file.container), rest);
  const id = releasedGroup(host, file);
  if (id === null) return release(host, rest);
  return takeLocks(host, { ...frame, at: 'waitingForMutex' }, detachLocks(host, id));
}

export const releaseFilesFrame = (
  files: readonly VfioFile[],
  caller: ProcessId | null,
): ReleaseFilesFrame => ({ fn: 'release_files', at: 'entered', files, caller });

/**
 * Releases files one after the other. An open device keeps its group's file, and a group its container: a
 * container's descriptor may be closed long before the container goes.
 * @see [Linux] drivers/vfio/group.c: vfio_group_fops_release; drivers/vfio/container.c: vfio_fops_release
 */
export const releaseFiles: StepFunction<ReleaseFilesFrame> = (host, frame) => {
  switch (frame.at) {
    case 'entered':
      return release(host, frame);
    case 'waitingForMutex': {
      const [file, ...files] = frame.files;
      // Another thread may have taken the group out, or opened it again, before the mutexes were free.
      const id = file === undefined ? null : releasedGroup(host, file);
      if (id === null) return release(host, frame);
      const callee = detachFrame(host, groupOf(host, id)!, frame.caller);
      return call(host, { ...frame, at: 'detaching', files }, callee);
    }
    case 'detaching':
      return release(host, frame);
  }
};
