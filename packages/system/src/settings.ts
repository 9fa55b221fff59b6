import { SettingsError } from './errors.js';

/** One thing about the modelled software that can be chosen. */
export interface Setting {
  readonly name: string;
  /** A `switch` is a known defect that can be fixed; a `feature` is a difference between versions. */
  readonly kind: 'switch' | 'feature';
  readonly component: 'qemu-spapr' | 'guest-kernel';
  /** The unfixed, or older, value first. */
  readonly values: readonly string[];
  /** What it is about, in one line. */
  readonly text: string;
  /** Where that is written down: a bug of file 60, or the version's history. */
  readonly source: string;
}

/** Every setting by name, as text. */
export type Settings = Readonly<Record<string, string>>;

const defect = (component: Setting['component'], name: string, source: string, text: string): Setting => ({
  name,
  kind: 'switch',
  component,
  values: ['unfixed', 'fixed'],
  text,
  source,
});

const feature = (
  component: Setting['component'],
  name: string,
  values: readonly string[],
  source: string,
  text: string,
): Setting => ({ name, kind: 'feature', component, values, text, source });

const NO_YES = ['false', 'true'];

/** Everything that can be set, in the order in which it is listed. */
export const SETTINGS: readonly Setting[] = [
  defect('qemu-spapr', 'defWinClear', 'B-31', 'a table forgets that it was the default window'),
  defect('qemu-spapr', 'createAddrCheck', 'B-32', 'a create looks whether its address is free'),
  defect('qemu-spapr', 'nbTruncation', 'B-33', 'a window of 2^32 entries and more is refused'),
  defect('qemu-spapr', 'shiftCheck', 'B-53', 'shifts above 63 are refused'),
  {
    name: 'replayPolicy',
    kind: 'switch',
    component: 'qemu-spapr',
    values: ['always', 'skipOnCreate'],
    text: 'whether a window that a create has just made is replayed',
    source: 'B-01',
  },
  defect('qemu-spapr', 'postLoadGeomCheck', 'B-29', 'a loaded window of another geometry is made anew'),
  defect('guest-kernel', 'limitedMaskPoisons', 'B-55', 'one narrow DMA mask costs a PHB its dynamic window'),
  feature(
    'qemu-spapr',
    'machine',
    ['pseries-2.4', 'pseries-2.6', 'pseries-2.10', 'pseries-4.1', 'pseries-7.2'],
    'spec 00 section 6',
    "the machine version, which decides a PHB's defaults",
  ),
  feature('qemu-spapr', 'ddwCalls', NO_YES, 'spec 00 section 6', 'the four DDW calls exist'),
  feature('qemu-spapr', 'sixOutputQuery', NO_YES, 'spec 00 section 6', 'the query has a form with 6 outputs'),
  feature('qemu-spapr', 'queryReports2M', NO_YES, 'spec 00 section 6', "the query's mask knows 2M pages"),
  feature(
    'qemu-spapr',
    'restoresDefaultWindow',
    NO_YES,
    'spec 20 section 5',
    'removing the last window brings the default one back',
  ),
  feature('qemu-spapr', 'streamVersion', ['2', '3'], 'spec 20 section 8', 'version of the migration stream'),
  feature(
    'guest-kernel',
    'stuffTcesMax',
    ['whole', '512'],
    'B-43',
    'entries in one H_STUFF_TCE: 512, or all at once',
  ),
  feature(
    'guest-kernel',
    'pageSize',
    ['16M-64K-4K', 'largest'],
    'spec 10 section 4',
    'page size of a dynamic window',
  ),
  feature(
    'guest-kernel',
    'smallWindow',
    ['failed', 'dynamic'],
    'spec 10 section 4',
    'what becomes of a window too small for all RAM',
  ),
  feature(
    'guest-kernel',
    'removesDefaultWindow',
    NO_YES,
    'spec 10 section 4',
    'the default window is given up where no other is left',
  ),
  feature('guest-kernel', 'sixOutputs', NO_YES, 'spec 10 section 4', 'the guest asks for 6 outputs'),
  feature(
    'guest-kernel',
    'limitedAddressing',
    NO_YES,
    'spec 10 section 4',
    'masks of 33 to 63 bits ask for a window too',
  ),
  feature(
    'guest-kernel',
    'maxRam',
    ['hotplug-or-dram', 'hotplug-only'],
    'spec 10 section 4',
    'what bounds RAM: memory that can be hot-added, or also what is there',
  ),
  feature(
    'guest-kernel',
    'firstTable',
    ['default-window', 'dynamic-window'],
    'spec 10 section 2',
    "which window a PE's first table manages",
  ),
  feature(
    'guest-kernel',
    'inheritedWindow',
    ['direct-if-large', 'dynamic'],
    'spec 10 section 2',
    'how a window left by an earlier kernel is used',
  ),
  feature(
    'guest-kernel',
    'memoryNotifier',
    ['all-windows', 'direct-windows'],
    'spec 10 section 5',
    'the windows in which memory that comes is mapped',
  ),
  feature(
    'guest-kernel',
    'queriesAtSetup',
    NO_YES,
    'spec 10 section 6',
    "a PE's windows are queried before any driver",
  ),
  feature('guest-kernel', 'guestVfio', NO_YES, 'spec 10 section 6', 'VFIO in the guest can create windows'),
  feature(
    'guest-kernel',
    'dynamicTableSlot',
    ['second', 'first-if-default-removed'],
    'spec 10 section 4',
    "the dynamic table's place in its group",
  ),
  feature(
    'guest-kernel',
    'mmio32Hole',
    ['bytes', 'pages'],
    'spec 10 section 4',
    'the unit in which the MMIO range is kept free',
  ),
];

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
