import { GUEST_VERSIONS, type GuestVersion, type GuestVersionName } from '@spapr-dma/guest-kernel';

/** A value of a setting, and where that is known from. */
export type Cell = readonly [value: string, source: string];
/** One version's values, by the names of the settings. */
export type Cells = Readonly<Record<string, Cell>>;

/** QEMU as it was recorded: release 7.2. */
const QEMU_7_2: Cells = {
  machine: ['pseries-7.2', 'the newest machine version of that release'],
  defWinClear: ['unfixed', 'B-31: executed'],
  createAddrCheck: ['unfixed', 'B-32: executed'],
  nbTruncation: ['unfixed', 'B-33: executed'],
  shiftCheck: ['unfixed', 'B-53: executed'],
  replayPolicy: ['skipOnCreate', 'B-01: since 4.0 or 4.1'],
  postLoadGeomCheck: ['unfixed', 'B-29: derived from the code'],
  ddwCalls: ['true', 'spec 00 section 6: since 2.7'],
  sixOutputQuery: ['true', 'spec 00 section 6: recorded on 7.2'],
  queryReports2M: ['true', 'spec 00 section 6: recorded on 7.2'],
  restoresDefaultWindow: ['true', 'spec 20 section 5: since 7.1'],
  streamVersion: ['3', 'spec 20 section 8: def_win is migrated since version 3'],
};

/** Mid-2019. */
const QEMU_4_1: Cells = {
  ...QEMU_7_2,
  machine: ['pseries-4.1', 'the newest machine version of that release'],
  sixOutputQuery: ['false', 'spec 00 section 6: absent mid-2019'],
  queryReports2M: ['false', 'spec 00 section 6: absent mid-2019'],
  restoresDefaultWindow: ['false', 'spec 00 section 6: absent mid-2019'],
  streamVersion: ['2', 'spec 20 section 8: without def_win'],
};

/** 2017: DDW is there, and every new window is replayed. */
const QEMU_2_10: Cells = {
  ...QEMU_4_1,
  machine: ['pseries-2.10', 'the newest machine version of that release'],
  replayPolicy: ['always', 'B-01: until 4.0 or 4.1'],
};

/** Mid-2015: QEMU has no dynamic windows. */
const QEMU_2_4: Cells = {
  ...QEMU_2_10,
  machine: ['pseries-2.4', 'the newest machine version of that release'],
  ddwCalls: ['false', 'spec 00 section 6: since 2.7'],
};

export const QEMU_VERSIONS = {
  'qemu-7.2': QEMU_7_2,
  'qemu-4.1': QEMU_4_1,
  'qemu-2.10': QEMU_2_10,
  'qemu-2.4': QEMU_2_4,
} as const satisfies Readonly<Record<string, Cells>>;
export type QemuVersionName = keyof typeof QEMU_VERSIONS;

/** Where each difference between kernels is known from. */
const LINUX_SOURCES: Readonly<Record<Exclude<keyof GuestVersion, 'name'>, string>> = {
  stuffTcesMax: 'B-43: split since 6.6, and in the stable series',
  pageSize: 'spec 10 section 4: the largest since 5.16',
  smallWindow: 'spec 10 section 4: mapped dynamically since 5.15',
  removesDefaultWindow: 'spec 10 section 4: since 5.10',
  sixOutputs: 'spec 10 section 4: since 5.10',
  limitedAddressing: 'spec 10 section 4: recorded on 6.12',
  maxRam: 'recorded without maxmem on 6.1 and on 6.12',
  firstTable: 'spec 10 section 2: recorded after kexec on 6.12',
  inheritedWindow: 'spec 10 section 2: recorded after kexec on 6.12',
  memoryNotifier: 'spec 10 section 5',
  queriesAtSetup: 'recorded: two queries on 6.12, one on 6.1',
  guestVfio: 'spec 10 section 6: since 6.11',
  dynamicTableSlot: 'spec 10 section 4',
  mmio32Hole: 'spec 10 section 4',
};

/** A value of a guest's version as a setting writes it. */
const textOf = (value: string | number | boolean | null): string =>
  value === null ? 'whole' : String(value);

const linuxCells = ({ name: _, ...differences }: GuestVersion): Cells => ({
  ...Object.fromEntries(
    Object.entries(differences).map(([name, value]) => [
      name,
      [textOf(value), LINUX_SOURCES[name as keyof typeof LINUX_SOURCES]] as const,
    ]),
  ),
  limitedMaskPoisons: ['unfixed', 'B-55: derived from the code of 6.12'],
});

/** The guest's kernels, by name. */
export const LINUX_VERSIONS: Readonly<Record<GuestVersionName, Cells>> = Object.fromEntries(
  Object.entries(GUEST_VERSIONS).map(([name, version]) => [name, linuxCells(version)]),
) as Record<GuestVersionName, Cells>;
export type LinuxVersionName = GuestVersionName;
