import { SettingsError } from './errors.js';
import { GUEST_SETTINGS } from './settings/guest-settings.js';
import { KVM_SETTINGS } from './settings/kvm-settings.js';
import { POWERNV_SETTINGS } from './settings/powernv-settings.js';
import { QEMU_SETTINGS } from './settings/qemu-settings.js';
import type { Setting, Settings } from './settings/setting.js';
import { VFIO_SETTINGS } from './settings/vfio-settings.js';

export type { Setting, SettingComponent, Settings } from './settings/setting.js';

/** The switches that have a place in the list of spec 60 section C, in its order. */
const LISTED: readonly string[] = [
  'replayPolicy',
  'reallocOnFirstVfio',
  'reallocAtomic',
  'unregNotifierOnContainerDestroy',
  'unplugSync',
  'iommuType',
  'unregisterGuard',
  'unregisterBusy',
  'tableBaseUpdate',
  'kvmAddBeforeListener',
  'setWindowOnExtraGroup',
  'preregOwner',
  'kvmErrors',
  'indirect',
  'replayVsKvm',
  'attachKvmOnJoin',
  'clearOnDetach',
  'attachFailure',
  'attachRefLeak',
  'createRefund',
  'mapIncFailRet',
  'propagateMapError',
  'unmapOnXlateFail',
  'clearTceDec',
  'clearTceIndex',
  'indirectZeroPerm',
  'rangeCheck',
  'postLoadNotify',
  'postLoadGeomCheck',
  'defWinClear',
  'createAddrCheck',
  'nbTruncation',
  'shiftCheck',
  'attachHoldsFd',
  'realMode',
  'pageShiftCheck',
  'disableOrder',
  'ramSplit',
  'limitedMaskPoisons',
  'attachRefPerGroup',
  'createFailure',
  'hotplugUnwind',
];

const ALL: readonly Setting[] = [
  ...QEMU_SETTINGS,
  ...KVM_SETTINGS,
  ...VFIO_SETTINGS,
  ...POWERNV_SETTINGS,
  ...GUEST_SETTINGS,
];

/** Where a setting stands: the listed switches first, then the other switches, then the features. */
function rankOf({ name, kind }: Setting): number {
  const place = LISTED.indexOf(name);
  return place >= 0 ? place : LISTED.length + (kind === 'feature' ? 1 : 0);
}

/** Everything that can be set, in the order in which it is listed. */
export const SETTINGS: readonly Setting[] = [...ALL].sort((a, b) => rankOf(a) - rankOf(b));

const listed = (names: readonly string[]): string => names.join(', ');

/** @throws SettingsError that lists what exists */
function settingNamed(name: string): Setting {
  const setting = SETTINGS.find((candidate) => candidate.name === name);
  if (setting === undefined) {
    throw new SettingsError(
      `There is no setting '${name}'; there are: ${listed(SETTINGS.map((each) => each.name))}.`,
    );
  }
  return setting;
}

/**
 * The settings with some changed.
 * @throws SettingsError for a name or a value that does not exist, listing what does
 */
export function withSettings(settings: Settings, changes: Settings): Settings {
  for (const [name, value] of Object.entries(changes)) {
    const { values } = settingNamed(name);
    if (!values.includes(value)) {
      throw new SettingsError(`'${name}' cannot be '${value}'; it can be: ${listed(values)}.`);
    }
  }
  return { ...settings, ...changes };
}

/**
 * Arguments of the form `name=value`.
 * @throws SettingsError where one has another form, or names what does not exist
 */
export function parseSettings(texts: readonly string[]): Settings {
  const changes: Record<string, string> = {};
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    if (name === '') throw new SettingsError(`'${text}' is not of the form name=value.`);
    changes[name] = value;
  }
  return withSettings(changes, changes);
}

/** Everything that `--set` knows. */
export const listSwitches = (): readonly Setting[] => SETTINGS;
