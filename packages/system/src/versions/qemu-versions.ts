import type { Cells } from './cell.js';

/** QEMU as it was recorded: release 7.2. */
const QEMU_7_2: Cells = {
  replayPolicy: ['skipOnCreate', 'B-01: since 4.0 or 4.1'],
  reallocOnFirstVfio: ['atNotifierChange', 'B-03: since 2.7'],
  reallocAtomic: ['false', 'B-04: derived from the code'],
  unregNotifierOnContainerDestroy: ['true', 'B-05: since 2.5'],
  unplugSync: ['notifierDriven', 'B-06: since 2.7'],
  iommuType: ['v2', 'spec 00 section 6: since 2.7'],
  kvmAddBeforeListener: ['true', 'B-12: since 2.10'],
  replayVsKvm: ['racy', 'B-16: executed'],
  attachKvmOnJoin: ['unfixed', 'B-17, B-58: executed'],
  attachFailure: ['silent', 'B-19, B-61: executed'],
  propagateMapError: ['no', 'B-24: read in the code'],
  unmapOnXlateFail: ['unfixed', 'B-24: read in the code'],
  postLoadNotify: ['unfixed', 'B-29: derived from the code'],
  postLoadGeomCheck: ['unfixed', 'B-29: derived from the code'],
  defWinClear: ['unfixed', 'B-31: executed'],
  createAddrCheck: ['unfixed', 'B-32: executed'],
  nbTruncation: ['unfixed', 'B-33: executed'],
  shiftCheck: ['unfixed', 'B-53: executed'],
  disableOrder: ['hwFirst', 'B-46: the order of spec 05 SC-4, recorded'],
  ramSplit: ['unfixed', 'B-45: derived from the code'],
  createFailure: ['abort', 'B-59: executed'],
  hotplugUnwind: ['unfixed', 'B-60: executed'],
  postLoadReplay: ['unfixed', 'B-30: derived from the code'],
  preregListenerLeak: ['unfixed', 'B-34: read in the code; fixed in 10.0'],
  machine: ['pseries-7.2', 'the newest machine version of that release'],
  ddwCalls: ['true', 'spec 00 section 6: since 2.7'],
  sixOutputQuery: ['true', 'spec 00 section 6: recorded on 7.2'],
  queryReports2M: ['true', 'spec 00 section 6: recorded on 7.2'],
  restoresDefaultWindow: ['true', 'spec 20 section 5: since 7.1'],
  streamVersion: ['3', 'spec 20 section 8: def_win is migrated since version 3'],
};

const QEMU_10_0: Cells = {
  ...QEMU_7_2,
  machine: ['pseries-10.0', 'the newest machine version of that release'],
  attachFailure: ['fatal', 'B-19, B-61: executed'],
  preregListenerLeak: ['fixed', 'B-34: fixed in 10.0'],
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

/** 2017: KVM is tied to hardware tables, and every new window is replayed. */
const QEMU_2_10: Cells = {
  ...QEMU_4_1,
  machine: ['pseries-2.10', 'the newest machine version of that release'],
  replayPolicy: ['always', 'B-01: until 4.0 or 4.1'],
};

/** 2016: dynamic windows, registered memory, and views that move when somebody listens. */
const QEMU_2_7: Cells = {
  ...QEMU_2_10,
  machine: ['pseries-2.7', 'the newest machine version of that release'],
  kvmAddBeforeListener: ['false', 'B-12: until 2.10'],
};

/** The end of 2015: vfio-pci sits on any PHB, and the hotplug path moves its views. */
const QEMU_2_5: Cells = {
  ...QEMU_2_7,
  machine: ['pseries-2.5', 'the newest machine version of that release'],
  ddwCalls: ['false', 'spec 00 section 6: since 2.7'],
  iommuType: ['v1', 'spec 00 section 6: memory is registered since 2.7'],
  reallocOnFirstVfio: ['atHotplugPath', 'B-03: from 2.5 to 2.6'],
  unplugSync: ['immediate', 'B-06: driven by notifiers since 2.7'],
};

/** Mid-2015: views stay where they are, and containers leave their notifiers behind. */
const QEMU_2_4: Cells = {
  ...QEMU_2_5,
  machine: ['pseries-2.4', 'the newest machine version of that release'],
  reallocOnFirstVfio: ['never', 'B-03: until 2.5'],
  unregNotifierOnContainerDestroy: ['false', 'B-05: until 2.5'],
};

export const QEMU_VERSIONS = {
  'qemu-10.0': QEMU_10_0,
  'qemu-7.2': QEMU_7_2,
  'qemu-4.1': QEMU_4_1,
  'qemu-2.10': QEMU_2_10,
  'qemu-2.7': QEMU_2_7,
  'qemu-2.5': QEMU_2_5,
  'qemu-2.4': QEMU_2_4,
} as const satisfies Readonly<Record<string, Cells>>;
export type QemuVersionName = keyof typeof QEMU_VERSIONS;
