import {
  GUEST_CONFIG_DEFAULT,
  GUEST_VERSIONS,
  type GuestConfig,
  type GuestVersion,
  LINUX_6_12,
} from '@spapr-dma/guest-kernel';
import { guestPageShift } from '@spapr-dma/protocol';
import type { Settings } from '../settings.js';
import { SIZES, type Size } from '../sizes.js';
import { valuesOf } from './values.js';

/** The name of the version that these settings are, or that of none. */
function nameOf(version: GuestVersion): string {
  const same = Object.values(GUEST_VERSIONS).find((known) =>
    Object.entries(known).every(
      ([key, value]) => key === 'name' || version[key as keyof GuestVersion] === value,
    ),
  );
  return same?.name ?? 'linux';
}

function versionOf(settings: Settings): GuestVersion {
  const { name: _, ...differences } = LINUX_6_12;
  const version: GuestVersion = {
    name: 'linux',
    ...valuesOf(differences, settings),
    stuffTcesMax: settings.stuffTcesMax === 'whole' ? null : Number(settings.stuffTcesMax),
  };
  return { ...version, name: nameOf(version) };
}

/**
 * The guest kernel's configuration, of settings that were validated.
 * @param hypervisor who takes the guest's calls
 */
export function guestConfigOf(
  settings: Settings,
  size: Size,
  pageShift: 12 | 16,
  hypervisor: GuestConfig['hypervisor'] = 'qemu-spapr',
): GuestConfig {
  const { indirectTcesMax, kdumpMinTceEntries, poolCount, smallRequestPagesMax } = SIZES[size];
  return {
    ...GUEST_CONFIG_DEFAULT,
    version: versionOf(settings),
    hypervisor,
    guestPageShift: guestPageShift(pageShift),
    indirectTcesMax,
    kdumpMinTceEntries,
    poolCount,
    smallRequestPagesMax,
    limitedMaskPoisons: settings.limitedMaskPoisons as GuestConfig['limitedMaskPoisons'],
  };
}
