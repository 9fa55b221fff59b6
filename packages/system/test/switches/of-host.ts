import { costOf, NIC, texts, times } from './machines.ts';
import type { Run } from './run.ts';
import type { SwitchCase } from './switch-case.ts';
import {
  createWindow,
  DDW_AT,
  EXIT,
  failNext,
  HOST_DEVICE,
  map,
  openSecond,
  RAM,
  REMOVE_DEFAULT,
  register,
  returns,
  SMALL,
  UA,
  unmap,
  unregister,
  V2,
} from './userspace.ts';

const last = (run: Run): string | undefined => returns(run).at(-1);
const locked = ({ host }: Run): number | undefined => host?.lockedKb;
const READY = [...V2, register(), ...SMALL] as const;
const windowsOf = ({ host }: Run, group: number) =>
  host?.groups.find((each) => each.group === group)?.windows ?? [];

/** Switches of VFIO, with a VMM that is not QEMU. */
export const VFIO_CASES: readonly SwitchCase[] = [
  {
    setting: 'unregisterGuard',
    about: 'memory that a TCE points into is unregistered',
    size: 'power9',
    calls: [...READY, map(0n), unregister()],
    sees: last,
    values: {
      none: { sees: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY 0', violated: ['S-1'] },
      mappedCounter: { sees: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY EBUSY' },
    },
  },
  {
    setting: 'unregisterBusy',
    about: 'memory that a TCE points into is unregistered, and the process ends',
    size: 'power9',
    calls: [...READY, map(0n), unregister(), EXIT],
    sees: (run) => [last(run), run.host?.leakedRegions],
    values: {
      orphan: { sees: ['VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY 0', 1], violated: ['S-11', 'L-5'] },
      ebusy: { sees: ['VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY EBUSY', 0] },
    },
  },
  {
    setting: 'setWindowOnExtraGroup',
    about: 'a second group joins',
    size: 'power9',
    calls: [...READY, ...openSecond],
    sees: (run) => windowsOf(run, NIC.group).length,
    values: {
      unfixed: { sees: 0, violated: ['S-8'] },
      fixed: { sees: 1 },
    },
  },
  {
    setting: 'preregOwner',
    about: 'memory is registered twice, and the container goes',
    calls: [
      ...V2,
      register(),
      register(),
      { type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: 4 },
      { type: 'close', fd: 4 },
      { type: 'close', fd: 3 },
    ],
    sees: (run) => [returns(run).at(-4), locked(run)],
    values: {
      mm: { sees: ['VFIO_IOMMU_SPAPR_REGISTER_MEMORY 0', 1024] },
      container: { sees: ['VFIO_IOMMU_SPAPR_REGISTER_MEMORY EBUSY', 0] },
    },
  },
  {
    setting: 'clearOnDetach',
    about: 'one of two groups leaves, then the other',
    size: 'power9',
    calls: [
      ...READY,
      ...openSecond,
      map(0n),
      { type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: 4 },
      { type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: 5 },
    ],
    // A clear of the whole table, and the taking away of a window.
    sees: (run) =>
      texts(run, 'tce_xchg', 'unset_window', 'iommu_tce_table_put')
        .map((text) => text.split(' ')[0])
        .slice(1),
    values: {
      whole: { sees: ['tce_xchg', 'unset_window', 'tce_xchg', 'unset_window', 'iommu_tce_table_put'] },
      no: { sees: ['unset_window', 'unset_window', 'tce_xchg', 'iommu_tce_table_put'] },
      onlyIfLastUser: { sees: ['unset_window', 'tce_xchg', 'unset_window', 'iommu_tce_table_put'] },
    },
  },
  {
    setting: 'createRefund',
    about: 'a window cannot be allocated',
    size: 'power9',
    calls: [...READY, failNext('create_table'), createWindow(12, 0x10000n)],
    sees: (run) => [last(run), locked(run)],
    values: {
      unfixed: { sees: ['VFIO_IOMMU_SPAPR_TCE_CREATE ENOMEM', 1040], violated: ['S-11'] },
      fixed: { sees: ['VFIO_IOMMU_SPAPR_TCE_CREATE ENOMEM', 1032] },
    },
  },
  {
    setting: 'mapIncFailRet',
    about: 'memory is unregistered while it is being mapped',
    also: { mapTakesLock: 'unfixed' },
    calls: [...READY, { ...map(0n), after: 1 }, { ...unregister(), thread: 'vcpu0' }],
    sees: (run) => returns(run).slice(-2),
    values: {
      ok: { sees: ['VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY 0', 'VFIO_IOMMU_MAP_DMA 0'] },
      enxio: { sees: ['VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY 0', 'VFIO_IOMMU_MAP_DMA ENXIO'] },
    },
  },
  {
    setting: 'rangeCheck',
    about: 'ranges reach beyond the end of a window',
    size: 'power9',
    calls: [
      ...V2,
      register(),
      REMOVE_DEFAULT,
      createWindow(12, 0x20_0000n),
      map(0x1f_f000n, UA, 0x2000n),
      unmap(0x1f_f000n, 0x2000n),
    ],
    sees: (run) => returns(run).slice(-2),
    values: {
      firstOnly: { sees: ['VFIO_IOMMU_MAP_DMA 0', 'VFIO_IOMMU_UNMAP_DMA 0'], violated: ['S-2', 'S-10'] },
      unmapAndStuff: {
        sees: ['VFIO_IOMMU_MAP_DMA 0', 'VFIO_IOMMU_UNMAP_DMA EINVAL'],
        violated: ['S-2', 'S-10'],
      },
      full: { sees: ['VFIO_IOMMU_MAP_DMA EINVAL', 'VFIO_IOMMU_UNMAP_DMA EINVAL'] },
    },
  },
  {
    setting: 'pageShiftCheck',
    about: 'a page of 64K lies in memory that is registered from its middle on',
    size: 'power9',
    host: { backingShift: 16 },
    calls: [...V2, register(UA, 0x1_1000n), createWindow(16, RAM), map(DDW_AT, UA, 0x1_0000n)],
    sees: last,
    values: {
      unfixed: { sees: 'VFIO_IOMMU_MAP_DMA 0', violated: ['S-1'] },
      fixed: { sees: 'VFIO_IOMMU_MAP_DMA EINVAL' },
    },
  },
  {
    setting: 'chargeMatchesAllocation',
    about: 'a table of two levels comes and goes, and remembers what was allocated first',
    also: { allocatedSize: 'allocated' },
    size: 'power9',
    calls: [...READY, createWindow(12, 0x800_0000n, 2), { ...REMOVE_DEFAULT, startAddr: DDW_AT }],
    sees: locked,
    values: {
      unfixed: { sees: 1548, violated: ['S-11'] },
      fixed: { sees: 1032 },
    },
  },
  {
    setting: 'positiveReturns',
    about: 'a bus address is between two pages',
    size: 'power9',
    calls: [...READY, map(0x800n)],
    sees: last,
    values: {
      unfixed: { sees: 'VFIO_IOMMU_MAP_DMA 1' },
      fixed: { sees: 'VFIO_IOMMU_MAP_DMA EINVAL' },
    },
  },
  {
    setting: 'registerSizeZero',
    about: 'nothing is registered',
    calls: [...V2, register(UA, 0n)],
    sees: last,
    values: {
      warn: { sees: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY ENOMEM' },
      einval: { sees: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY EINVAL' },
    },
  },
  {
    setting: 'mapTakesLock',
    about: 'a window goes while something is mapped in it',
    size: 'power9',
    calls: [...READY, { ...REMOVE_DEFAULT, after: 3 }, { ...map(0n), thread: 'vcpu0' }],
    sees: (run) => returns(run).slice(-2),
    values: {
      unfixed: { sees: ['VFIO_IOMMU_SPAPR_TCE_REMOVE 0', 'VFIO_IOMMU_MAP_DMA 0'], violated: ['S-2', 'S-7'] },
      fixed: { sees: ['VFIO_IOMMU_SPAPR_TCE_REMOVE 0', 'VFIO_IOMMU_MAP_DMA ENXIO'] },
    },
  },
  {
    setting: 'sparseClear',
    about: 'an empty window of 2^15 entries is unmapped',
    size: 'power9',
    calls: [...READY, createWindow(12, 0x800_0000n, 2), unmap(DDW_AT, 0x800_0000n)],
    sees: (run) => costOf(run, 'clear'),
    values: {
      unfixed: { sees: 32768 },
      fixed: { sees: 0 },
    },
  },
];

/** Switches of the platform. */
export const POWERNV_CASES: readonly SwitchCase[] = [
  {
    setting: 'tableBaseUpdate',
    about: 'a group is taken, the host maps, the group comes back, and a driver for 32 bits maps',
    size: 'power9',
    calls: [
      ...V2,
      { type: 'dma_map', ...HOST_DEVICE, hpa: 0x10_0000n, bytes: 0x1000n },
      { type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: 4 },
      { type: 'close', fd: 4 },
      { type: 'unbind-vfio-pci', device: HOST_DEVICE.device, thread: 'admin' },
      { type: 'bind-driver', ...HOST_DEVICE, dmaMask: 0xffff_ffffn },
      { type: 'dma_map', ...HOST_DEVICE, hpa: 0x10_0000n, bytes: 0x1000n },
    ],
    sees: (run) => texts(run, 'host-return'),
    values: {
      none: {
        sees: [
          'host-return dma_map 0x1000, in table 1, which is freed',
          'host-return bind-driver done',
          'host-return dma_map 0x10000, in table 1, which is freed',
        ],
        violated: ['S-6', 'S-7', 'S-14', 'L-9'],
      },
      releaseOnly: {
        sees: [
          'host-return dma_map 0x1000, in table 1, which is freed',
          'host-return bind-driver done',
          'host-return dma_map 0x1000',
        ],
        violated: ['S-6', 'S-7', 'S-14'],
      },
      takeAndRelease: {
        sees: ['host-return dma_map ENOMEM', 'host-return bind-driver done', 'host-return dma_map 0x1000'],
      },
    },
  },
  {
    setting: 'unsetFailure',
    about: 'firmware does not take the window of the host away',
    size: 'power9',
    calls: [failNext('opal_pci_map_pe_dma_window'), ...V2],
    sees: ({ host }) => host?.groups[0]?.owner,
    values: {
      unfixed: { sees: 'vfio', violated: ['S-7'] },
      fixed: { sees: 'platform' },
    },
  },
  {
    setting: 'bypassOffFailure',
    about: 'firmware does not turn the bypass off',
    size: 'power9',
    calls: [failNext('opal_pci_map_pe_dma_window_real'), ...V2],
    sees: ({ host }) => host?.groups[0]?.owner,
    values: {
      unfixed: { sees: 'vfio', violated: ['S-14'] },
      fixed: { sees: 'platform' },
    },
  },
  {
    setting: 'killZeroPages',
    about: 'nothing is mapped at 0 on a PHB3',
    size: 'power9',
    host: { generation: 'PHB3' },
    calls: [...READY, map(0n, UA, 0n)],
    sees: (run) => [costOf(run, 'kill') > 2 ** 50, times(run, 'VFIO_IOMMU_MAP_DMA')],
    values: {
      unfixed: { sees: [true, 1] },
      fixed: { sees: [false, 1] },
    },
  },
];
