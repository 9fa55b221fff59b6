import { GUEST_VERSIONS } from '@spapr-dma/guest-kernel';
import { QEMU_7_2 } from '@spapr-dma/qemu-spapr';
import { describe, expect, test } from 'vitest';
import { guestConfigOf, qemuConfigOf } from '../src/configs.ts';
import { listPresets, presetNamed, presetNames, settingsOf } from '../src/presets.ts';
import { listSwitches, parseSettings, SETTINGS } from '../src/settings.ts';
import { LINUX_VERSIONS, QEMU_VERSIONS } from '../src/versions.ts';

const switches = SETTINGS.filter(({ kind }) => kind === 'switch');

describe('presets', () => {
  test('are these, in this order', () => {
    expect(presetNames).toEqual(['2015', '2017', '2019', 'newest', 'repaired']);
  });

  test.each(listPresets())('$name has a value for every setting, and no other', ({ settings }) => {
    expect(Object.keys(settings).sort()).toEqual(SETTINGS.map(({ name }) => name).sort());
    for (const { name, values } of SETTINGS) expect(values, name).toContain(settings[name]);
  });

  test.each([...Object.entries(QEMU_VERSIONS), ...Object.entries(LINUX_VERSIONS)])(
    'each cell of %s has its source',
    (_, cells) => {
      for (const [name, [, source]] of Object.entries(cells)) expect(source, name).toMatch(/\w{4}/);
    },
  );

  test('newest is what was recorded: QEMU 7.2 and Linux 6.12 as they are', () => {
    const { qemu, linux, settings } = presetNamed('newest');
    expect([qemu, linux]).toEqual(['qemu-7.2', 'linux-6.12']);
    expect(qemuConfigOf(settings)).toEqual(QEMU_7_2);
    expect(guestConfigOf(settings, 'power9', 12).version).toEqual(GUEST_VERSIONS['linux-6.12']);
  });

  test('every kernel that has a name is a preset, and comes out as it went in', () => {
    for (const [name, version] of Object.entries(GUEST_VERSIONS)) {
      expect(guestConfigOf(settingsOf(name), 'power9', 12).version, name).toEqual(version);
    }
  });

  test('repaired is newest with every switch fixed', () => {
    const [newest, repaired] = [settingsOf('newest'), settingsOf('repaired')];
    for (const { name, kind, values } of SETTINGS) {
      expect(repaired[name], name).toBe(kind === 'switch' ? values.at(-1) : newest[name]);
    }
  });

  test('QEMU of 2017 replays new windows, QEMU of 2019 does not', () => {
    expect(settingsOf('2017').replayPolicy).toBe('always');
    expect(settingsOf('2019').replayPolicy).toBe('skipOnCreate');
  });

  test('a preset that does not exist is refused with those that do', () => {
    expect(() => presetNamed('2016')).toThrow(
      "There is no preset '2016'; there are: 2015, 2017, 2019, newest, repaired, qemu-7.2",
    );
    expect(() => presetNamed('toString')).toThrow("There is no preset 'toString'");
  });
});

describe('settings', () => {
  test("are QEMU's and the guest's own switches and features, none left out", () => {
    const { switches: qemuSwitches, features } = QEMU_7_2;
    const { name: _, ...differences } = GUEST_VERSIONS['linux-6.12'];
    const expected = [qemuSwitches, features, differences, { machine: '', limitedMaskPoisons: '' }];
    expect(SETTINGS.map(({ name }) => name).sort()).toEqual(expected.flatMap(Object.keys).sort());
  });

  test('a switch has its unfixed value first', () => {
    expect(switches.map(({ name, values }) => [name, values[0]])).toEqual([
      ['defWinClear', 'unfixed'],
      ['createAddrCheck', 'unfixed'],
      ['nbTruncation', 'unfixed'],
      ['shiftCheck', 'unfixed'],
      ['replayPolicy', 'always'],
      ['postLoadGeomCheck', 'unfixed'],
      ['limitedMaskPoisons', 'unfixed'],
    ]);
    expect(listSwitches()).toBe(SETTINGS);
  });

  test.each`
    text                     | why
    ${'defWinClear'}         | ${"'defWinClear' is not of the form name=value."}
    ${'=fixed'}              | ${"'=fixed' is not of the form name=value."}
    ${'defwinclear=fixed'}   | ${"There is no setting 'defwinclear'; there are: defWinClear, createAddrCheck"}
    ${'constructor=x'}       | ${"There is no setting 'constructor'"}
    ${'defWinClear=perhaps'} | ${"'defWinClear' cannot be 'perhaps'; it can be: unfixed, fixed."}
    ${'replayPolicy='}       | ${"'replayPolicy' cannot be ''; it can be: always, skipOnCreate."}
  `('$text is refused: $why', ({ text, why }) => {
    expect(() => parseSettings([text])).toThrow(why);
  });

  test('name=value changes one setting of a preset', () => {
    const changes = parseSettings(['defWinClear=fixed', 'replayPolicy=always']);
    expect(settingsOf('newest', changes)).toEqual({ ...settingsOf('newest'), ...changes });
    expect(qemuConfigOf(settingsOf('newest', changes)).switches).toMatchObject(changes);
  });
});
