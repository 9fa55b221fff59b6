import {
  type Fd,
  type GroupId,
  type Ioba,
  type IommuTableFacts,
  ioba,
  type ProcessId,
  type ThreadId,
  unreachable,
} from '@spapr-dma/protocol';
import type { VfioHostConfig } from './config.js';
import type {
  Container,
  ContainerId,
  ContainerWindow,
  FreeingRegion,
  Mm,
  MmId,
  Process,
  TceContainer,
  VfioFile,
  VfioGroup,
} from './objects.js';
import type { ThreadState } from './thread-state.js';

/** VFIO and preregistered memory of a host. Each list is in the order of its keys, unless it says otherwise. */
export interface VfioHost {
  readonly config: VfioHostConfig;
  readonly mms: readonly Mm[];
  readonly processes: readonly Process[];
  readonly groups: readonly VfioGroup[];
  readonly containers: readonly Container[];
  /** In the order in which they ended. */
  readonly freeing: readonly FreeingRegion[];
  /** As the machine was made with. */
  readonly threads: readonly ThreadState[];
}

/** A list with one item put in its place, in the order of the keys. */
function placed<Item>(list: readonly Item[], item: Item, order: (a: Item, b: Item) => number): Item[] {
  const at = list.findIndex((each) => order(each, item) >= 0);
  if (at < 0) return [...list, item];
  return order(list[at]!, item) === 0 ? list.with(at, item) : list.toSpliced(at, 0, item);
}

export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The lowest number, from `first` on, that is not among those taken. */
export function lowestFree(taken: readonly number[], first: number): number {
  let free = first;
  while (taken.includes(free)) free += 1;
  return free;
}

export const mmOf = (host: VfioHost, id: MmId | null): Mm | undefined => host.mms.find(({ mm }) => mm === id);
export const processOf = (host: VfioHost, name: ProcessId): Process | undefined =>
  host.processes.find(({ process }) => process === name);
export const groupOf = (host: VfioHost, id: GroupId): VfioGroup | undefined =>
  host.groups.find(({ group }) => group === id);
export const containerOf = (host: VfioHost, id: ContainerId): Container | undefined =>
  host.containers.find(({ container }) => container === id);
/** The driver's part of a container; undefined where the container has none. */
export const tceOf = (host: VfioHost, id: ContainerId): TceContainer | undefined =>
  containerOf(host, id)?.iommu ?? undefined;

export const withMm = (host: VfioHost, mm: Mm): VfioHost => ({
  ...host,
  mms: placed(host.mms, mm, (a, b) => a.mm - b.mm),
});
export const withProcess = (host: VfioHost, process: Process): VfioHost => ({
  ...host,
  processes: placed(host.processes, process, (a, b) => byText(a.process, b.process)),
});
export const withGroup = (host: VfioHost, group: VfioGroup): VfioHost => ({
  ...host,
  groups: placed(host.groups, group, (a, b) => a.group - b.group),
});
export const withContainer = (host: VfioHost, container: Container): VfioHost => ({
  ...host,
  containers: placed(host.containers, container, (a, b) => a.container - b.container),
});
/** A container with another driver's part; nothing happens where the container has gone. */
export function withTce(host: VfioHost, id: ContainerId, tce: Partial<TceContainer>): VfioHost {
  const container = containerOf(host, id);
  if (container === undefined || container.iommu === null) return host;
  return withContainer(host, { ...container, iommu: { ...container.iommu, ...tce } });
}
export const withThread = (host: VfioHost, thread: ThreadState): VfioHost => ({
  ...host,
  threads: host.threads.map((other) => (other.thread === thread.thread ? thread : other)),
});

export const threadOf = (host: VfioHost, name: ThreadId): ThreadState =>
  host.threads.find(({ thread }) => thread === name) ?? unreachable(`no thread ${name}`);

/** A process without files and memory, in an address space of its own. */
export function withNewProcess(host: VfioHost, process: ProcessId): VfioHost {
  const mm = lowestFree(
    host.mms.map((each) => each.mm),
    0,
  );
  const empty: Mm = {
    mm,
    process,
    mode: 'alive',
    lockedPages: 0,
    memlock: null,
    capIpcLock: false,
    vmas: [],
    regions: [],
    pinnedPages: 0,
  };
  return withProcess(withMm(host, empty), { process, mm, fds: [], maps: [] });
}
/** The process of that name; a name that is new is a new process. */
export function ensureProcess(host: VfioHost, name: ProcessId): readonly [VfioHost, Process] {
  const known = processOf(host, name);
  if (known !== undefined) return [host, known];
  const next = withNewProcess(host, name);
  return [next, processOf(next, name)!];
}

export const fileOf = (process: Process, fd: Fd): VfioFile | undefined =>
  process.fds.find((each) => each.fd === fd)?.file;

export const isSameFile = (a: VfioFile, b: VfioFile): boolean =>
  (a.kind === 'container' && b.kind === 'container' && a.container === b.container) ||
  (a.kind === 'group' && b.kind === 'group' && a.group === b.group) ||
  (a.kind === 'device' && b.kind === 'device' && a.file === b.file);

/** Every reference to a file that processes hold: descriptors and mappings. */
export const heldFiles = (host: VfioHost): readonly VfioFile[] =>
  host.processes.flatMap(({ fds, maps }) => [...fds.map(({ file }) => file), ...maps]);
export const isHeld = (host: VfioHost, file: VfioFile): boolean =>
  heldFiles(host).some((held) => isSameFile(held, file));
/** Whether a file is an opening of that device. */
export const isFileOfDevice = (file: VfioFile, device: string): boolean =>
  file.kind === 'device' && file.device === device;
/** Whether a device is open, once or more often. */
export const isDeviceOpen = (host: VfioHost, device: string): boolean =>
  heldFiles(host).some((file) => isFileOfDevice(file, device));
/** Whether a device of the group is open. */
export const hasOpenDevice = (host: VfioHost, group: GroupId): boolean =>
  heldFiles(host).some((file) => file.kind === 'device' && file.group === group);
/** Whether the group's file is open; an open device keeps it. */
export const isGroupOpen = (host: VfioHost, group: GroupId): boolean =>
  isHeld(host, { kind: 'group', group }) || hasOpenDevice(host, group);

/** Adds a descriptor for a file, by the lowest number that is free: 3 and up, below are the standard streams. */
export function withFd(host: VfioHost, process: Process, file: VfioFile): readonly [VfioHost, Fd] {
  const fd = lowestFree(
    process.fds.map((each) => each.fd),
    3,
  );
  const fds = placed(process.fds, { fd, file }, (a, b) => a.fd - b.fd);
  return [withProcess(host, { ...process, fds }), fd];
}

/** Where a window begins, in bytes. */
export const windowStart = ({ offset, pageShift }: IommuTableFacts): Ioba =>
  ioba(offset << BigInt(pageShift));

/** The window of a container that holds an address, and its number. */
export function windowAt(
  tce: TceContainer,
  address: Ioba,
): { readonly num: 0 | 1; readonly window: ContainerWindow } | undefined {
  for (const num of [0, 1] as const) {
    const window = tce.windows[num];
    if (window === null) continue;
    const { offset, size, pageShift } = window.facts;
    const entry = address >> BigInt(pageShift);
    if (entry >= offset && entry < offset + BigInt(size)) return { num, window };
  }
  return undefined;
}

/**
 * Whose locked_vm a call on a container is charged to: that of the process the container belongs to, or in
 * kernels where it belongs to nobody, the caller's.
 * @see [Linux] 4.18 drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_mm_set
 */
export function chargedMm(host: VfioHost, container: ContainerId, caller: ProcessId | null): MmId | null {
  if (host.config.features.mmOwner === 'first') return tceOf(host, container)?.mm ?? null;
  return caller === null ? null : (processOf(host, caller)?.mm ?? null);
}

/**
 * Address spaces that nothing holds any more go. What is left in their lists stays pinned for ever, or in
 * kernels where regions belong to the address space, goes with it.
 * @see [Linux] arch/powerpc/mm/book3s64/mmu_context.c: destroy_context
 */
export function withoutUnheldMms(host: VfioHost): VfioHost {
  const isUnheld = ({ mm, mode }: Mm): boolean =>
    mode === 'exited' && !host.containers.some(({ iommu }) => iommu?.mm === mm);
  if (!host.mms.some(isUnheld)) return host;
  const goes = (mm: Mm): readonly Mm[] =>
    mm.regions.length === 0 || host.config.switches.preregOwner === 'mm' ? [] : [{ ...mm, mode: 'leaked' }];
  return { ...host, mms: host.mms.flatMap((mm) => (isUnheld(mm) ? goes(mm) : [mm])) };
}
