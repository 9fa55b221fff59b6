import {
  answers,
  BARE,
  costOf,
  create,
  DDW,
  DDW_START,
  exits,
  NVME,
  PASSED,
  put,
  putList,
  ran,
  reset,
  texts,
  times,
} from './machines.ts';
import type { Run } from './run.ts';
import type { SwitchCase } from './switch-case.ts';
import {
  createWindow,
  DDW_AT,
  HOST_DEVICE,
  IN_KVM,
  map,
  REMOVE_DEFAULT,
  register,
  returns,
  SET_SPAPR_TCE,
  SMALL,
  UA,
  unregister,
  V1,
  V2,
  view,
} from './userspace.ts';

const last = (run: Run): string | undefined => returns(run).at(-1);
const READY = [...V2, register(), ...SMALL] as const;

/** What versions of KVM differ in. */
export const KVM_FEATURES: readonly SwitchCase[] = [
  {
    setting: 'viewPages',
    about: 'a window of 2^20 entries is made, and one is mapped',
    size: 'power9',
    machine: { ...PASSED, ram: '0x20000000' },
    script: [reset, create(12, 32), put(DDW_START, 0x50003, DDW)],
    sees: (run) => costOf(run, 'view-fault'),
    values: {
      eager: { sees: 2049 },
      onDemand: { sees: 2 },
    },
  },
  {
    setting: 'spaprTce64',
    about: 'a window is made',
    machine: PASSED,
    script: [reset, create(12, 20), put(DDW_START, 0x50003, DDW)],
    sees: (run) => [texts(run, 'KVM_CREATE_SPAPR_TCE', 'KVM_CREATE_SPAPR_TCE_64').length, exits(run)],
    values: {
      false: { sees: [1, 2] },
      true: { sees: [2, 1] },
    },
  },
  {
    setting: 'spaprTceVfio',
    about: 'the guest maps',
    machine: PASSED,
    script: [reset, put(0, 0x50003)],
    sees: exits,
    values: {
      false: { sees: 1 },
      true: { sees: 0 },
    },
  },
  {
    setting: 'multiTce',
    about: 'the guest maps a list',
    machine: PASSED,
    script: [reset, putList(0, [0x50003])],
    sees: exits,
    values: {
      false: { sees: 1 },
      true: { sees: 0 },
    },
  },
  {
    setting: 'releaseAll',
    about: 'KVM forgets a group that has two tables',
    size: 'power9',
    calls: [
      ...READY,
      createWindow(12, 0x10_0000n),
      ...IN_KVM,
      view(1),
      view(2, { offset: DDW_AT >> 12n, size: 0x100n }),
      SET_SPAPR_TCE,
      { ...SET_SPAPR_TCE, tableFd: 1002 },
      { type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 4 },
    ],
    sees: ({ host }) => host?.groups[0]?.windows.map(({ references }) => references),
    values: {
      false: { sees: [3, 2] },
      true: { sees: [2, 2] },
    },
  },
  {
    setting: 'validate',
    about: 'a TCE is misaligned',
    machine: BARE,
    script: [reset, put(0, 0x50803)],
    sees: (run) => [answers(run), exits(run)],
    values: {
      none: { sees: [['H_PUT_TCE H_SUCCESS'], 0] },
      alignment: { sees: [['H_PUT_TCE H_PARAMETER'], 0] },
      regions: { sees: [['H_PUT_TCE H_SUCCESS'], 1] },
    },
  },
  {
    setting: 'chargesViews',
    about: 'a machine with a function has started',
    machine: PASSED,
    script: [reset],
    sees: ({ host }) => host?.lockedKb,
    values: {
      false: { sees: 65544 },
      true: { sees: 65552 },
    },
  },
  {
    setting: 'checksGeometry',
    about: 'a view of pages of 2^60 bytes is made',
    calls: [...V2, register(), ...IN_KVM, view(1, { pageShift: 60 })],
    sees: last,
    values: {
      false: { sees: 'KVM_CREATE_SPAPR_TCE_64 1001' },
      true: { sees: 'KVM_CREATE_SPAPR_TCE_64 EINVAL' },
    },
  },
  {
    setting: 'vfioDeviceFiles',
    about: "KVM is told of a device's file",
    calls: [
      ...V2,
      register(),
      ...IN_KVM,
      { type: 'VFIO_GROUP_GET_DEVICE_FD', groupFd: 4, device: NVME.host },
      { type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 5 },
    ],
    sees: last,
    values: {
      false: { sees: 'KVM_DEV_VFIO_GROUP_ADD EINVAL' },
      true: { sees: 'KVM_DEV_VFIO_GROUP_ADD 0' },
    },
  },
  {
    setting: 'holdsIommuGroup',
    about: 'KVM forgets a group that it has never tied to a table',
    calls: [...V2, register(), ...IN_KVM, { type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 4 }],
    sees: (run) => ran(run, 'kvm_spapr_tce_release_iommu_group'),
    values: {
      false: { sees: 1 },
      true: { sees: 0 },
    },
  },
];

/** What versions of VFIO differ in. */
export const VFIO_FEATURES: readonly SwitchCase[] = [
  {
    setting: 'vfioDefaultWindow',
    about: 'a container has a group',
    also: { mmOwner: 'current' },
    size: 'power9',
    calls: V2,
    sees: ({ host }) => host?.groups[0]?.windows.length,
    values: {
      eager: { sees: 1 },
      postponed: { sees: 0 },
    },
  },
  {
    setting: 'ownership',
    about: 'a container of v1 has a group',
    calls: V1,
    sees: last,
    values: {
      attach: { sees: 'VFIO_SET_IOMMU EPERM' },
      claim: { sees: 'VFIO_SET_IOMMU 0' },
    },
  },
  {
    setting: 'mmOwner',
    about: 'another process maps',
    size: 'power9',
    calls: [...READY, { type: 'fork', child: 'child' }, { ...map(0n), process: 'child' }],
    sees: last,
    values: {
      current: { sees: 'VFIO_IOMMU_MAP_DMA EINVAL' },
      first: { sees: 'VFIO_IOMMU_MAP_DMA EPERM' },
    },
  },
  {
    setting: 'refundStopsAtZero',
    about: 'another process, which was charged nothing, gives a window up',
    also: { mmOwner: 'current' },
    size: 'power9',
    calls: [...READY, { type: 'fork', child: 'child' }, { ...REMOVE_DEFAULT, process: 'child' }],
    sees: ({ locked }) => locked.child,
    values: {
      true: { sees: 0, violated: ['S-11'] },
      false: { sees: -2, violated: ['S-11'] },
    },
  },
  {
    setting: 'regionGet',
    about: 'memory that a TCE points into is unregistered',
    also: { unregisterBusy: 'orphan' },
    size: 'power9',
    calls: [...READY, map(0n), unregister()],
    sees: last,
    values: {
      false: { sees: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY EBUSY' },
      true: { sees: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY 0', violated: ['S-11'] },
    },
  },
  {
    setting: 'bulkPin',
    about: 'memory that ends is registered beyond its end',
    also: { positiveReturns: 'unfixed' },
    calls: [...V2, register(UA, 0x500_0000n)],
    sees: last,
    values: {
      false: { sees: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY EFAULT' },
      true: { sees: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY 16384' },
    },
  },
  {
    setting: 'clearBeforeUnset',
    about: 'a window goes',
    size: 'power9',
    calls: [...READY, map(0n), REMOVE_DEFAULT],
    sees: (run) =>
      texts(run, 'unset_window', 'tce_xchg')
        .slice(-2)
        .map((text) => text.split(' ')[0]),
    values: {
      false: { sees: ['unset_window', 'tce_xchg'] },
      true: { sees: ['tce_xchg', 'unset_window'] },
    },
  },
];

/** What versions of the platform differ in. */
export const POWERNV_FEATURES: readonly SwitchCase[] = [
  {
    setting: 'levels',
    about: 'a table of two levels is made',
    size: 'power9',
    calls: [...V2, register(), REMOVE_DEFAULT, createWindow(12, 0x800_0000n, 2)],
    sees: (run) => costOf(run, 'table-page'),
    values: {
      eager: { sees: 130 },
      onDemand: { sees: 2 },
    },
  },
  {
    setting: 'killSplit',
    about: 'a list is mapped by QEMU',
    machine: PASSED,
    script: [reset, put(0, 0x50003)],
    sees: (run) => times(run, 'tce_kill'),
    values: {
      false: { sees: 0 },
      true: { sees: 1 },
    },
  },
  {
    setting: 'hostDefaultWindow',
    about: 'the host starts',
    calls: [{ type: 'bind-driver', ...HOST_DEVICE, dmaMask: 0xffff_ffffn }],
    sees: ({ host }) => host?.groups[0]?.windows[0]?.entries,
    values: {
      below4G: { sees: 524288 },
      large: { sees: 33554432 },
    },
  },
  {
    setting: 'groupDevices',
    about: 'a function comes back to the host',
    calls: [
      { type: 'unbind-vfio-pci', device: HOST_DEVICE.device, thread: 'admin' },
      { type: 'remove-device', ...HOST_DEVICE },
      { type: 'rescan', to: 'powernv-ioda2', thread: 'admin', phb: 1 },
    ],
    sees: (run) => ran(run, '__iommu_attach_device'),
    values: {
      perGroup: { sees: 0 },
      perDevice: { sees: 1 },
    },
  },
  {
    setting: 'chargedCopies',
    about: 'a table of two levels is made',
    size: 'power9',
    calls: [...V2, register(), REMOVE_DEFAULT, createWindow(12, 0x800_0000n, 2)],
    sees: ({ host }) => host?.lockedKb,
    values: {
      '1': { sees: 1284 },
      '2': { sees: 1544 },
    },
  },
  {
    setting: 'allocatedSize',
    about: 'a table of two levels comes and goes, and what it remembers is given back',
    also: { chargeMatchesAllocation: 'unfixed' },
    size: 'power9',
    calls: [...READY, createWindow(12, 0x800_0000n, 2), { ...REMOVE_DEFAULT, startAddr: DDW_AT }],
    sees: ({ host }) => host?.lockedKb,
    values: {
      allocated: { sees: 1548, violated: ['S-11'] },
      charged: { sees: 1032 },
    },
  },
];
