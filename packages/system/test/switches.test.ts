import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../src/settings.ts';
import { KVM_FEATURES, POWERNV_FEATURES, VFIO_FEATURES } from './switches/of-features.ts';
import { POWERNV_CASES, VFIO_CASES } from './switches/of-host.ts';
import { KVM_CASES } from './switches/of-kvm.ts';
import { QEMU_CASES } from './switches/of-qemu.ts';
import { QEMU_FEATURES, WINDOW_CASES } from './switches/of-qemu-windows.ts';
import { runCase } from './switches/run-case.ts';
import { runUserspace } from './switches/run-userspace.ts';
import type { SwitchCase } from './switches/switch-case.ts';

const CASES: readonly SwitchCase[] = [
  ...QEMU_CASES,
  ...WINDOW_CASES,
  ...KVM_CASES,
  ...VFIO_CASES,
  ...POWERNV_CASES,
  ...QEMU_FEATURES,
  ...KVM_FEATURES,
  ...VFIO_FEATURES,
  ...POWERNV_FEATURES,
];

/** Settings whose difference a whole machine does not come to, and the test of a machine that shows it. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  // VFIO's first window cannot be refused, so only a fake host fails to give it up.
  preregListenerLeak: '../../qemu-spapr/test/container-connect.test.ts',
  // Pages of a v1 window are 4K, and so are the smallest of the host.
  containedUnpin: '../../vfio-host/test/mapping.test.ts',
  limitedMaskPoisons: '../../../stories/limited-mask.story.json',
  // No script steers two vCPUs into each other as a search does.
  tceLock: '../../../models.json',
  failedMapCount: '../../../models.json',
};
const casesOf = (setting: string) => CASES.filter((each) => each.setting === setting);
const text = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `0x${each.toString(16)}` : each)) ??
  'undefined';

describe.each(CASES)('$setting: $about', (one) => {
  test.each(Object.entries(one.values))('%s', (value, { sees, violated = [] }) => {
    const run = 'calls' in one ? runUserspace(one, value) : runCase(one, value);
    expect(run.mistakes).toEqual([]);
    expect(one.sees(run)).toEqual(sees);
    expect(Object.keys(run.violated).sort()).toEqual([...violated].sort());
  });
});

/** A version of the machine is a name; several name the same behaviour. */
const withCases = SETTINGS.filter(({ name }) => casesOf(name).length > 0);
test.each(withCases)('$name: any two values show something different', ({ name, values }) => {
  const shown = values.map((value) => text(casesOf(name).map((each) => each.values[value])));
  expect(shown).not.toContain(text([undefined]));
  const distinct = new Set(shown).size;
  if (name === 'machine') expect(distinct).toBeGreaterThan(2);
  else expect(distinct).toBe(values.length);
});

describe('every switch is shown', () => {
  test.each(SETTINGS.filter(({ kind }) => kind === 'switch'))('$name', ({ name }) => {
    const file = ELSEWHERE[name];
    if (file === undefined) return expect(casesOf(name)).not.toEqual([]);
    expect(readFileSync(new URL(file, import.meta.url), 'utf8')).toContain(name);
  });

  test('and every feature of the host and of QEMU', () => {
    const without = SETTINGS.filter(
      ({ name, kind, component }) =>
        kind === 'feature' && component !== 'guest-kernel' && casesOf(name).length === 0,
    );
    expect(without.map(({ name }) => name)).toEqual([]);
  });
});

/** What spec 70 says of switches at their unfixed value: "Which switch breaks which". */
test.each`
  setting                              | value                    | violated
  ${'replayPolicy'}                    | ${'always'}              | ${['L-2']}
  ${'replayPolicy'}                    | ${'anyMappingFlagBlind'} | ${['S-4']}
  ${'reallocOnFirstVfio'}              | ${'never'}               | ${['S-4']}
  ${'reallocAtomic'}                   | ${'false'}               | ${['S-5']}
  ${'unregNotifierOnContainerDestroy'} | ${'false'}               | ${['S-9']}
  ${'unplugSync'}                      | ${'immediate'}           | ${['L-4']}
  ${'tableBaseUpdate'}                 | ${'none'}                | ${['S-6', 'S-7', 'L-9']}
  ${'unregisterGuard'}                 | ${'none'}                | ${['S-1']}
  ${'setWindowOnExtraGroup'}           | ${'unfixed'}             | ${['S-8']}
  ${'clearOnDetach'}                   | ${'whole'}               | ${['S-4']}
  ${'attachKvmOnJoin'}                 | ${'unfixed'}             | ${['S-4']}
  ${'replayVsKvm'}                     | ${'racy'}                | ${['S-3', 'S-4']}
  ${'kvmErrors'}                       | ${'swallow'}             | ${['S-4']}
  ${'clearTceDec'}                     | ${'unfixed'}             | ${['S-2']}
  ${'rangeCheck'}                      | ${'firstOnly'}           | ${['S-10']}
  ${'createRefund'}                    | ${'unfixed'}             | ${['S-11']}
  ${'unregisterBusy'}                  | ${'orphan'}              | ${['S-11', 'L-5']}
  ${'createAddrCheck'}                 | ${'unfixed'}             | ${['S-13']}
  ${'defWinClear'}                     | ${'unfixed'}             | ${['L-6']}
`('$setting=$value violates $violated, as spec 70 has it', ({ setting, value, violated }) => {
  const known = casesOf(setting).flatMap((each) => each.values[value]?.violated ?? []);
  expect(known).toEqual(expect.arrayContaining(violated));
});
