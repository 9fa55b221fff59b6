import {
  answers,
  BARE,
  create,
  DDW,
  DDW_START,
  exits,
  get,
  mapped,
  NIC,
  PASSED,
  plug,
  put,
  putList,
  ran,
  reset,
  stuff,
  texts,
  unplug,
} from './machines.ts';
import type { SwitchCase } from './switch-case.ts';
import {
  EXIT,
  EXIT_KVM,
  IN_KVM,
  REMOVE_DEFAULT,
  register,
  returns,
  SET_SPAPR_TCE,
  SMALL,
  V2,
  view,
} from './userspace.ts';

/** A guest page of 64K half of which is memory, and hardware pages of 4K behind it. */
const HALF_A_PAGE = { ...PASSED, ram: '0x3ff8000', hotplugMax: 'none' } as const;
const HALF = 0x3ff0003;

export const KVM_CASES: readonly SwitchCase[] = [
  {
    setting: 'kvmErrors',
    about: 'a level of the hardware table cannot be allocated',
    machine: PASSED,
    script: [
      reset,
      create(12, 40),
      { do: 'fail-next', call: 'tce_level_alloc' },
      put(DDW_START, 0x50003, DDW),
    ],
    sees: (run) => ({ answer: answers(run).at(-1), ...mapped(run, 1), exits: exits(run) }),
    values: {
      swallow: {
        sees: { answer: 'H_PUT_TCE H_SUCCESS', view: 1, hardware: 0, exits: 1 },
        violated: ['S-4', 'S-19'],
      },
      tooHard: { sees: { answer: 'H_PUT_TCE H_SUCCESS', view: 1, hardware: 1, exits: 2 } },
    },
  },
  {
    setting: 'indirect',
    about: 'the second TCE of a list is refused; so checked the kernels of both values',
    also: { validate: 'alignment' },
    machine: PASSED,
    script: [reset, putList(0, [0x50003, 0x60803])],
    sees: (run) => ({ answer: answers(run).at(-1), ...mapped(run) }),
    values: {
      onePass: { sees: { answer: 'H_PUT_TCE_INDIRECT H_PARAMETER', view: 1, hardware: 1 } },
      twoPass: { sees: { answer: 'H_PUT_TCE_INDIRECT H_PARAMETER', view: 0, hardware: 0 } },
    },
  },
  {
    setting: 'attachRefLeak',
    about: 'a group is tied to a table twice',
    size: 'power9',
    calls: [
      ...V2,
      register(),
      ...SMALL,
      ...IN_KVM,
      view(0x80000000),
      SET_SPAPR_TCE,
      SET_SPAPR_TCE,
      EXIT_KVM,
      EXIT,
    ],
    sees: ({ host }) => host?.orphanTables,
    values: {
      unfixed: { sees: 1, violated: ['S-12'] },
      fixed: { sees: 0 },
    },
  },
  {
    setting: 'attachRefPerGroup',
    about: 'two groups that share a table are tied to it',
    machine: BARE,
    script: [reset, plug(), plug(NIC), unplug(), unplug(NIC.id)],
    sees: ({ host }) => host?.orphanTables,
    values: {
      unfixed: { sees: 1, violated: ['S-12'] },
      fixed: { sees: 0 },
    },
  },
  {
    setting: 'clearTceDec',
    about: 'the second half of a page is no memory',
    also: { validate: 'alignment' },
    machine: HALF_A_PAGE,
    script: [reset, create(16, 20), put(DDW_START, HALF, DDW)],
    sees: (run) => [answers(run).at(-1), Object.keys(run.violated)],
    values: {
      unfixed: { sees: ['H_PUT_TCE H_HARDWARE', ['S-2', 'S-4']], violated: ['S-2', 'S-4'] },
      fixed: { sees: ['H_PUT_TCE H_HARDWARE', ['S-4']], violated: ['S-4'] },
    },
  },
  {
    setting: 'clearTceIndex',
    about: 'the second half of a page is no memory',
    also: { validate: 'alignment' },
    machine: HALF_A_PAGE,
    script: [reset, create(16, 20), put(DDW_START, HALF, DDW)],
    sees: (run) => texts(run, 'effect').filter((text) => text.includes('outOfBounds')).length,
    values: {
      guestIdx: { sees: 1, violated: ['S-4', 'S-10'] },
      hwIdx: { sees: 0, violated: ['S-4'] },
    },
  },
  {
    setting: 'indirectZeroPerm',
    about: 'a list takes a mapping away',
    machine: PASSED,
    script: [reset, put(0, 0x50003), putList(0, [0x60000])],
    sees: (run) => run.violated['S-2'] ?? 'counted off',
    values: {
      unfixed: {
        sees: 'Registered memory at 0x7f0000000000 with 0x4000000 bytes counts 1 TCEs, and 0 point into it: it can never be released.',
        violated: ['S-2'],
      },
      fixed: { sees: 'counted off' },
    },
  },
  {
    setting: 'rangeCheck',
    about: 'lists and fills reach beyond the end of a window',
    machine: PASSED,
    script: [reset, putList(0xf000, [0x50003, 0x60003]), stuff(0xf000, 2)],
    sees: answers,
    values: {
      firstOnly: { sees: ['H_PUT_TCE_INDIRECT H_SUCCESS', 'H_STUFF_TCE H_SUCCESS'], violated: ['S-10'] },
      unmapAndStuff: {
        sees: ['H_PUT_TCE_INDIRECT H_SUCCESS', 'H_STUFF_TCE H_PARAMETER'],
        violated: ['S-10'],
      },
      full: { sees: ['H_PUT_TCE_INDIRECT H_PARAMETER', 'H_STUFF_TCE H_PARAMETER'] },
    },
  },
  {
    setting: 'attachHoldsFd',
    about: 'a view is closed while it is being tied to a group',
    size: 'power9',
    calls: [
      ...V2,
      register(),
      ...SMALL,
      ...IN_KVM,
      view(0x80000000),
      { ...SET_SPAPR_TCE, after: 3 },
      { type: 'close', to: 'kvm', fd: 1001, thread: 'vcpu0' },
    ],
    sees: (run) => [returns(run).at(-1), run.violated['S-12'] ?? 'balanced'],
    values: {
      unfixed: {
        sees: [
          'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE 0',
          'Hardware table 1 counts 3 references, and 2 are held (1 by who made it, 1 by groups, 0 by KVM).',
        ],
        violated: ['S-12'],
      },
      fixed: { sees: ['KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE 0', 'balanced'] },
    },
  },
  {
    setting: 'realMode',
    about: 'a page of the view is not there yet, then is',
    machine: PASSED,
    script: [reset, create(12, 20), put(DDW_START, 0x50003, DDW), put(DDW_START, 0x60003, DDW)],
    sees: (run) => ({ gaveUp: ran(run, 'kvmppc_rm_h_put_tce'), exits: exits(run) }),
    values: {
      on: { sees: { gaveUp: 1, exits: 1 } },
      off: { sees: { gaveUp: 0, exits: 1 } },
    },
  },
  {
    setting: 'viewAllocFailure',
    about: 'a page of the view cannot be allocated',
    machine: PASSED,
    script: [
      reset,
      create(12, 20),
      { do: 'fail-next', call: 'kvm_spapr_get_tce_page' },
      put(DDW_START, 0x50003, DDW),
      get(DDW_START, DDW),
    ],
    sees: (run) => ({ answers: answers(run).slice(-2), ...mapped(run, 1), exits: exits(run) }),
    values: {
      silent: {
        sees: {
          answers: ['H_PUT_TCE H_SUCCESS', 'H_GET_TCE H_SUCCESS tce=0x0'],
          view: 0,
          hardware: 1,
          exits: 1,
        },
        violated: ['S-4', 'S-5', 'S-19'],
      },
      tooHard: {
        sees: {
          answers: ['H_PUT_TCE H_SUCCESS', 'H_GET_TCE H_SUCCESS tce=0x50003'],
          view: 1,
          hardware: 1,
          exits: 2,
        },
      },
    },
  },
  {
    setting: 'createLock',
    about: 'two views of one LIOBN are made at a time',
    calls: [...V2, register(), { ...view(0x80000000), after: 1 }, { ...view(0x80000000), thread: 'vcpu0' }],
    sees: (run) => returns(run).slice(-2),
    values: {
      unfixed: { sees: ['KVM_CREATE_SPAPR_TCE_64 1000', 'KVM_CREATE_SPAPR_TCE_64 1001'], violated: ['S-17'] },
      fixed: { sees: ['KVM_CREATE_SPAPR_TCE_64 1000', 'KVM_CREATE_SPAPR_TCE_64 EBUSY'] },
    },
  },
  {
    setting: 'releaseWaits',
    about: 'a view is closed, and then its hardware window, while a vCPU maps',
    size: 'power9',
    calls: [
      ...V2,
      register(),
      ...SMALL,
      ...IN_KVM,
      view(1),
      SET_SPAPR_TCE,
      { type: 'H_PUT_TCE', thread: 'vcpu0', liobn: 1n, ioba: 0n, tce: 0x5003n, after: 4 },
      { type: 'close', to: 'kvm', fd: 1001, after: 1 },
      REMOVE_DEFAULT,
    ],
    sees: (run) =>
      texts(run, 'hcall-return', 'kvm-return', 'vfio-return')
        .slice(-3)
        .map((text) => text.split(' ')[1]),
    values: {
      unfixed: { sees: ['close', 'VFIO_IOMMU_SPAPR_TCE_REMOVE', 'H_PUT_TCE'], violated: ['S-2'] },
      fixed: { sees: ['H_PUT_TCE', 'close', 'VFIO_IOMMU_SPAPR_TCE_REMOVE'] },
    },
  },
  {
    setting: 'sizeMatch',
    about: 'a window of the guest has larger pages than the hardware',
    machine: PASSED,
    script: [reset, create(16, 20), put(DDW_START, 0x50003, DDW)],
    sees: (run) => ({ exits: exits(run), told: texts(run, 'error-report')[0] }),
    values: {
      exact: {
        sees: {
          exits: 2,
          told: 'error-report text=vfio: failed to setup fd 1001 for a group with fd 3: Invalid argument',
        },
      },
      atLeast: { sees: { exits: 1, told: undefined } },
    },
  },
];
