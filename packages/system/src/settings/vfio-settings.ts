import { FALSE_TRUE, type Setting, settingsFor } from './setting.js';

const { choice, defect, feature } = settingsFor('vfio-host');

export const VFIO_SETTINGS: readonly Setting[] = [
  choice(
    'unregisterGuard',
    ['none', 'mappedCounter'],
    'B-09',
    'registered memory stays while a TCE refers to it',
  ),
  choice(
    'unregisterBusy',
    ['orphan', 'ebusy'],
    'B-22',
    'unregistering memory in use: reported as done and never freed, or refused',
  ),
  defect('setWindowOnExtraGroup', 'B-13', 'a group that joins a container gets its windows'),
  choice(
    'preregOwner',
    ['mm', 'container'],
    'B-14',
    'how long memory stays registered: as the process, or the container',
  ),
  choice(
    'clearOnDetach',
    ['whole', 'no', 'onlyIfLastUser'],
    'B-18, B-57',
    'what a group that leaves does to the entries of shared tables',
  ),
  defect('createRefund', 'B-21', 'a create that fails gives its charge back'),
  choice('mapIncFailRet', ['ok', 'enxio'], 'B-23', 'MAP_DMA into memory that is being released'),
  defect(
    'failedMapCount',
    'B-67',
    'an entry that cannot be exchanged is counted off the region it was counted in',
  ),
  choice(
    'rangeCheck',
    ['firstOnly', 'unmapAndStuff', 'full'],
    'B-27',
    'which entries of a range are held against the window, by VFIO and by KVM',
  ),
  defect('pageShiftCheck', 'B-39', 'an IOMMU page larger than the pages behind it is refused'),
  defect('chargeMatchesAllocation', 'B-42', 'what a table was charged is what its end gives back'),
  defect('positiveReturns', 'evidence/powernv section 4.4', 'failures that are returned as positive numbers'),
  choice(
    'registerSizeZero',
    ['warn', 'einval'],
    'evidence/powernv section 4.8',
    'registering nothing warns in the log of the host',
  ),
  defect('mapTakesLock', 'B-47', 'MAP_DMA and UNMAP_DMA hold the lock of the container'),
  defect('containedUnpin', 'B-48', 'a page that v1 refuses after pinning is unpinned'),
  defect('sparseClear', 'B-41', 'clearing a table skips what was never mapped'),
  feature(
    'vfioDefaultWindow',
    ['eager', 'postponed'],
    'spec 40 section 1',
    'when a container gets its first window: with its first group, or when one is needed',
  ),
  feature(
    'ownership',
    ['attach', 'claim'],
    'spec 40 section 3',
    'who takes a group from the host: the driver that attaches it, or the core before that',
  ),
  feature(
    'mmOwner',
    ['current', 'first'],
    'spec 40 section 1',
    'whose memory is charged: that of the caller, or of the first process',
  ),
  feature('regionGet', FALSE_TRUE, 'spec 40 section 4', 'unregistering takes a reference of its own'),
  feature('bulkPin', FALSE_TRUE, 'spec 40 section 4', 'pages are pinned in one go'),
  feature(
    'refundStopsAtZero',
    ['true', 'false'],
    'B-42',
    'a refund of more than was charged leaves 0 in locked_vm',
  ),
  feature(
    'clearBeforeUnset',
    FALSE_TRUE,
    'spec 40 section 4',
    'a window is cleared before it is taken from its groups',
  ),
];
