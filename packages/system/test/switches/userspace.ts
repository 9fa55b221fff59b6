import type { Run } from './run.ts';
import type { Fields } from './switch-case.ts';

/** The VMM's memory begins here. */
export const UA = 0x7f00_0000_0000n;
export const RAM = 0x10_0000n;

/** A container with group 0: descriptors 3 of the container, 4 of the group. */
export const container = (iommuType: number): readonly Fields[] => [
  { type: 'open', path: '/dev/vfio/vfio' },
  { type: 'open', path: '/dev/vfio/0' },
  { type: 'VFIO_GROUP_SET_CONTAINER', groupFd: 4, containerFd: 3 },
  { type: 'VFIO_SET_IOMMU', containerFd: 3, iommuType },
];
export const V2 = container(7);
export const V1 = container(2);

export const register = (vaddr = UA, size = RAM, more: Fields = {}): Fields => ({
  type: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY',
  containerFd: 3,
  vaddr,
  size,
  ...more,
});
export const unregister = (vaddr = UA, size = RAM, more: Fields = {}): Fields => ({
  ...register(vaddr, size, more),
  type: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
});
export const map = (iova: bigint, vaddr = UA, size = 0x1000n, more: Fields = {}): Fields => ({
  type: 'VFIO_IOMMU_MAP_DMA',
  containerFd: 3,
  flags: 3,
  iova,
  vaddr,
  size,
  ...more,
});
export const unmap = (iova: bigint, size = 0x1000n, more: Fields = {}): Fields => ({
  type: 'VFIO_IOMMU_UNMAP_DMA',
  containerFd: 3,
  iova,
  size,
  ...more,
});
export const createWindow = (pageShift: number, windowSize: bigint, levels = 1): Fields => ({
  type: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
  containerFd: 3,
  pageShift,
  windowSize,
  levels,
});
/** A small default window in place of the large one. */
export const SMALL: readonly Fields[] = [
  { type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE', containerFd: 3, startAddr: 0n },
  createWindow(12, 0x10000n),
];
export const failNext = (call: string): Fields => ({
  type: 'fail-next',
  to: call.startsWith('kvm') ? 'kvm' : 'powernv-ioda2',
  thread: 'admin',
  call,
  code: 'OPAL_HARDWARE',
});

/** What the VMM's calls were answered. */
export const returns = ({ arrived }: Run): readonly string[] =>
  arrived.filter(({ type }) => type === 'vfio-return' || type === 'kvm-return').map(({ text }) => text);

/** KVM knows the VMM's memory and group 0. */
export const IN_KVM: readonly Fields[] = [
  { type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' },
  { type: 'KVM_SET_USER_MEMORY_REGION', slot: 0, gpa: 0n, bytes: RAM, ua: UA },
  { type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 4 },
];
/** A view of the small default window; the first one's descriptor is 1001, behind that of the VFIO device. */
export const view = (liobn: number, more: Fields = {}): Fields => ({
  type: 'KVM_CREATE_SPAPR_TCE_64',
  liobn,
  pageShift: 12,
  flags: 0,
  offset: 0n,
  size: 0x200n,
  ...more,
});
export const SET_SPAPR_TCE: Fields = { type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', groupFd: 4, tableFd: 1001 };
/** The VMM ends: KVM's files go first. */
export const EXIT: Fields = { type: 'exit' };
export const EXIT_KVM: Fields = { type: 'exit', to: 'kvm' };

/** Where a window besides the default one begins. */
export const DDW_AT = 0x800_0000_0000_0000n;
export const REMOVE_DEFAULT: Fields = { type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE', containerFd: 3, startAddr: 0n };
/** Group 1 joins the container: descriptor 5. */
export const openSecond: readonly Fields[] = [
  { type: 'open', path: '/dev/vfio/1' },
  { type: 'VFIO_GROUP_SET_CONTAINER', groupFd: 5, containerFd: 3 },
];
/** What the host does with the function of group 0. */
export const HOST_DEVICE = { to: 'powernv-ioda2', thread: 'admin', device: '0001:01:00.0' } as const;
