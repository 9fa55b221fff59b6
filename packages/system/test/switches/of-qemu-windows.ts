import { aborted, answers, costOf, create, remove, reset, texts } from './machines.ts';
import type { Fields, SwitchCase } from './switch-case.ts';

/** Without KVM and VFIO: we play the guest and who listens. */
const TCG: Fields = { guest: false, phbs: [{ index: 0, dmaWinSize: '0x10000' }] };
const MIGRATION: Fields = { ...TCG, destination: true };
const LIOBN = '0x80000000';
const onDestination = (step: Fields): Fields => ({ ...step, of: 'qemu-destination' });
const query: Fields = { do: 'ibm,query-pe-dma-window', phb: 0 };

/** The machine moves; who listens there is there before the stream comes. */
const MOVE: readonly Fields[] = [
  { do: 'stop' },
  { do: 'migrate' },
  { do: 'handover', to: 'qemu-destination' },
  { do: 'register-iommu-notifier', phb: 0 },
  onDestination({ do: 'migrate-incoming' }),
];
const put: Fields = { do: 'H_PUT_TCE', liobn: LIOBN, ioba: '0x0', tce: '0x50003' };

export const WINDOW_CASES: readonly SwitchCase[] = [
  {
    setting: 'postLoadNotify',
    about: 'a stream brings an entry, and somebody listens',
    machine: MIGRATION,
    script: [reset, onDestination(reset), put, ...MOVE],
    sees: (run) => texts(run, 'iommu-notify'),
    values: {
      unfixed: { sees: [] },
      fixed: { sees: ['iommu-notify phb=0 kind=MAP iova=0x0 translated=0x50000 addrMask=0xfff perm=3'] },
    },
  },
  {
    setting: 'postLoadGeomCheck',
    about: 'a stream brings a window of the same size elsewhere',
    machine: MIGRATION,
    script: [
      reset,
      onDestination(reset),
      create(16, 20),
      { do: 'stop' },
      { do: 'migrate' },
      { do: 'handover', to: 'qemu-destination' },
      create(12, 16),
      onDestination({ do: 'migrate-incoming' }),
    ],
    sees: (run) => run.violated['S-13'] ?? 'made anew',
    values: {
      unfixed: {
        sees: 'LIOBN 0x80000001 has its entries for 0x800000000000000 on, and devices find it at 0x800000000000000 with 0x10000 bytes.',
        violated: ['S-13'],
      },
      fixed: { sees: 'made anew' },
    },
  },
  {
    setting: 'postLoadReplay',
    about: 'a stream brings a window, and somebody listens',
    machine: MIGRATION,
    script: [reset, onDestination(reset), create(12, 16), ...MOVE],
    sees: (run) => costOf(run, 'replay'),
    values: {
      unfixed: { sees: 32 },
      fixed: { sees: 16 },
    },
  },
  {
    setting: 'defWinClear',
    about: 'the default window is removed, and then the dynamic one that took its place',
    machine: TCG,
    script: [reset, remove(LIOBN), create(16, 20), remove(LIOBN)],
    sees: ({ windows }) => windows.length,
    values: {
      unfixed: { sees: 0, violated: ['L-6'] },
      fixed: { sees: 1 },
    },
  },
  {
    setting: 'createAddrCheck',
    about: 'a window is made where another one is',
    machine: TCG,
    script: [reset, create(16, 20), remove(LIOBN), create(16, 20)],
    sees: (run) => answers(run).at(-1),
    values: {
      unfixed: { sees: 'ibm,create-pe-dma-window SUCCESS [0x80000000 0x8000000 0x0]', violated: ['S-13'] },
      fixed: { sees: 'ibm,create-pe-dma-window HW_ERROR' },
    },
  },
  {
    setting: 'nbTruncation',
    about: 'windows of 2^43 entries are made',
    machine: TCG,
    script: [reset, create(16, 59), create(16, 59)],
    sees: (run) => [answers(run), aborted(run) === null],
    values: {
      unfixed: { sees: [['ibm,create-pe-dma-window HW_ERROR'], false], violated: ['S-21', 'L-1'] },
      fixed: {
        sees: [['ibm,create-pe-dma-window PARAM_ERROR', 'ibm,create-pe-dma-window PARAM_ERROR'], true],
      },
    },
  },
  {
    setting: 'shiftCheck',
    about: 'a window of pages of 2^76 bytes is made',
    machine: TCG,
    script: [reset, create(76, 80)],
    sees: answers,
    values: {
      unfixed: { sees: ['ibm,create-pe-dma-window SUCCESS [0x80000001 0x8000000 0x0]'], violated: ['S-13'] },
      fixed: { sees: ['ibm,create-pe-dma-window PARAM_ERROR'] },
    },
  },
];

export const QEMU_FEATURES: readonly SwitchCase[] = [
  {
    setting: 'machine',
    about: 'a guest asks what windows it may have',
    machine: TCG,
    script: [reset, query],
    sees: answers,
    values: {
      'pseries-2.4': { sees: ['ibm,query-pe-dma-window PARAM_ERROR'] },
      'pseries-2.5': { sees: ['ibm,query-pe-dma-window PARAM_ERROR'] },
      'pseries-2.6': { sees: ['ibm,query-pe-dma-window PARAM_ERROR'] },
      'pseries-2.7': { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x3 0x0]'] },
      'pseries-2.10': { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x3 0x0]'] },
      'pseries-4.1': { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x3 0x0]'] },
      'pseries-7.2': { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]'] },
      'pseries-10.0': { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]'] },
    },
  },
  {
    setting: 'ddwCalls',
    about: 'a guest asks what windows it may have',
    machine: TCG,
    script: [reset, query],
    sees: answers,
    values: {
      false: { sees: ['ibm,query-pe-dma-window H_PARAMETER'] },
      true: { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]'] },
    },
  },
  {
    setting: 'sixOutputQuery',
    about: 'a guest asks with 6 outputs',
    machine: TCG,
    script: [reset, query],
    sees: answers,
    values: {
      false: { sees: ['ibm,query-pe-dma-window PARAM_ERROR'] },
      true: { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]'] },
    },
  },
  {
    setting: 'queryReports2M',
    about: 'a guest asks for page sizes',
    machine: TCG,
    script: [reset, query],
    sees: answers,
    values: {
      false: { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x7 0x0]'] },
      true: { sees: ['ibm,query-pe-dma-window SUCCESS [0x1 0x20 0x0 0x107 0x0]'] },
    },
  },
  {
    setting: 'restoresDefaultWindow',
    about: 'the only window is removed, and it is a dynamic one',
    machine: TCG,
    script: [reset, remove(LIOBN), create(16, 20), remove(LIOBN)],
    sees: ({ windows }) => windows.length,
    values: {
      false: { sees: 0, violated: ['L-6'] },
      true: { sees: 1 },
    },
  },
  {
    setting: 'streamVersion',
    about: 'a machine is migrated',
    machine: MIGRATION,
    script: [reset, onDestination(reset), { do: 'stop' }, { do: 'migrate' }],
    sees: ({ arrived }) =>
      arrived.flatMap(({ type, message }) =>
        type === 'monitor-return' && 'stream' in message && message.stream !== null
          ? [(message.stream as { readonly version: number }).version]
          : [],
      ),
    values: {
      '2': { sees: [2] },
      '3': { sees: [3] },
    },
  },
];
