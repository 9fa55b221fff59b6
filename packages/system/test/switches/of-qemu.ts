import {
  aborted,
  answers,
  BARE,
  costOf,
  create,
  DDW,
  DDW_START,
  exits,
  get,
  HOST,
  mapped,
  NIC,
  once,
  PASSED,
  plug,
  put,
  remove,
  reset,
  stuff,
  texts,
  times,
  unplug,
} from './machines.ts';
import type { Run } from './run.ts';
import type { SwitchCase } from './switch-case.ts';

/** A host whose KVM cannot write hardware tables. */
const WITHOUT_142 = { spaprTceVfio: 'false' } as const;

/** Switches of QEMU that take KVM, VFIO and the platform beneath. */
export const QEMU_CASES: readonly SwitchCase[] = [
  {
    setting: 'replayPolicy',
    about: 'a window of 2^31 entries is made, KVM maps one, and the function comes anew',
    size: 'power9',
    machine: { ...BARE, host: { ...HOST, pageShift: 16 }, ram: '0x20000000' },
    script: [reset, plug(), create(16, 47), put(DDW_START, 0x50003, DDW), unplug(), plug()],
    sees: (run) => ({
      looked: costOf(run, 'replay'),
      faults: costOf(run, 'view-fault'),
      exits: exits(run),
      ...mapped(run, 1),
    }),
    values: {
      always: {
        sees: { looked: 4294967328, faults: 262145, exits: 1, view: 1, hardware: 1 },
        violated: ['L-2'],
      },
      skipOnCreate: {
        sees: { looked: 2147483680, faults: 262145, exits: 1, view: 1, hardware: 1 },
        violated: ['L-2'],
      },
      anyMappingFlagBlind: {
        sees: { looked: 0, faults: 2, exits: 1, view: 1, hardware: 0 },
        violated: ['S-4', 'L-3'],
      },
      anyMappingFlag: {
        sees: { looked: 4294967328, faults: 262145, exits: 1, view: 1, hardware: 1 },
        violated: ['L-2'],
      },
      kvmReplay: { sees: { looked: 0, faults: 2, exits: 1, view: 1, hardware: 1 } },
      bitmap: { sees: { looked: 4096, faults: 2, exits: 1, view: 1, hardware: 1 } },
      lazyBind: {
        sees: { looked: 2147483648, faults: 262144, exits: 2, view: 1, hardware: 1 },
        violated: ['L-2'],
      },
    },
  },
  {
    setting: 'reallocOnFirstVfio',
    about: 'a function is plugged, and the guest maps',
    also: WITHOUT_142,
    machine: BARE,
    script: [reset, put(0, 0x50003), plug(), put(0x1000, 0x60003)],
    sees: (run) => ({ ...mapped(run), exits: exits(run), moved: movedAt(run) }),
    values: {
      never: { sees: { view: 2, hardware: 1, exits: 0, moved: 'never' }, violated: ['S-4', 'S-19'] },
      atHotplugPath: { sees: { view: 2, hardware: 2, exits: 1, moved: 'after it' } },
      atNotifierChange: { sees: { view: 2, hardware: 2, exits: 1, moved: 'before the replay' } },
    },
  },
  {
    setting: 'reallocAtomic',
    about: 'the guest maps by KVM while its view is copied',
    also: WITHOUT_142,
    machine: BARE,
    script: [
      reset,
      put(0, 0x50003),
      plug(),
      { ...put(0x1000, 0x60003), ...once('view_load', 4) },
      get(0x1000),
    ],
    sees: (run) => answers(run).at(-1),
    values: {
      false: { sees: 'H_GET_TCE H_SUCCESS tce=0x0', violated: ['S-5'] },
      true: { sees: 'H_GET_TCE H_SUCCESS tce=0x60003' },
    },
  },
  {
    setting: 'unregNotifierOnContainerDestroy',
    about: 'a function is plugged, unplugged and plugged, and the guest maps',
    also: WITHOUT_142,
    machine: BARE,
    script: [reset, plug(), unplug(), plug(), put(0x1000, 0x60003)],
    sees: (run) => texts(run, 'VFIO_IOMMU_MAP_DMA').length,
    values: {
      false: { sees: 2, violated: ['S-9', 'L-4'] },
      true: { sees: 1 },
    },
  },
  {
    setting: 'unplugSync',
    about: 'the last function goes, and the guest maps',
    also: { ...WITHOUT_142, reallocOnFirstVfio: 'atHotplugPath' },
    machine: BARE,
    script: [reset, plug(), unplug(), put(0x1000, 0x60003)],
    sees: (run) => [exits(run), run.violated['S-16'] === undefined],
    values: {
      immediate: { sees: [1, false], violated: ['S-16', 'L-4'] },
      rcuOrdered: { sees: [0, false], violated: ['S-16'] },
      notifierDriven: { sees: [1, true] },
    },
  },
  {
    setting: 'iommuType',
    about: 'a function is plugged, and the guest maps',
    also: WITHOUT_142,
    machine: BARE,
    script: [reset, plug(), put(0x1000, 0x60003)],
    sees: (run) => ({ lockedKb: run.host?.lockedKb, pinned: costOf(run, 'pin'), ...mapped(run) }),
    values: {
      v1: { sees: { lockedKb: 2105344, pinned: 1, view: 1, hardware: 1 } },
      v2: { sees: { lockedKb: 65544, pinned: 16384, view: 1, hardware: 1 } },
    },
  },
  {
    setting: 'kvmAddBeforeListener',
    about: 'a function is plugged, and the guest maps',
    also: { attachFailure: 'silent' },
    machine: BARE,
    script: [reset, plug(), put(0x1000, 0x60003)],
    sees: (run) => ({ ...mapped(run), told: texts(run, 'error-report') }),
    values: {
      false: { sees: { view: 1, hardware: 0, told: [] }, violated: ['S-4', 'S-19'] },
      true: { sees: { view: 1, hardware: 1, told: [] } },
    },
  },
  {
    setting: 'replayVsKvm',
    about: 'the guest clears an entry by KVM between its being read and its being mapped',
    also: { replayPolicy: 'skipOnCreate' },
    machine: BARE,
    script: [reset, put(0x1000, 0x50003), plug(), { ...stuff(0x1000, 1), ...once('VFIO_IOMMU_MAP_DMA') }],
    sees: (run) => ({
      ...mapped(run),
      held: times(run, 'pause_all_vcpus'),
    }),
    values: {
      racy: { sees: { view: 0, hardware: 1, held: 0 }, violated: ['S-3', 'S-4', 'S-18'] },
      atomicPerEntry: { sees: { view: 0, hardware: 0, held: 16 } },
      vcpusPaused: { sees: { view: 0, hardware: 0, held: 1 } },
    },
  },
  {
    setting: 'attachKvmOnJoin',
    about: 'a second group joins, the first one leaves, and the guest maps',
    machine: BARE,
    script: [reset, plug(), plug(NIC), unplug(), put(0x1000, 0x60003)],
    sees: (run) => mapped(run, 0, NIC.group),
    values: {
      unfixed: { sees: { view: 1, hardware: 0 }, violated: ['S-4', 'S-19'] },
      fixed: { sees: { view: 1, hardware: 1 } },
    },
  },
  {
    setting: 'clearOnDetach',
    about: 'a second group joins, the guest maps, and the first one leaves',
    machine: BARE,
    script: [reset, plug(), plug(NIC), put(0x1000, 0x60003), unplug()],
    sees: (run) => mapped(run, 0, NIC.group),
    values: {
      whole: { sees: { view: 1, hardware: 0 }, violated: ['S-4'] },
      no: { sees: { view: 1, hardware: 1 } },
      onlyIfLastUser: { sees: { view: 1, hardware: 1 } },
    },
  },
  {
    setting: 'attachFailure',
    about: 'KVM has no memory for the view',
    machine: PASSED,
    script: [{ do: 'fail-next', call: 'kvmppc_spapr_tce_table' }, reset, put(0x1000, 0x60003)],
    sees: (run) => [aborted(run) === null, mapped(run)],
    values: {
      silent: { sees: [true, { view: 1, hardware: 0 }], violated: ['S-4', 'S-19'] },
      fatal: { sees: [false, { view: null, hardware: 0 }], violated: ['S-21', 'L-1'] },
      fallbackUserspace: { sees: [true, { view: 1, hardware: 1 }] },
    },
  },
  {
    setting: 'propagateMapError',
    about: 'a level of the hardware table cannot be allocated',
    also: WITHOUT_142,
    size: 'power9',
    machine: PASSED,
    script: [
      reset,
      create(12, 40),
      { do: 'fail-next', call: 'tce_level_alloc' },
      put(DDW_START, 0x50003, DDW),
    ],
    sees: (run) => answers(run).at(-1),
    values: {
      no: { sees: 'H_PUT_TCE H_SUCCESS', violated: ['S-4', 'S-19'] },
      yes: { sees: 'H_PUT_TCE H_HARDWARE', violated: ['S-4'] },
    },
  },
  {
    setting: 'unmapOnXlateFail',
    about: 'an entry for RAM is overwritten with one for what is none',
    machine: PASSED,
    script: [reset, put(0, 0x50003), put(0, 0x40000003)],
    sees: (run) => mapped(run).hardware,
    values: {
      unfixed: { sees: 1, violated: ['S-4'] },
      fixed: { sees: 0 },
    },
  },
  {
    setting: 'disableOrder',
    about: 'another vCPU maps while a window goes',
    machine: { ...PASSED, vcpus: 2 },
    script: [
      reset,
      create(12, 14),
      remove(DDW.liobn),
      { ...put(DDW_START, 0x50003, { ...DDW, vcpu: 1 }), ...once('unset_window') },
    ],
    sees: (run) => answers(run).filter((text) => text.startsWith('H_PUT_TCE')),
    values: {
      hwFirst: { sees: ['H_PUT_TCE H_SUCCESS'], violated: ['S-2'] },
      kvmFirst: { sees: ['H_PUT_TCE H_PARAMETER'] },
    },
  },
  {
    setting: 'ramSplit',
    about: 'memory comes that is one block with memory in use',
    machine: PASSED,
    script: [
      reset,
      put(0, 0x50003),
      { do: 'device_add-memory', gpa: '0x4000000', bytes: '0x1000000', joins: true },
      put(0x1000, 0x4000003),
    ],
    sees: (run) => [aborted(run), mapped(run).hardware],
    values: {
      unfixed: {
        sees: [
          'qemu-aborted assertion=hardware error: vfio: Memory registering failed, unable to continue',
          0,
        ],
        violated: ['S-21', 'L-1'],
      },
      fixed: { sees: [null, 2] },
    },
  },
  {
    setting: 'replayPolicy',
    about: 'the same where QEMU has the view',
    size: 'power9',
    machine: { ...BARE, kvm: false },
    script: [reset, plug(), create(16, 47), put(DDW_START, 0x50003, DDW), unplug(), plug()],
    sees: (run) => ({ looked: costOf(run, 'replay'), ...mapped(run, 1) }),
    values: {
      always: { sees: { looked: 4294967328, view: 1, hardware: 16 }, violated: ['L-2'] },
      skipOnCreate: { sees: { looked: 2147483680, view: 1, hardware: 16 }, violated: ['L-2'] },
      anyMappingFlagBlind: { sees: { looked: 2147483648, view: 1, hardware: 16 }, violated: ['L-2'] },
      anyMappingFlag: { sees: { looked: 2147483648, view: 1, hardware: 16 }, violated: ['L-2'] },
      kvmReplay: { sees: { looked: 2147483680, view: 1, hardware: 16 }, violated: ['L-2'] },
      bitmap: { sees: { looked: 2147483680, view: 1, hardware: 16 }, violated: ['L-2'] },
      lazyBind: { sees: { looked: 2147483648, view: 1, hardware: 16 }, violated: ['L-2'] },
    },
  },
  {
    setting: 'createFailure',
    about: 'the limit leaves no room for another hardware window',
    machine: { ...PASSED, host: { ...HOST, memlockKb: 0x10000 + 32 } },
    script: [reset, create(12, 24)],
    sees: (run) => answers(run),
    values: {
      abort: { sees: [], violated: ['S-21', 'L-1'] },
      rtasError: { sees: ['ibm,create-pe-dma-window HW_ERROR'] },
    },
  },
  {
    setting: 'hotplugUnwind',
    about: 'the limit leaves no room for the default window, but for the smaller dynamic one',
    size: 'power9',
    machine: {
      ...BARE,
      ram: '0x20000000',
      phbs: [{ index: 0, dmaWinSize: '0x400000' }],
      host: { ...HOST, memlockKb: 0x80000 + 32 },
    },
    script: [reset, create(12, 16), plug()],
    sees: aborted,
    values: {
      unfixed: {
        sees: 'qemu-aborted assertion=hardware error: vfio_listener_region_del: Cannot delete missing window at 0',
        violated: ['S-21'],
      },
      fixed: { sees: null },
    },
  },
];

/** QEMU's call in which a view moved. */
function movedAt({ arrived }: Run): string {
  const closed = arrived.findIndex(({ type, from }) => type === 'close' && from === 'qemu-spapr');
  const mapped = arrived.findIndex(({ type }) => type === 'VFIO_IOMMU_MAP_DMA');
  if (closed < 0) return 'never';
  return closed < mapped ? 'before the replay' : 'after it';
}
