import type {
  CloseVfioFile,
  Exit,
  Fork,
  MapMemory,
  ProtectMemory,
  SetMemlock,
  UnbindVfioPci,
  UnmapMemory,
} from '@spapr-dma/protocol';
import { answered, type Begun, goesOn } from './begun.js';
import type { UnbindFrame } from './frames.js';
import { detachFrame } from './group-calls.js';
import { mapped, protectedAs, unmapped } from './memory.js';
import type { Mm, VfioFile, VfioGroup } from './objects.js';
import { releaseFilesFrame } from './release-files.js';
import {
  ensureProcess,
  fileOf,
  mmOf,
  processOf,
  type VfioHost,
  withGroup,
  withMm,
  withNewProcess,
  withoutUnheldMms,
  withProcess,
} from './state.js';
import { call, ret, type StepFunction } from './steps.js';

/** What happens to a process beside its calls, at once and without an answer. */
export type MemoryEvent = MapMemory | UnmapMemory | ProtectMemory | SetMemlock | Fork;

/** A child has copies of the descriptors and mappings, and a memory of its own with nothing locked. */
function forked(host: VfioHost, parent: Mm, { process, child }: Fork): VfioHost {
  const { fds, maps } = processOf(host, process)!;
  const born = withNewProcess(host, child);
  const own = processOf(born, child)!;
  const { vmas, memlock, capIpcLock } = parent;
  const mm = { ...mmOf(born, own.mm)!, vmas, memlock, capIpcLock };
  return withProcess(withMm(born, mm), { ...own, fds, maps });
}

/**
 * A process's memory, limit or children change. Pages that are pinned stay where they are.
 *
 * Abstraction: a child's memory is its parent's until something else is mapped; pages are not copied when they
 * are written.
 */
export function memoryEvent(start: VfioHost, event: MemoryEvent): VfioHost {
  const [host, { mm: id }] = ensureProcess(start, event.process);
  const mm = mmOf(host, id)!;
  switch (event.type) {
    case 'map-memory':
      return withMm(host, { ...mm, vmas: mapped(mm.vmas, event.vma) });
    case 'unmap-memory':
      return withMm(host, { ...mm, vmas: unmapped(mm.vmas, event.ua, event.bytes) });
    case 'protect-memory':
      return withMm(host, { ...mm, vmas: protectedAs(mm.vmas, event.ua, event.bytes, event.access) });
    case 'set-memlock':
      return withMm(host, { ...mm, memlock: event.limit, capIpcLock: event.capIpcLock });
    case 'fork':
      return forked(host, mm, event);
  }
}

/** Closes a descriptor; the file goes with its last one. EBADF for none. */
export function closeFile(host: VfioHost, { process: name, fd }: CloseVfioFile): Begun {
  const process = processOf(host, name);
  const file = process === undefined ? undefined : fileOf(process, fd);
  if (process === undefined || file === undefined) return answered(host, 'EBADF');
  const fds = process.fds.filter((each) => each.fd !== fd);
  return goesOn(withProcess(host, { ...process, fds }), releaseFilesFrame([file], name));
}

/**
 * A process ends: its memory goes, then its files, of devices first and the one with the highest number first: so
 * they were seen to go. Registered memory stays pinned until its container lets go of it.
 *
 * Abstraction: a group of which no device is open leaves after all devices have closed, too, whatever its number.
 * @see [Linux] kernel/exit.c: do_exit; kernel/task_work.c: task_work_run
 */
export function exitProcess(host: VfioHost, { process: name }: Exit): Begun {
  const process = processOf(host, name);
  if (process === undefined) return answered(host, 0);
  const gone = { ...host, processes: host.processes.filter((each) => each !== process) };
  const exited = withMm(gone, { ...mmOf(gone, process.mm)!, mode: 'exited', vmas: [] });
  const all = [...process.maps, ...process.fds.map(({ file }) => file)].reverse();
  const isDevice = ({ kind }: VfioFile): boolean => kind === 'device';
  const files = [...all.filter(isDevice), ...all.filter((file) => !isDevice(file))];
  // The memory is already gone: kernels that charge whoever calls have nobody to give anything back to.
  return goesOn(withoutUnheldMms(exited), releaseFilesFrame(files, null));
}

/** The group that vfio-pci has a device of. */
export const groupOfDevice = (host: VfioHost, device: string): VfioGroup | undefined =>
  host.groups.find(({ devices }) => devices.includes(device));

/**
 * vfio-pci gives a device up, which waits until the device is closed. With its last device a group leaves its
 * container, whoever holds the group's file.
 * @see [Linux] drivers/vfio/group.c: vfio_device_remove_group
 */
export function unbindVfioPci(host: VfioHost, { device }: UnbindVfioPci): Begun {
  const group = groupOfDevice(host, device);
  if (group === undefined) return answered(host, 0);
  return goesOn(host, { fn: 'vfio_pci_remove', at: 'entered', device });
}
/** The device is no longer vfio-pci's. */
export const vfioPciRemove: StepFunction<UnbindFrame> = (host, frame) => {
  const group = groupOfDevice(host, frame.device);
  if (frame.at === 'detaching' || group === undefined) return ret(host);
  const left = { ...group, devices: group.devices.filter((device) => device !== frame.device) };
  const without = withGroup(host, left);
  if (left.devices.length > 0 || left.container === null) return ret(without);
  return call(without, { ...frame, at: 'detaching' }, detachFrame(without, left, null));
};

/** vfio-pci takes a device of a group, which brings `/dev/vfio/N` with the first one. */
export function bindVfioPci(host: VfioHost, group: number, device: string): VfioHost {
  const known = host.groups.find((each) => each.group === group);
  const devices = [...new Set([...(known?.devices ?? []), device])].sort();
  return withGroup(host, { group, container: null, ...known, devices });
}
