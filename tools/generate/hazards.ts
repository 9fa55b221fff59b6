/** A hazard that has no switch: a known race, trap or oddity of the platform that nothing here can turn on or off. */
export interface PlainHazard {
  readonly number: `B-${string}`;
  /** What happens. */
  readonly text: string;
  /** Why nobody can choose. */
  readonly reason: string;
  /** Source file that has it, relative to the root; null where nothing here has it. */
  readonly file: string | null;
}

/**
 * The hazards that are in no table of settings. Every hazard stands either there or here; a test holds that.
 * What a property can see has a switch.
 */
export const PLAIN_HAZARDS: readonly PlainHazard[] = [
  {
    number: 'B-07',
    text: 'a replay makes the tables equal, and no guest sees a difference',
    reason: 'not a defect: S-4 and L-3 ask for what it does',
    file: 'packages/qemu-spapr/src/replay.ts',
  },
  {
    number: 'B-11',
    text: 'a device of the host has no table while VFIO has its group, or where the host cannot make its window anew',
    reason: 'not a defect: its driver is refused, and nothing changes',
    file: 'packages/powernv-ioda2/src/dma-map.ts',
  },
  {
    number: 'B-37',
    text: 'KVM looks up memory slots that are being changed (until 5.1)',
    reason: 'slots change in one step here, so that nobody finds half a change',
    file: 'packages/kvm/src/memslots.ts',
  },
  {
    number: 'B-44',
    text: 'a list of H_PUT_TCE_INDIRECT that is refused half-way leaves entries behind, or counts as mapped',
    reason:
      'every kernel does it, and no property sees it: hardware has what the guest view has, and only the driver believes more',
    file: 'packages/guest-kernel/src/tce-buildmulti.ts',
  },
  {
    number: 'B-49',
    text: 'RAM appears over a window in the address space of a PHB',
    reason: 'out of the model: only windows come and go in that space',
    file: null,
  },
  {
    number: 'B-54',
    text: 'a lock of RCU is kept where registered memory turns out to be device memory',
    reason: 'device memory is not modelled',
    file: null,
  },
  {
    number: 'B-62',
    text: 'QEMU ends between the start of its devices and the first reset, and the host’s kernel complains',
    reason:
      'nothing is left behind: the complaint is an effect, WARN_ON_ONCE, where KVM keeps the group that it found (`holdsIommuGroup`)',
    file: 'packages/kvm/src/kvm-vfio.ts',
  },
  {
    number: 'B-63',
    text: 'a reset takes the default window away first, then the dynamic one, and makes a new default window',
    reason: 'not a defect: the order is held against a recording',
    file: 'packages/qemu-spapr/src/phb-dma-reset.ts',
  },
  {
    number: 'B-64',
    text: 'a window of 16M pages gets a hardware table of the pages that back guest memory, one entry becomes 256, and a replay costs what it was measured to cost',
    reason: 'not a defect: `follow` estimates the costs in the finding `hotplug-cost`',
    file: 'packages/qemu-spapr/src/window-levels.ts',
  },
];
