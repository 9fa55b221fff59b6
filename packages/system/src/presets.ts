import { SettingsError } from './errors.js';
import { SETTINGS, type Settings, withSettings } from './settings.js';
import {
  LINUX_GUEST_VERSIONS,
  LINUX_HOST_VERSIONS,
  type LinuxGuestName,
  type LinuxHostName,
  QEMU_VERSIONS,
  type QemuVersionName,
} from './versions.js';

/** Which software a preset is made of, and what it changes about it. */
interface Preset {
  readonly qemu: QemuVersionName;
  /** The kernel of the host, and that of the guest. */
  readonly linux: LinuxHostName;
  readonly guest: LinuxGuestName;
  readonly changes: Settings;
  /** Why these versions stand for the name. */
  readonly source: string;
}

export interface PresetSummary {
  readonly name: string;
  /** A version of QEMU such as `qemu-7.2`. */
  readonly qemu: string;
  /** A version of the host's kernel such as `linux-7.2`. */
  readonly linux: string;
  /** A version of the guest's kernel such as `linux-6.12`. */
  readonly guest: string;
  /** Every setting by name. */
  readonly settings: Settings;
}

const everySwitchFixed: Settings = Object.fromEntries(
  SETTINGS.flatMap(({ name, repaired }) => (repaired === null ? [] : [[name, repaired]])),
);

const NEWEST = { qemu: 'qemu-7.2', linux: 'linux-6.12', guest: 'linux-6.12' } as const;

/**
 * The presets. A year stands for what its founding document was written about; `newest` for what was
 * recorded, with the defects that are known and not fixed; `repaired` for the same with each of them fixed.
 * As a guest's kernel, linux-4.18 is the oldest series specified and stands for those before it.
 */
const PRESETS: Readonly<Record<string, Preset>> = {
  '2015': {
    qemu: 'qemu-2.4',
    linux: 'linux-4.2',
    guest: 'linux-4.18',
    changes: {},
    source: 'spec 00 section 6: mid-2015 is QEMU 2.4 and Linux 4.2',
  },
  '2017': {
    qemu: 'qemu-2.10',
    linux: 'linux-4.10',
    guest: 'linux-4.18',
    changes: {},
    source: 'spec 00 section 6: 2017 is QEMU 2.8 to 2.10, and Linux before the base was updated in 4.12',
  },
  '2019': {
    qemu: 'qemu-4.1',
    linux: 'linux-5.2',
    guest: 'linux-4.18',
    changes: {},
    source: 'spec 00 section 6: mid-2019 is QEMU 4.1 and Linux 5.2',
  },
  newest: { ...NEWEST, changes: {}, source: 'the recorded machine: QEMU 7.2 on Linux 6.12' },
  repaired: { ...NEWEST, changes: everySwitchFixed, source: 'newest with each switch of file 60 fixed' },
};

/** A version's name is a preset too: the newest machine with that version in it, on the host and in the guest. */
function versionPreset(name: string): Preset | undefined {
  const source = `newest with ${name}`;
  if (Object.hasOwn(QEMU_VERSIONS, name)) {
    return { ...NEWEST, qemu: name as QemuVersionName, changes: {}, source };
  }
  const isHosts = Object.hasOwn(LINUX_HOST_VERSIONS, name);
  const isGuests = Object.hasOwn(LINUX_GUEST_VERSIONS, name);
  if (!isHosts && !isGuests) return undefined;
  return {
    ...NEWEST,
    ...(isHosts ? { linux: name as LinuxHostName } : {}),
    ...(isGuests ? { guest: name as LinuxGuestName } : {}),
    changes: {},
    source,
  };
}

export const presetNames: readonly string[] = Object.keys(PRESETS);
const versionNames: readonly string[] = [
  ...new Set([
    ...Object.keys(QEMU_VERSIONS),
    ...Object.keys(LINUX_HOST_VERSIONS),
    ...Object.keys(LINUX_GUEST_VERSIONS),
  ]),
];

/** @throws SettingsError that lists what exists */
export function presetNamed(name: string): PresetSummary {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : versionPreset(name);
  if (preset === undefined) {
    const known = [...presetNames, ...versionNames].join(', ');
    throw new SettingsError(`There is no preset '${name}'; there are: ${known}.`);
  }
  const { qemu, linux, guest, changes } = preset;
  const cells = { ...QEMU_VERSIONS[qemu], ...LINUX_HOST_VERSIONS[linux], ...LINUX_GUEST_VERSIONS[guest] };
  const settings = Object.fromEntries(SETTINGS.map((setting) => [setting.name, cells[setting.name]![0]]));
  return { name, qemu, linux, guest, settings: withSettings(settings, changes) };
}

/** The presets, and then the versions that can stand in their place. */
export const listPresets = (): readonly PresetSummary[] => [...presetNames, ...versionNames].map(presetNamed);

/** A preset's settings with some changed. @throws SettingsError */
export const settingsOf = (preset: string, changes: Settings = {}): Settings =>
  withSettings(presetNamed(preset).settings, changes);
