import { FALSE_TRUE, type Setting, settingsFor } from './setting.js';

const { choice, defect, feature } = settingsFor('kvm');

export const KVM_SETTINGS: readonly Setting[] = [
  choice(
    'kvmErrors',
    ['swallow', 'tooHard'],
    'B-15',
    'a hardware entry that cannot be written: the guest hears of success, or QEMU tries',
  ),
  choice(
    'indirect',
    ['onePass', 'twoPass'],
    'B-15',
    'the list of H_PUT_TCE_INDIRECT is checked as a whole before any of it is written',
  ),
  defect('attachRefLeak', 'B-20', 'tying a table twice takes one reference'),
  defect('clearTceDec', 'B-25', 'an entry that is wiped after a failure is counted off its region'),
  choice(
    'clearTceIndex',
    ['guestIdx', 'hwIdx'],
    'B-25',
    'the entry that is wiped after a failure: by the index of the guest, or of the hardware',
  ),
  defect('indirectZeroPerm', 'B-26', 'an entry without permissions in a list unmaps'),
  defect('attachHoldsFd', 'B-35', 'the table stays open while it is being tied to a group'),
  choice('realMode', ['on', 'off'], 'B-38', 'hypercalls are first tried with the MMU off'),
  defect(
    'attachRefPerGroup',
    'B-56',
    'references on a hardware table are dropped as often as they were taken',
  ),
  choice(
    'viewAllocFailure',
    ['silent', 'tooHard'],
    'B-28',
    'a page of the view cannot be had: the entry is lost, or QEMU tries',
  ),
  defect('createLock', 'B-36', 'two creates of one LIOBN cannot both succeed'),
  defect(
    'releaseWaits',
    'B-46',
    'a hardware table leaves a LIOBN when no vCPU inside the kernel can write it any more',
  ),
  defect('tceLock', 'B-65', "two vCPUs' hypercalls on one LIOBN go one after the other"),
  choice(
    'sizeMatch',
    ['exact', 'atLeast'],
    'B-40',
    'how large a hardware table must be to be tied to a view',
  ),
  feature('viewPages', ['eager', 'onDemand'], 'spec 30 section 3', 'when the pages of a view are allocated'),
  feature(
    'spaprTce64',
    FALSE_TRUE,
    'spec 00 section 6',
    'KVM_CAP_SPAPR_TCE_64: views of any page size and start',
  ),
  feature(
    'spaprTceVfio',
    FALSE_TRUE,
    'spec 00 section 6',
    'KVM_CAP_SPAPR_TCE_VFIO: KVM writes hardware tables',
  ),
  feature('multiTce', FALSE_TRUE, 'spec 00 section 6', 'H_PUT_TCE_INDIRECT and H_STUFF_TCE in the kernel'),
  feature(
    'releaseAll',
    FALSE_TRUE,
    'spec 30 section 4',
    'a group that leaves takes all of its hardware tables from the views',
  ),
  feature(
    'validate',
    ['none', 'alignment', 'regions'],
    'spec 30 section 5',
    'what is looked at before a TCE is applied: nothing, its alignment, or the memory behind it',
  ),
  feature('chargesViews', FALSE_TRUE, 'spec 30 section 3', 'views are charged to locked_vm'),
  feature(
    'checksGeometry',
    FALSE_TRUE,
    'spec 30 section 3',
    'a create looks at page shift and end of its window',
  ),
  feature(
    'vfioDeviceFiles',
    FALSE_TRUE,
    'spec 30 section 4',
    "KVM-VFIO takes a device's file in place of a group's",
  ),
  feature(
    'holdsIommuGroup',
    FALSE_TRUE,
    'spec 30 section 4',
    'KVM keeps the group that it found behind a file',
  ),
];
