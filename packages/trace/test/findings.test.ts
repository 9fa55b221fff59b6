import { describe, expect, test } from 'vitest';
import { accepted, followed, found } from './support/follow.ts';
import {
  boot,
  by,
  create,
  DYNAMIC,
  dynamic,
  freeCrq,
  get,
  H_PARAMETER,
  indirect,
  L0,
  L1,
  newTable,
  put,
  query,
  remove,
  reset,
  stuff,
  VIO,
  xlate,
} from './support/lines.ts';

const END = 0x4000_0000;
/** A kernel clears the default window as it boots. */
const cleared = (lines = 4): readonly string[] =>
  Array.from({ length: lines }, (_, n) => stuff(L0, ((n + 1) * END) / lines, 0, 0x4_0000 / lines));
const directMap = [...dynamic, indirect(L1, DYNAMIC, 127, 0x7f00_0003)];

describe('left-mapped: entries that were mapped when their window went, or another kernel came', () => {
  const mapped = [...boot, put(L0, 0x1000, 0x4003), put(L0, 0x2000, 0x5003)];

  test.each([
    ['a machine reset', [...boot], 'machine reset'],
    ['ibm,reset-pe-dma-window', [newTable(L0), reset()], 'ibm,reset-pe-dma-window'],
    ['ibm,remove-pe-dma-window', [remove(L0)], 'ibm,remove-pe-dma-window'],
  ])('%s takes the window', async (_, end, cause) => {
    const [finding, ...others] = found(await accepted([...mapped, ...end]), 'left-mapped');
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ liobn: '0x80000000', line: 2, count: 2 });
    expect(finding?.text).toContain(`went away at line ${3 + end.length}: ${cause}`);
  });

  test('what was unmapped before is not left', async () => {
    const tidy = [...mapped, put(L0, 0x1000, 0), stuff(L0, 0x3000, 0, 1), remove(L0)];
    expect(found(await accepted(tidy), 'left-mapped')).toEqual([]);
  });

  test('a kernel that takes a window over clears what another one left there', async () => {
    const lines = [...boot, ...directMap, stuff(L1, DYNAMIC + (1n << 32n), 0, 256), query(0, 0)];
    expect(found(await accepted(lines), 'left-mapped')).toMatchObject([
      { liobn: '0x80000001', line: 5, lastLine: 6, count: 128 },
    ]);
  });

  test('but a kernel that clears its own window before it removes it leaves nothing', async () => {
    const lines = [...boot, ...directMap, stuff(L1, DYNAMIC + (1n << 32n), 0, 256), remove(L1)];
    expect(found(await accepted(lines), 'left-mapped')).toEqual([]);
  });

  test('VIO tables are zeroed by quiesce, and keep their window', async () => {
    const traced = [newTable(VIO), ...boot, freeCrq(VIO), freeCrq(0x7100_0000)];
    const lines = [
      ...traced,
      put(VIO, 0x1000, 0x4003),
      freeCrq(VIO),
      freeCrq(0x7100_0000),
      get(VIO, 0x1000, 0),
    ];
    const report = await accepted(lines);
    expect(found(report, 'left-mapped')).toMatchObject([
      { liobn: '0x71000002', line: 5, lastLine: 7, count: 1 },
    ]);
    expect(report.windows[0]?.removed).toBeNull();
  });
});

describe('overwrite: a live entry was written without being cleared', () => {
  test.each([
    ['H_PUT_TCE', put(L0, 0x1000, 0x5003), 1],
    ['H_STUFF_TCE', stuff(L0, 0x3000, 0x5003, 3), 1],
    ['H_PUT_TCE_INDIRECT', indirect(L0, 0, 2, 0x9003), 1],
    ['the same page with other permissions', put(L0, 0x1000, 0x4001), 1],
  ])('by %s', async (_, line, count) => {
    const report = await accepted([...boot, put(L0, 0x1000, 0x4003), line]);
    expect(found(report, 'overwrite')).toMatchObject([{ liobn: '0x80000000', line: 3, count }]);
  });

  test.each([
    ['the very same value', [put(L0, 0x1000, 0x4003)]],
    ['nothing', [put(L0, 0x1000, 0)]],
    ['another entry', [put(L0, 0x2000, 0x5003)]],
    ['an entry cleared before', [put(L0, 0x1000, 0), put(L0, 0x1000, 0x5003)]],
  ])('%s is none', async (_, lines) => {
    expect(found(await accepted([...boot, put(L0, 0x1000, 0x4003), ...lines]), 'overwrite')).toEqual([]);
  });
});

describe('refused: calls that QEMU answered with H_PARAMETER', () => {
  test('are grouped by LIOBN, with the first line and the last', async () => {
    const lines = [
      ...boot,
      put(L0, END, 3, H_PARAMETER),
      get(0x8000_0007, 0, 0, H_PARAMETER),
      get(L0, END, 0, H_PARAMETER),
      put(0x7100_0009, 0, 3, H_PARAMETER),
      stuff(L0, END, 0, 1, H_PARAMETER),
    ];
    expect(found(await accepted(lines), 'refused')).toMatchObject([
      { liobn: '0x80000000', line: 2, lastLine: 6, count: 3 },
      { liobn: '0x80000007', line: 3, lastLine: 3, count: 1 },
      { liobn: '0x71000009', line: 5, lastLine: 5, count: 1 },
    ]);
  });

  test('of more than 4096 LIOBNs the rest is not told apart, and fills no memory', async () => {
    const lines = Array.from({ length: 5000 }, (_, n) => put(0x9000_0000 + n, 0, 3, H_PARAMETER));
    expect(found(await accepted([...boot, ...lines]), 'refused').length).toBeLessThanOrEqual(4096);
  });
});

test('fault: a device looked up what was not mapped', async () => {
  const lines = [...boot, xlate(L0, 0x1000, 0, 0), xlate(L0, 0x1004, 0, 0), put(L0, 0x1000, 0x4003)];
  expect(found(await accepted([...lines, xlate(L0, 0x1000, 0x4000, 3)]), 'fault')).toMatchObject([
    { liobn: '0x80000000', line: 2, lastLine: 3, count: 2 },
  ]);
});

describe('overlap: two windows of a PHB lie at one place', () => {
  test('which the address of a create can lead to', async () => {
    const lines = [...boot, ...dynamic, remove(L0), newTable(L0), create(L0)];
    const [finding] = found(await accepted(lines), 'overlap');
    expect(finding).toMatchObject({ liobn: '0x80000000', line: 7, count: 1 });
    expect(finding?.text).toContain('the one with the higher LIOBN answers');
  });

  test('windows beside each other do not overlap, nor do windows of two PHBs', async () => {
    const other = [
      newTable(0x8000_0100),
      newTable(L0),
      query(1, 1),
      newTable(0x8000_0101),
      create(0x8000_0101),
    ];
    expect(found(await accepted([...other, ...dynamic]), 'overlap')).toEqual([]);
  });
});

describe('no-ddw: a guest that asked for a dynamic window and made none', () => {
  const maps = [put(L0, 0x1000, 0x4003), put(L0, 0x2000, 0x5003)];

  test('stays on the default window with all its devices', async () => {
    const [finding] = found(await accepted([...boot, ...cleared(), query(0, 1), ...maps]), 'no-ddw');
    expect(finding).toMatchObject({ liobn: '0x80000000', line: 6, lastLine: 8, count: 2 });
  });

  test.each([
    ['that made one', [query(0, 1), newTable(L1), create(L1), ...maps]],
    ['that never asked', maps],
    ['that maps nothing', [query(0, 1)]],
  ])('a guest %s is not told', async (_, lines) => {
    expect(found(await accepted([...boot, ...cleared(), ...lines]), 'no-ddw')).toEqual([]);
  });

  test('each boot is judged by itself', async () => {
    const lines = [...boot, ...cleared(), query(0, 1), ...maps, ...boot, ...cleared(), ...dynamic, ...maps];
    expect(found(await accepted(lines), 'no-ddw')).toMatchObject([{ line: 6, count: 2 }]);
    const second = [...boot, ...dynamic, ...maps, ...boot, ...cleared(), query(0, 1), ...maps];
    expect(found(await accepted(second), 'no-ddw')).toMatchObject([{ line: 12, count: 2 }]);
  });
});

describe('nearly-full: nine entries of ten of the default window are mapped', () => {
  const most = Math.ceil(0.9 * 0x4_0000);

  test('is told once while it stays so, and again when it comes back', async () => {
    const fill = stuff(L0, most * 0x1000, 3, most);
    const lines = [...boot, fill, put(L0, END - 0x1000, 3)];
    expect(found(await accepted(lines), 'nearly-full')).toMatchObject([{ line: 2, count: 1 }]);
    const again = [...lines, stuff(L0, END, 0, 0x4_0000), fill];
    expect(found(await accepted(again), 'nearly-full')).toMatchObject([{ line: 2, lastLine: 5, count: 2 }]);
  });

  test('one entry less is not told, nor is a dynamic window', async () => {
    const less = stuff(L0, (most - 1) * 0x1000, 3, most - 1);
    expect(found(await accepted([...boot, less]), 'nearly-full')).toEqual([]);
    const full = stuff(L1, DYNAMIC + (1n << 32n), 3, 256);
    expect(found(await accepted([...boot, ...dynamic, full]), 'nearly-full')).toEqual([]);
  });
});

test('hotplug-cost: what plugging a VFIO device at the end of the log would replay, pin and charge', async () => {
  const report = await accepted([newTable(VIO), ...boot, ...directMap]);
  const costs = found(report, 'hotplug-cost');
  expect(costs).toMatchObject([
    { liobn: '0x80000000', line: 6, count: 262_144 },
    { liobn: '0x80000001', line: 6, count: 256 },
  ]);
  expect(costs[1]?.text).toMatch(/replay 256 entries .* pin at least 2097152 KiB/);
});

test('a log that is refused has findings up to there, and no cost of what may come', async () => {
  const report = await followed([...boot, put(L0, END, 3, H_PARAMETER), put(L0, 0, 3), get(L0, 0, 0)]);
  expect(report.divergence).toMatchObject({ line: 4 });
  expect(report.findings.map(({ kind }) => kind)).toEqual(['refused']);
});

describe('phases and rates', () => {
  test('without quiesce and clearing, a machine stays in firmware', async () => {
    const { phases } = await accepted([...boot, put(L0, 0x1000, 0x4003)]);
    expect(phases.map(({ name }) => name)).toEqual(['firmware']);
  });

  test('a kernel boots when it clears the default window, and runs when it maps', async () => {
    const { phases } = await accepted([...boot, ...cleared(), put(L0, 0x1000, 0x4003)]);
    expect(phases.map(({ name, line }) => [name, line])).toEqual([
      ['firmware', 1],
      ['boot', 3],
      ['run', 6],
    ]);
  });

  test('calls are counted over time, in buckets by kind', async () => {
    const at = (seconds: number, line: string) => `7@${seconds}.000000:${line}`;
    const lines = [
      at(100, newTable(L0)),
      at(101, put(L0, 0, 3)),
      at(101, put(L0, 0x1000, 3)),
      at(109, get(L0, 0, 3)),
    ];
    const { rates } = await accepted(lines);
    expect(
      rates.buckets.map(({ put, get, stuff, indirect, xlate }) => [put, get, stuff, indirect, xlate]),
    ).toEqual([
      [2, 0, 0, 0, 0],
      [0, 1, 0, 0, 0],
    ]);
    expect(rates.buckets).toHaveLength(2);
  });

  test('times that go back within a thread are counted, and refuse nothing', async () => {
    const stamps = ['7@100.000005:', '8@100.000001:', '7@100.000004:', '7@100.000004:', '7@100.000003:'];
    const lines = [...boot, ...Array<string>(4).fill(put(L0, 0, 3))].map((line, n) => `${stamps[n]}${line}`);
    expect((await accepted(lines)).clock).toEqual({ backwards: 2, firstLine: 3 });
    expect((await accepted(boot)).clock).toEqual({ backwards: 0, firstLine: null });
  });

  test('a log without timestamps has no seconds', async () => {
    const stamped = await accepted(by(7, ...boot, put(L0, 0, 3)));
    const bare = await accepted([...boot, put(L0, 0, 3)]);
    expect(stamped.phases[0]?.seconds).toBe(0);
    expect(bare.phases[0]?.seconds).toBeNull();
    expect(stamped.windows).toEqual(bare.windows);
  });
});
