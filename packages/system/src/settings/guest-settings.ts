import { FALSE_TRUE, type Setting, settingsFor } from './setting.js';

const { defect, feature } = settingsFor('guest-kernel');

export const GUEST_SETTINGS: readonly Setting[] = [
  defect('limitedMaskPoisons', 'B-55', 'one narrow DMA mask costs a PHB its dynamic window'),
  feature('stuffTcesMax', ['whole', '512'], 'B-43', 'entries in one H_STUFF_TCE: 512, or all at once'),
  feature('pageSize', ['16M-64K-4K', 'largest'], 'spec 10 section 4', 'page size of a dynamic window'),
  feature(
    'smallWindow',
    ['failed', 'dynamic'],
    'spec 10 section 4',
    'what becomes of a window too small for all RAM',
  ),
  feature(
    'removesDefaultWindow',
    FALSE_TRUE,
    'spec 10 section 4',
    'the default window is given up where no other is left',
  ),
  feature('sixOutputs', FALSE_TRUE, 'spec 10 section 4', 'the guest asks for 6 outputs'),
  feature(
    'limitedAddressing',
    FALSE_TRUE,
    'spec 10 section 4',
    'masks of 33 to 63 bits ask for a window too',
  ),
  feature(
    'maxRam',
    ['hotplug-or-dram', 'hotplug-only'],
    'spec 10 section 4',
    'what bounds RAM: memory that can be hot-added, or also what is there',
  ),
  feature(
    'firstTable',
    ['default-window', 'dynamic-window'],
    'spec 10 section 2',
    "which window a PE's first table manages",
  ),
  feature(
    'inheritedWindow',
    ['direct-if-large', 'dynamic'],
    'spec 10 section 2',
    'how a window left by an earlier kernel is used',
  ),
  feature(
    'memoryNotifier',
    ['all-windows', 'direct-windows'],
    'spec 10 section 5',
    'the windows in which memory that comes is mapped',
  ),
  feature('queriesAtSetup', FALSE_TRUE, 'spec 10 section 6', "a PE's windows are queried before any driver"),
  feature('guestVfio', FALSE_TRUE, 'spec 10 section 6', 'VFIO in the guest can create windows'),
  feature(
    'dynamicTableSlot',
    ['second', 'first-if-default-removed'],
    'spec 10 section 4',
    "the dynamic table's place in its group",
  ),
  feature(
    'mmio32Hole',
    ['bytes', 'pages'],
    'spec 10 section 4',
    'the unit in which the MMIO range is kept free',
  ),
];
