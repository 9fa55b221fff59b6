import type { Bytes, Fd, GroupId, HostDeviceId, Liobn, Ua } from '@spapr-dma/protocol';

/**
 * QEMU's side of VFIO: what `hw/vfio` keeps in its lists. Lists stand in the order in which QEMU walks them, the
 * newest member first, because that order is the order of its system calls.
 * @see [QEMU] hw/vfio/common.c: vfio_address_spaces, vfio_group_list
 */
export interface VfioState {
  readonly containers: readonly VfioContainer[];
  readonly groups: readonly VfioGroup[];
  /** In the order of their id. */
  readonly devices: readonly VfioDevice[];
  /** Descriptor of the VM's KVM-VFIO device; null until the first group asks for it, and without KVM. */
  readonly kvmDevice: Fd | null;
  /** Groups that the KVM-VFIO device was told of, the newest first. */
  readonly kvmGroups: readonly GroupId[];
  /** Notifiers that outlived their container (B-05), the oldest first; they still name its descriptor. */
  readonly stale: readonly StaleGiommu[];
  /** Listeners to guest memory that outlived their container (B-34): its descriptors, the oldest first. */
  readonly leakedPrereg: readonly Fd[];
  /** Windows into which QEMU itself has put entries since they were made, by LIOBN: the flag of B-02. */
  readonly putLiobns: readonly Liobn[];
}

/** A container serves one address space, which here is that of a PHB. */
export interface VfioContainer {
  readonly fd: Fd;
  /** Index of the PHB whose address space it serves. */
  readonly phb: number;
  readonly iommuType: 'v1' | 'v2';
  /** Bit n for IOMMU pages of 2^n bytes. */
  readonly pgsizes: bigint;
  /** False while it is being connected: errors are stored then, afterwards they end QEMU. */
  readonly initialized: boolean;
  /** The first error of a listener before `initialized`. */
  readonly error: string | null;
  /** The newest first. */
  readonly groups: readonly GroupId[];
  /** Windows that the host has, the newest first. */
  readonly hostwins: readonly HostWindow[];
  /** Windows of the guest that the container listens to, the newest first. */
  readonly giommus: readonly Giommu[];
  /** RAM sections that the preregistration listener was told of, by address. Empty for v1. */
  readonly ram: readonly RamSection[];
  readonly preregListener: boolean;
  readonly listener: boolean;
}

/** A range of IOBAs that the hardware translates. `max` is the last byte. */
export interface HostWindow {
  readonly min: bigint;
  readonly max: bigint;
  readonly pgsizes: bigint;
}

/** A notifier registered with a guest's window, over a part of it. */
export interface Giommu {
  readonly liobn: Liobn;
  /** First and last byte of the part, relative to the start of the window. */
  readonly first: bigint;
  readonly last: bigint;
  /** What to add to an address relative to the window to get the IOBA. */
  readonly offset: bigint;
}

/** A giommu whose container is gone: its descriptor may meanwhile name another file. */
export interface StaleGiommu extends Giommu {
  readonly containerFd: Fd;
}

/** A piece of a PHB's address space as its listeners see it. */
export interface Section {
  readonly of: SectionOf;
  readonly start: bigint;
  readonly bytes: bigint;
}
export type SectionOf =
  /** Part of a window; `first` is its first byte relative to the window's start. */
  | { readonly kind: 'window'; readonly liobn: Liobn; readonly pageShift: number; readonly first: bigint }
  /** Interrupts are written here: neither memory nor a window, so VFIO skips it. */
  | { readonly kind: 'msi' };
export type WindowSection = Section & { readonly of: { readonly kind: 'window' } };

/** Guest memory as the preregistration listener sees it. */
export interface RamSection {
  readonly ua: Ua;
  readonly bytes: Bytes;
}

export interface VfioGroup {
  readonly id: GroupId;
  readonly fd: Fd;
  /** The container it is in; null while it is being connected or disconnected. */
  readonly containerFd: Fd | null;
}

/** A host function in use. */
export interface VfioDevice {
  readonly id: string;
  readonly host: HostDeviceId;
  readonly group: GroupId;
  readonly phb: number;
  readonly devfn: number;
  /** Descriptor of the device; null until the group has given it. */
  readonly fd: Fd | null;
  /** A leaving device waits for the RCU callback that closes it and lets its group go. */
  readonly mode: 'realizing' | 'present' | 'leaving';
}

/** No device has been passed through. */
export const NO_VFIO: VfioState = {
  containers: [],
  groups: [],
  devices: [],
  kvmDevice: null,
  kvmGroups: [],
  stale: [],
  leakedPrereg: [],
  putLiobns: [],
};

export const containerOf = (vfio: VfioState, fd: Fd): VfioContainer | undefined =>
  vfio.containers.find((container) => container.fd === fd);

/** Containers of a PHB's address space, the newest first. */
export const containersOfPhb = (vfio: VfioState, phb: number): readonly VfioContainer[] =>
  vfio.containers.filter((container) => container.phb === phb);

export const groupOf = (vfio: VfioState, id: GroupId): VfioGroup | undefined =>
  vfio.groups.find((group) => group.id === id);

/** The same state with a container in a new condition, or a new container in front. */
export function withContainer(vfio: VfioState, container: VfioContainer): VfioState {
  const known = containerOf(vfio, container.fd) !== undefined;
  const containers = known
    ? vfio.containers.map((other) => (other.fd === container.fd ? container : other))
    : [container, ...vfio.containers];
  return { ...vfio, containers };
}

export const withoutContainer = (vfio: VfioState, fd: Fd): VfioState => ({
  ...vfio,
  containers: vfio.containers.filter((container) => container.fd !== fd),
});

/** The same state with a group in a new condition, or a new group in front. */
export function withGroup(vfio: VfioState, group: VfioGroup): VfioState {
  const known = groupOf(vfio, group.id) !== undefined;
  const groups = known
    ? vfio.groups.map((other) => (other.id === group.id ? group : other))
    : [group, ...vfio.groups];
  return { ...vfio, groups };
}

export const withoutGroup = (vfio: VfioState, id: GroupId): VfioState => ({
  ...vfio,
  groups: vfio.groups.filter((group) => group.id !== id),
});

export function withDevice(vfio: VfioState, device: VfioDevice): VfioState {
  const others = vfio.devices.filter(({ id }) => id !== device.id);
  return { ...vfio, devices: [...others, device].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

export const withoutDeviceOf = (vfio: VfioState, id: string): VfioState => ({
  ...vfio,
  devices: vfio.devices.filter((device) => device.id !== id),
});

/** Notes that QEMU itself put an entry into a window, or that the window is made anew. */
export function withPut(vfio: VfioState, liobn: Liobn, put: boolean): VfioState {
  if (vfio.putLiobns.includes(liobn) === put) return vfio;
  const others = vfio.putLiobns.filter((other) => other !== liobn);
  return { ...vfio, putLiobns: put ? [...others, liobn].sort((a, b) => a - b) : others };
}
