import { GUEST_VERSIONS, type GuestVersion, type GuestVersionName } from '@spapr-dma/guest-kernel';
import type { Cells } from './cell.js';

/** Where each difference between the guest's kernels is known from. */
const SOURCES: Readonly<Record<Exclude<keyof GuestVersion, 'name'>, string>> = {
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

const guestCells = ({ name: _, ...differences }: GuestVersion): Cells => ({
  ...Object.fromEntries(
    Object.entries(differences).map(([name, value]) => [
      name,
      [textOf(value), SOURCES[name as keyof typeof SOURCES]] as const,
    ]),
  ),
  limitedMaskPoisons: ['unfixed', 'B-55: derived from the code of 6.12'],
});

/** The guest's kernels, by name. */
export const LINUX_GUEST_VERSIONS: Readonly<Record<GuestVersionName, Cells>> = Object.fromEntries(
  Object.entries(GUEST_VERSIONS).map(([name, version]) => [name, guestCells(version)]),
) as Record<GuestVersionName, Cells>;
export type LinuxGuestName = GuestVersionName;
