import { listPresets, listStories, listSwitches, type Setting } from '@spapr-dma/system';
import {
  LINUX_GUEST_VERSIONS,
  LINUX_HOST_VERSIONS,
  QEMU_VERSIONS,
} from '../../packages/system/dist/versions.js';
import { code, type GeneratedDocument, generated, isStarted, table, write } from './document.ts';

/** A version's values by setting, each with its source. */
type Versions = Readonly<Record<string, Readonly<Record<string, readonly [value: string, source: string]>>>>;

/** Whose versions decide a setting: QEMU's, or those of one of two kernels. */
type Axis = 'qemu' | 'linux' | 'guest';

const VERSIONS: Readonly<Record<Axis, Versions>> = {
  qemu: QEMU_VERSIONS,
  linux: LINUX_HOST_VERSIONS,
  guest: LINUX_GUEST_VERSIONS,
};

/** KVM, VFIO and the platform are parts of the host's kernel. */
const AXES: Readonly<Record<Setting['component'], Axis>> = {
  'qemu-spapr': 'qemu',
  'guest-kernel': 'guest',
  kvm: 'linux',
  'vfio-host': 'linux',
  'powernv-ioda2': 'linux',
};

const settings = listSwitches();
const presets = listPresets();

const definitions = (kind: Setting['kind']): readonly string[] =>
  table(
    ['name', 'component', 'values', 'about', 'source'],
    settings
      .filter((setting) => setting.kind === kind)
      .map(({ name, component, values, text, source }) => [
        code(name),
        component,
        values.map(code).join(', '),
        text,
        source,
      ]),
  );

/** What a preset sets otherwise than the versions that it is made of. */
function changesOf({ settings: values, ...preset }: (typeof presets)[number]): string {
  const changed = settings.filter(({ name, component }) => {
    const axis = AXES[component];
    return VERSIONS[axis][preset[axis]]?.[name]?.[0] !== values[name];
  });
  return changed.map(({ name }) => code(`${name}=${values[name]}`)).join(' ');
}

/** The values that some versions decide: a row a setting, a column a version, and where each is known from. */
function values(axis: Axis): readonly string[] {
  const versions = Object.entries(VERSIONS[axis]);
  const rows = settings
    .filter((setting) => AXES[setting.component] === axis)
    .map(({ name }) => {
      const cells = versions.map(([version, cells]) => ({ version, cell: cells[name] ?? ['', ''] }) as const);
      const sources = [...new Set(cells.map(({ cell }) => cell[1]))];
      const told = sources.map((source) => {
        const of = cells.filter(({ cell }) => cell[1] === source).map(({ version }) => version);
        return of.length === cells.length ? source : `${of.join(', ')}: ${source}`;
      });
      return [code(name), ...cells.map(({ cell }) => cell[0]), told.join('<br>')];
    });
  return table(['name', ...versions.map(([version]) => version), 'source'], rows);
}

/** Everything that `--set` and `--preset` know, with the values of each version. */
export function switchesDocument(): GeneratedDocument {
  const stories = listStories();
  return generated('switches', 'the tables of packages/system', 'Switches and presets', [
    'A switch is one documented difference of behaviour with a name and values. `--set name=value` sets one, `--preset name`',
    'sets all of them, and `npx spapr-dma run --list` lists what there is. `B-` numbers name hazards, of which those that nobody',
    'can switch are [elsewhere](abstractions.md#hazards-without-a-switch); [sources.md](sources.md) tells what the other sources',
    'are. `packages/system/test/switches` and the stories show what each value changes.',
    '',
    '## Known defects',
    '',
    'The unfixed value stands first.',
    '',
    ...definitions('switch'),
    '',
    '## Differences between versions',
    '',
    'No defects: what a version has, lacks, or does otherwise. The older value stands first.',
    '',
    ...definitions('feature'),
    '',
    '## Presets',
    '',
    'A preset is a full set of values: those of a version of QEMU, of a host kernel and of a guest kernel, and what it changes',
    'about them. The name of a version is a preset too: `newest` with that version in it; a kernel that is specified both as a',
    'host and as a guest stands in both places.',
    '',
    ...table(
      ['preset', 'QEMU', 'host kernel', 'guest kernel', 'changes', 'stories that name it'],
      presets.map((preset) => [
        code(preset.name),
        preset.qemu,
        preset.linux,
        preset.guest,
        changesOf(preset),
        String(stories.filter((story) => story.presets.includes(preset.name)).length),
      ]),
    ),
    '',
    '## Values of the versions of QEMU',
    '',
    ...values('qemu'),
    '',
    '## Values of the host kernels',
    '',
    ...values('linux'),
    '',
    '## Values of the guest kernels',
    '',
    ...values('guest'),
  ]);
}

if (isStarted(import.meta.url)) write(switchesDocument());
