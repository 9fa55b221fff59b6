import {
  GUEST_CONFIG_DEFAULT,
  GUEST_VERSIONS,
  type GuestConfig,
  type GuestVersion,
  LINUX_6_12,
} from '@spapr-dma/guest-kernel';
import { guestPageShift } from '@spapr-dma/protocol';
import type { MachineVersion, QemuConfig } from '@spapr-dma/qemu-spapr';
import type { Settings } from './settings.js';
import { SIZES, type Size } from './sizes.js';

const is = (settings: Settings, name: string): boolean => settings[name] === 'true';
const oneOf = <Value extends string>(settings: Settings, name: string): Value => settings[name] as Value;

/** QEMU's configuration, of settings that were validated. */
export const qemuConfigOf = (settings: Settings): QemuConfig => ({
  machine: oneOf<MachineVersion>(settings, 'machine'),
  switches: {
    defWinClear: oneOf(settings, 'defWinClear'),
    createAddrCheck: oneOf(settings, 'createAddrCheck'),
    nbTruncation: oneOf(settings, 'nbTruncation'),
    shiftCheck: oneOf(settings, 'shiftCheck'),
    replayPolicy: oneOf(settings, 'replayPolicy'),
    postLoadGeomCheck: oneOf(settings, 'postLoadGeomCheck'),
  },
  features: {
    ddwCalls: is(settings, 'ddwCalls'),
    sixOutputQuery: is(settings, 'sixOutputQuery'),
    queryReports2M: is(settings, 'queryReports2M'),
    restoresDefaultWindow: is(settings, 'restoresDefaultWindow'),
    streamVersion: settings.streamVersion === '3' ? 3 : 2,
  },
});

const guestVersionOf = (settings: Settings): GuestVersion => ({
  name: LINUX_6_12.name,
  stuffTcesMax: settings.stuffTcesMax === 'whole' ? null : Number(settings.stuffTcesMax),
  pageSize: oneOf(settings, 'pageSize'),
  smallWindow: oneOf(settings, 'smallWindow'),
  removesDefaultWindow: is(settings, 'removesDefaultWindow'),
  sixOutputs: is(settings, 'sixOutputs'),
  limitedAddressing: is(settings, 'limitedAddressing'),
  maxRam: oneOf(settings, 'maxRam'),
  firstTable: oneOf(settings, 'firstTable'),
  inheritedWindow: oneOf(settings, 'inheritedWindow'),
  memoryNotifier: oneOf(settings, 'memoryNotifier'),
  queriesAtSetup: is(settings, 'queriesAtSetup'),
  guestVfio: is(settings, 'guestVfio'),
  dynamicTableSlot: oneOf(settings, 'dynamicTableSlot'),
  mmio32Hole: oneOf(settings, 'mmio32Hole'),
});

/** The name of the version that these settings are, or that of none. */
function nameOf(version: GuestVersion): string {
  const same = Object.values(GUEST_VERSIONS).find((known) =>
    Object.entries(known).every(
      ([key, value]) => key === 'name' || version[key as keyof GuestVersion] === value,
    ),
  );
  return same?.name ?? 'linux';
}

/** The guest kernel's configuration, of settings that were validated. */
export function guestConfigOf(settings: Settings, size: Size, pageShift: 12 | 16): GuestConfig {
  const { indirectTcesMax, kdumpMinTceEntries, poolCount, smallRequestPagesMax } = SIZES[size];
  const version = guestVersionOf(settings);
  return {
    ...GUEST_CONFIG_DEFAULT,
    version: { ...version, name: nameOf(version) },
    guestPageShift: guestPageShift(pageShift),
    indirectTcesMax,
    kdumpMinTceEntries,
    poolCount,
    smallRequestPagesMax,
    limitedMaskPoisons: oneOf(settings, 'limitedMaskPoisons'),
  };
}
