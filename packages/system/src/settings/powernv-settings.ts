import { FALSE_TRUE, type Setting, settingsFor } from './setting.js';

const { choice, defect, feature } = settingsFor('powernv-ioda2');

export const POWERNV_SETTINGS: readonly Setting[] = [
  choice(
    'tableBaseUpdate',
    ['none', 'releaseOnly', 'takeAndRelease'],
    'B-10',
    "when a device's table base follows its group's tables",
  ),
  defect('unsetFailure', 'B-50', 'a window that firmware does not take away is not freed'),
  defect('bypassOffFailure', 'B-51', 'a group whose bypass cannot be turned off is not given to VFIO'),
  defect('killZeroPages', 'evidence/powernv section 4.5', 'PHB3: invalidating no page ends'),
  feature(
    'levels',
    ['eager', 'onDemand'],
    'spec 50 section 3',
    'when the levels of a hardware table below its top are allocated',
  ),
  feature(
    'killSplit',
    FALSE_TRUE,
    'spec 50 section 3',
    'translations are invalidated once for a range, and not by each exchange; in KVM too',
  ),
  feature(
    'hostDefaultWindow',
    ['below4G', 'large'],
    'spec 50 section 2',
    "the host's own window: below 4 GiB, or as large as a table can be",
  ),
  feature(
    'groupDevices',
    ['perGroup', 'perDevice'],
    'spec 50 section 3',
    'a group changes hands once, or device by device',
  ),
  feature('chargedCopies', ['1', '2'], 'spec 50 section 3', 'copies of a table that are charged'),
  feature(
    'allocatedSize',
    ['allocated', 'charged'],
    'B-42',
    'the size a table remembers: what was allocated first, or what was charged',
  ),
];
