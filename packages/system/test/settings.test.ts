import { GUEST_VERSIONS } from '@spapr-dma/guest-kernel';
import { KVM_CONFIG_DEFAULT, KVM_VERSIONS } from '@spapr-dma/kvm';
import {
  type LinuxName,
  powernvConfigOf as ownPowernvConfigOf,
  LINUX_6_12 as POWERNV_6_12,
} from '@spapr-dma/powernv-ioda2';
import { bytes } from '@spapr-dma/protocol';
import { QEMU_7_2 } from '@spapr-dma/qemu-spapr';
import {
  VFIO_HOST_6_12,
  type VFIO_HOST_VERSIONS,
  vfioHostFeaturesOf,
  vfioHostSwitchesOf,
} from '@spapr-dma/vfio-host';
import { describe, expect, test } from 'vitest';
import {
  guestConfigOf,
  kvmCapsOf,
  kvmConfigOf,
  powernvConfigOf,
  qemuConfigOf,
  vfioConfigOf,
} from '../src/configs.ts';
import { listPresets, presetNamed, presetNames, settingsOf } from '../src/presets.ts';
import { listSwitches, parseSettings, SETTINGS } from '../src/settings.ts';
import { type Cells, LINUX_GUEST_VERSIONS, LINUX_HOST_VERSIONS, QEMU_VERSIONS } from '../src/versions.ts';

const switches = SETTINGS.filter(({ kind }) => kind === 'switch');

const { name: _, ...guestDifferences } = GUEST_VERSIONS['linux-6.12'];
const { defaultWindow: hostDefaultWindow, ...platform } = POWERNV_6_12.features;
/** One setting for what two machines have a field for. */
const { defaultWindow: vfioDefaultWindow, ...vfioFeatures } = VFIO_HOST_6_12.features;
const { rangeCheck: _rangeCheck, ...kvmSwitches } = KVM_CONFIG_DEFAULT.switches;
const { killSplit: _killSplit, ...kvmFeatures } = KVM_CONFIG_DEFAULT.features;

/** What each machine's configuration has fields for. */
const configurations = [
  { component: 'qemu-spapr', parts: [QEMU_7_2.switches, QEMU_7_2.features, { machine: '' }] },
  { component: 'guest-kernel', parts: [guestDifferences, { limitedMaskPoisons: '' }] },
  { component: 'kvm', parts: [kvmSwitches, kvmFeatures] },
  { component: 'vfio-host', parts: [VFIO_HOST_6_12.switches, vfioFeatures, { vfioDefaultWindow }] },
  { component: 'powernv-ioda2', parts: [POWERNV_6_12.switches, platform, { hostDefaultWindow }] },
];

describe('presets', () => {
  test('are these, in this order', () => {
    expect(presetNames).toEqual(['2015', '2017', '2019', 'newest', 'repaired']);
  });

  test.each(listPresets())('$name has a value for every setting, and no other', ({ settings }) => {
    expect(Object.keys(settings).sort()).toEqual(SETTINGS.map(({ name }) => name).sort());
    for (const { name, values } of SETTINGS) expect(values, name).toContain(settings[name]);
  });

  test.each([QEMU_VERSIONS, LINUX_HOST_VERSIONS, LINUX_GUEST_VERSIONS].flatMap(Object.entries<Cells>))(
    'each cell of %s has its source',
    (_, cells) => {
      for (const [name, [, source]] of Object.entries(cells)) expect(source, name).toMatch(/\w{4}/);
    },
  );

  test('newest is what was recorded: QEMU 7.2 and Linux 6.12 as they are', () => {
    const { qemu, linux, guest, settings } = presetNamed('newest');
    expect([qemu, linux, guest]).toEqual(['qemu-7.2', 'linux-6.12', 'linux-6.12']);
    expect(qemuConfigOf(settings)).toMatchObject({
      switches: QEMU_7_2.switches,
      features: QEMU_7_2.features,
    });
    const host = { pageShift: 16, ram: bytes(0x1_0000_0000n), nobypass: false } as const;
    expect(powernvConfigOf(settings, host)).toEqual(POWERNV_6_12);
    expect(kvmConfigOf(settings, 'power9', 16)).toEqual(KVM_CONFIG_DEFAULT);
    expect(vfioConfigOf(settings, 'power9', 16)).toEqual(VFIO_HOST_6_12);
    expect(kvmCapsOf(settings)).toEqual({
      spaprTce: true,
      spaprTce64: true,
      spaprTceVfio: true,
      multiTce: true,
    });
    expect(guestConfigOf(settings, 'power9', 12).version).toEqual(GUEST_VERSIONS['linux-6.12']);
  });

  test('every kernel that has a name is a preset, and comes out as it went in', () => {
    for (const [name, version] of Object.entries(GUEST_VERSIONS)) {
      expect(guestConfigOf(settingsOf(name), 'power9', 12).version, name).toEqual(version);
    }
  });

  test('repaired is newest with every switch fixed', () => {
    const [newest, repaired] = [settingsOf('newest'), settingsOf('repaired')];
    for (const { name, kind, values, repaired: repair } of SETTINGS) {
      if (kind === 'switch') expect(values.slice(1), name).toContain(repair);
      expect(repaired[name], name).toBe(kind === 'switch' ? repair : newest[name]);
    }
  });

  test.each(Object.keys(LINUX_HOST_VERSIONS) as LinuxName[])(
    "%s is what the platform's package says of it",
    (name) => {
      const host = { pageShift: 16, ram: bytes(0x1_0000_0000n), nobypass: false } as const;
      expect(powernvConfigOf(settingsOf(name), host)).toEqual(ownPowernvConfigOf(name));
    },
  );

  test.each(Object.entries(KVM_VERSIONS).filter(([name]) => name in LINUX_HOST_VERSIONS))(
    "%s is what KVM's package says of it",
    (name, { switches: ofKvm, features }) => {
      expect(kvmConfigOf(settingsOf(name), 'power9', 16)).toMatchObject({ switches: ofKvm, features });
    },
  );

  test.each(Object.keys(LINUX_HOST_VERSIONS) as (typeof VFIO_HOST_VERSIONS)[number][])(
    "%s is what VFIO's package says of it",
    (name) => {
      const parts = { switches: vfioHostSwitchesOf(name), features: vfioHostFeaturesOf(name) };
      expect(vfioConfigOf(settingsOf(name), 'power9', 16)).toMatchObject(parts);
    },
  );

  test('QEMU of 2017 replays new windows, QEMU of 2019 does not', () => {
    expect(settingsOf('2017').replayPolicy).toBe('always');
    expect(settingsOf('2019').replayPolicy).toBe('skipOnCreate');
  });

  test('the host and the guest have a kernel each; a version stands in both places where both have it', () => {
    expect(presetNamed('2017')).toMatchObject({ linux: 'linux-4.10', guest: 'linux-4.18' });
    expect(presetNamed('linux-6.1')).toMatchObject({ linux: 'linux-6.1', guest: 'linux-6.1' });
    expect(presetNamed('linux-7.2')).toMatchObject({ linux: 'linux-7.2', guest: 'linux-6.12' });
    expect(presetNamed('qemu-2.4')).toMatchObject({ qemu: 'qemu-2.4', linux: 'linux-6.12' });
  });

  test('linux-7.2 differs from linux-6.12 in the bounds that it checks, and in nothing else', () => {
    const [before, after] = [LINUX_HOST_VERSIONS['linux-6.12'], LINUX_HOST_VERSIONS['linux-7.2']];
    const changed = Object.keys(before).filter((name) => before[name]![0] !== after[name]![0]);
    expect(changed).toEqual(['rangeCheck']);
    expect(after.rangeCheck?.[0]).toBe('unmapAndStuff');
  });

  test('each founding document has the defect that it is about in its year', () => {
    expect(settingsOf('2015')).toMatchObject({
      reallocOnFirstVfio: 'never',
      iommuType: 'v1',
      preregOwner: 'mm',
    });
    expect(settingsOf('2017')).toMatchObject({ tableBaseUpdate: 'none', spaprTceVfio: 'false' });
    expect(settingsOf('repaired')).toMatchObject({
      replayPolicy: 'kvmReplay',
      clearOnDetach: 'onlyIfLastUser',
    });
  });

  test('a preset that does not exist is refused with those that do', () => {
    expect(() => presetNamed('2016')).toThrow(
      "There is no preset '2016'; there are: 2015, 2017, 2019, newest, repaired, qemu-10.0, qemu-7.2",
    );
    expect(() => presetNamed('toString')).toThrow("There is no preset 'toString'");
  });
});

describe('settings', () => {
  test.each(configurations)(
    "are the machines' own switches and features, none left out: $component",
    ({ component, parts }) => {
      const names = SETTINGS.filter((setting) => setting.component === component).map(({ name }) => name);
      expect(names.sort()).toEqual(parts.flatMap(Object.keys).sort());
    },
  );

  test('a switch has its unfixed value first', () => {
    const unfixed = Object.fromEntries(switches.map(({ name, values }) => [name, values[0]]));
    expect(unfixed).toMatchObject({
      replayPolicy: 'always',
      reallocAtomic: 'false',
      clearOnDetach: 'whole',
      unregisterBusy: 'orphan',
      tableBaseUpdate: 'none',
      kvmErrors: 'swallow',
      rangeCheck: 'firstOnly',
      propagateMapError: 'no',
      defWinClear: 'unfixed',
    });
    const named = new Set(['unfixed', 'false', 'none', 'never', 'no', 'v1']);
    const last = switches.filter(({ values }) => named.has(values.at(-1)!));
    expect(last.map(({ name }) => name)).toEqual([]);
  });

  test('switches stand first, in the order of spec 60 section C, then the others and the features', () => {
    const names = SETTINGS.map(({ name }) => name);
    expect(names.slice(0, 5)).toEqual([
      'replayPolicy',
      'reallocOnFirstVfio',
      'reallocAtomic',
      'unregNotifierOnContainerDestroy',
      'unplugSync',
    ]);
    expect(names.slice(38, 42)).toEqual([
      'limitedMaskPoisons',
      'attachRefPerGroup',
      'createFailure',
      'hotplugUnwind',
    ]);
    expect(SETTINGS.map(({ kind }) => kind)).toEqual(
      [...SETTINGS]
        .map(({ kind }) => kind)
        .sort()
        .reverse(),
    );
    expect(listSwitches()).toBe(SETTINGS);
  });

  test.each`
    text                     | why
    ${'defWinClear'}         | ${"'defWinClear' is not of the form name=value."}
    ${'=fixed'}              | ${"'=fixed' is not of the form name=value."}
    ${'defwinclear=fixed'}   | ${"There is no setting 'defwinclear'; there are: replayPolicy, reallocOnFirstVfio"}
    ${'constructor=x'}       | ${"There is no setting 'constructor'"}
    ${'defWinClear=perhaps'} | ${"'defWinClear' cannot be 'perhaps'; it can be: unfixed, fixed."}
    ${'replayPolicy='}       | ${"'replayPolicy' cannot be ''; it can be: always, skipOnCreate, anyMappingFlagBlind"}
  `('$text is refused: $why', ({ text, why }) => {
    expect(() => parseSettings([text])).toThrow(why);
  });

  test('name=value changes one setting of a preset', () => {
    const changes = parseSettings(['defWinClear=fixed', 'replayPolicy=always']);
    expect(settingsOf('newest', changes)).toEqual({ ...settingsOf('newest'), ...changes });
    expect(qemuConfigOf(settingsOf('newest', changes)).switches).toMatchObject(changes);
  });
});
