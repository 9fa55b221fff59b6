import { describe, expect, test } from 'vitest';
import { REPLAY_SWITCH, replayCellCount, replayCells } from '../src/compare/compare-replay.js';
import { comparedRuns, comparedValues } from '../src/compare/compare-stories.js';
import type { ReplayCell, ReplayRequest } from '../src/compare/replay-request.js';
import { listUnitCosts, UNIT_COSTS } from '../src/costs.js';
import { SettingsError } from '../src/errors.js';
import { loadStory } from '../src/story/story-files.js';

/** 16 pages of memory, so that a dense table has 16 entries in a row. */
const request: ReplayRequest = {
  preset: 'newest',
  set: {},
  entryShifts: [18],
  fills: ['empty'],
  ram: 0x10_0000n,
  stallSeconds: 21,
  units: UNIT_COSTS,
};
const POLICIES = comparedValues(REPLAY_SWITCH);

/** Cells by policy. */
function played(changes: Partial<ReplayRequest>, situation: ReplayCell['situation']) {
  const cells = [...replayCells({ ...request, ...changes })].filter((cell) => cell.situation === situation);
  return new Map(cells.map((cell) => [cell.value, cell]));
}
const figures = <Key extends keyof ReplayCell>(cells: ReadonlyMap<string, ReplayCell>, key: Key) =>
  Object.fromEntries([...cells].map(([value, cell]) => [value, cell[key]]));
const policies = <T>(all: T, others: Readonly<Record<string, T>> = {}) => ({
  ...Object.fromEntries(POLICIES.map((value) => [value, all])),
  ...others,
});

describe('the guest makes a window while a passed-through device is there', () => {
  test.each([18, 31])('of 2^%i entries: who looks at all of it in the RTAS call', (entryShift) => {
    const cells = played({ entryShifts: [entryShift] }, 'create');
    const all = 2 ** entryShift;
    expect(figures(cells, 'steps')).toEqual(policies(0, { always: all, anyMappingFlag: all }));
    // A page of the view holds 8192 entries.
    const pages = all / 8192;
    expect(figures(cells, 'faults')).toEqual(policies(0, { always: pages, anyMappingFlag: pages }));
    const isHuge = entryShift === 31;
    expect(figures(cells, 'stalls')).toEqual(policies(false, { always: isHuge, anyMappingFlag: isHuge }));
  });

  test('looking costs what it is said to cost', () => {
    const cells = played({ entryShifts: [31] }, 'create');
    const [always, skip] = [cells.get('always')!, cells.get('skipOnCreate')!];
    expect(always.nanoseconds - skip.nanoseconds).toBe(2 ** 31 * 80 + 2 ** 18 * 1000);
    expect(always.nanoseconds / 1e9).toBeCloseTo(172, 0);
    expect(skip.nanoseconds).toBeLessThan(1e6);
  });

  test('what is mapped afterwards reaches the hardware; a view bound late takes one exit more', () => {
    const cells = played({ fills: ['dense'] }, 'create');
    expect(figures(cells, 'live')).toEqual(policies(16));
    expect(figures(cells, 'missed')).toEqual(policies(0));
    expect(figures(cells, 'exits')).toEqual(policies(1, { lazyBind: 2 }));
  });
});

describe('a device is passed through after the guest has made a window and mapped through KVM', () => {
  test.each`
    fill        | live  | bitmap       | lazyBind
    ${'empty'}  | ${0}  | ${0}         | ${0}
    ${'sparse'} | ${16} | ${16 * 4096} | ${2 ** 31}
    ${'dense'}  | ${16} | ${4096}      | ${2 ** 31}
  `('$fill: who looks at what, and who misses it', ({ fill, live, bitmap, lazyBind }) => {
    const cells = played({ entryShifts: [31], fills: [fill] }, 'hot-add');
    const all = 2 ** 31;
    expect(figures(cells, 'live')).toEqual(policies(live));
    expect(figures(cells, 'steps')).toEqual(
      policies(all, { anyMappingFlagBlind: 0, kvmReplay: 0, bitmap, lazyBind }),
    );
    expect(figures(cells, 'missed')).toEqual(policies(0, { anyMappingFlagBlind: live }));
    expect(figures(cells, 'stalls')).toEqual(
      policies(true, { anyMappingFlagBlind: false, kvmReplay: false, bitmap: false, lazyBind: live > 0 }),
    );
  });

  test('pages that the guest has brought in are not faulted in again', () => {
    const faultsOf = (fill: 'empty' | 'sparse' | 'dense') =>
      played({ fills: [fill] }, 'hot-add').get('always')!.faults;
    // Two stretches of 256 MiB share a page of the view.
    expect([faultsOf('empty'), faultsOf('sparse'), faultsOf('dense')]).toEqual([32, 32 - 8, 32 - 1]);
  });

  test('an entry that is mapped costs as much as some tens that are looked at: recorded were about 70', () => {
    const timeOf = (ram: bigint, value: string) =>
      played({ ram, fills: ['dense'] }, 'hot-add').get(value)!.nanoseconds;
    // 16 entries more, and 16 pages of memory more to pin.
    const mapped = (value: string) =>
      (timeOf(0x20_0000n, value) - timeOf(0x10_0000n, value)) / 16 - UNIT_COSTS.pin;
    expect(mapped('always') / UNIT_COSTS.replay).toBeGreaterThanOrEqual(35);
    expect(mapped('always') / UNIT_COSTS.replay).toBeLessThanOrEqual(70);
    expect(mapped('always') - mapped('kvmReplay')).toBe(UNIT_COSTS.ioctl);
  });

  test('a view that moves to QEMU: the guest exits for each entry, and KVM has nothing to replay', () => {
    const changes = { preset: 'linux-4.10', fills: ['sparse' as const] };
    expect(figures(played(changes, 'hot-add'), 'missed')).toMatchObject({ always: 0, kvmReplay: 0 });
    expect(figures(played(changes, 'hot-add'), 'steps')).toMatchObject({
      always: 2 ** 18,
      kvmReplay: 2 ** 18,
    });
    expect(figures(played(changes, 'create'), 'exits')).toEqual(policies(1 + 16));
  });
});

describe('what is compared can be chosen', () => {
  test('windows and tables, each with each policy', () => {
    const asked = { ...request, entryShifts: [10, 12], fills: ['empty' as const, 'dense' as const] };
    const cells = [...replayCells(asked)];
    expect(cells).toHaveLength(replayCellCount(asked));
    expect(new Set(cells.map(({ entries, fill, situation }) => `${entries} ${fill} ${situation}`)).size).toBe(
      8,
    );
  });

  test('the limit and the unit costs; ours have a source', () => {
    const units = { ...UNIT_COSTS, replay: 75 };
    const changed = played({ units, stallSeconds: 0.001 }, 'create').get('always')!;
    const own = played({}, 'create').get('always')!;
    expect(own.nanoseconds - changed.nanoseconds).toBe(5 * 2 ** 18);
    expect([own.stalls, changed.stalls]).toEqual([false, true]);
    const sources = Object.fromEntries(
      listUnitCosts(units).map(({ operation, source }) => [operation, source]),
    );
    expect(sources.replay).toBe('given by the caller');
    expect(sources.clear).toMatch(/3 minutes/);
  });

  test('other switches, such as how vCPUs are held', () => {
    const paused = played({ set: { replayVsKvm: 'vcpusPaused' }, entryShifts: [4] }, 'hot-add').get(
      'always',
    )!;
    const racy = played({ entryShifts: [4] }, 'hot-add').get('always')!;
    expect(paused.nanoseconds - racy.nanoseconds).toBe(2 * UNIT_COSTS.ioctl);
  });

  test.each([
    ['2015', /With 2015 there is nothing to compare: QEMU has no calls for windows\./],
    ['someday', /There is no preset 'someday'/],
  ])('software that has no such windows is refused: %s', (preset, why) => {
    expect(() => [...replayCells({ ...request, preset })]).toThrow(why);
  });
});

describe('stories with each value of a switch', () => {
  test('tell what holds', () => {
    const runs = [
      ...comparedRuns('createAddrCheck', [loadStory('create-overlapping')], { preset: null, set: {} }),
    ];
    expect(runs.map(({ value, violated, preset }) => [value, violated, preset])).toEqual([
      ['unfixed', ['S-13'], 'newest'],
      ['fixed', [], 'newest'],
    ]);
  });

  test('there is nothing to compare of what is no switch', () => {
    expect(() => comparedValues('hasty')).toThrow(SettingsError);
    expect(() => comparedValues('hasty')).toThrow(/no switch 'hasty' to compare; there are: replayPolicy, /);
  });
});
