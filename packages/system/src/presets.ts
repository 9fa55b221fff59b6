import { SettingsError } from './errors.js';
import { SETTINGS, type Settings, withSettings } from './settings.js';
import { LINUX_VERSIONS, type LinuxVersionName, QEMU_VERSIONS, type QemuVersionName } from './versions.js';

/** Which software a preset is made of, and what it changes about it. */
interface Preset {
  readonly qemu: QemuVersionName;
  readonly linux: LinuxVersionName;
  readonly changes: Settings;
  /** Why these versions stand for the name. */
  readonly source: string;
}

export interface PresetSummary {
  readonly name: string;
  /** A version of QEMU such as `qemu-7.2`, and of the guest's kernel such as `linux-6.12`. */
  readonly qemu: string;
  readonly linux: string;
  /** Every setting by name. */
  readonly settings: Settings;
}

const everySwitchFixed: Settings = Object.fromEntries(
  SETTINGS.filter(({ kind }) => kind === 'switch').map(({ name, values }) => [name, values.at(-1)!]),
);

const NEWEST = { qemu: 'qemu-7.2', linux: 'linux-6.12' } as const;

/**
 * The presets. A year stands for what its founding document was written about; `newest` for what was
 * recorded, with the defects that are known and not fixed; `repaired` for the same with each of them fixed.
 * linux-4.18 is the oldest series specified and stands for those before it.
 */
const PRESETS: Readonly<Record<string, Preset>> = {
  '2015': {
    qemu: 'qemu-2.4',
    linux: 'linux-4.18',
    changes: {},
    source: 'spec 00 section 6: mid-2015 is QEMU 2.4',
  },
  '2017': {
    qemu: 'qemu-2.10',
    linux: 'linux-4.18',
    changes: {},
    source: 'spec 00 section 6: 2017 is QEMU 2.8 to 2.10',
  },
  '2019': {
    qemu: 'qemu-4.1',
    linux: 'linux-4.18',
    changes: {},
    source: 'spec 00 section 6: mid-2019 is QEMU 4.1',
  },
  newest: { ...NEWEST, changes: {}, source: 'the recorded machine: QEMU 7.2 with Linux 6.12' },
  repaired: { ...NEWEST, changes: everySwitchFixed, source: 'newest with each switch of file 60 fixed' },
};

/** A version's name is a preset too: the newest machine with that version in it. */
function versionPreset(name: string): Preset | undefined {
  if (Object.hasOwn(QEMU_VERSIONS, name)) {
    return { ...NEWEST, qemu: name as QemuVersionName, changes: {}, source: `newest with ${name}` };
  }
  if (Object.hasOwn(LINUX_VERSIONS, name)) {
    return { ...NEWEST, linux: name as LinuxVersionName, changes: {}, source: `newest with ${name}` };
  }
  return undefined;
}

export const presetNames: readonly string[] = Object.keys(PRESETS);
const versionNames: readonly string[] = [...Object.keys(QEMU_VERSIONS), ...Object.keys(LINUX_VERSIONS)];

/** @throws SettingsError that lists what exists */
export function presetNamed(name: string): PresetSummary {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : versionPreset(name);
  if (preset === undefined) {
    const known = [...presetNames, ...versionNames].join(', ');
    throw new SettingsError(`There is no preset '${name}'; there are: ${known}.`);
  }
  const { qemu, linux, changes } = preset;
  const cells = { ...QEMU_VERSIONS[qemu], ...LINUX_VERSIONS[linux] };
  const settings = Object.fromEntries(SETTINGS.map((setting) => [setting.name, cells[setting.name]![0]]));
  return { name, qemu, linux, settings: withSettings(settings, changes) };
}

/** The presets, and then the versions that can stand in their place. */
export const listPresets = (): readonly PresetSummary[] => [...presetNames, ...versionNames].map(presetNamed);

/** A preset's settings with some changed. @throws SettingsError */
export const settingsOf = (preset: string, changes: Settings = {}): Settings =>
  withSettings(presetNamed(preset).settings, changes);
