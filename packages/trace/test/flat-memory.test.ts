import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { followLog } from '../src/index.ts';
import { linesOf } from './support/follow.ts';
import { boot, create, DYNAMIC, get, H_PARAMETER, L1, newTable, put, remove } from './support/lines.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are alive. */
function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

const MB = 1e6;
const textOf = (lines: readonly string[]): Buffer => Buffer.from(lines.map((line) => `${line}\n`).join(''));

/** A log as long as wanted: a beginning, and a section over and over. */
async function* repeated(
  first: Buffer,
  section: Buffer,
  times: number,
  measure: (time: number) => void,
): AsyncGenerator<Buffer> {
  yield first;
  for (let time = 0; time < times; time++) {
    if (time % Math.ceil(times / 4) === 0) measure(time);
    yield section;
  }
  measure(times);
}

/** Follows it, and says how the heap grew from a quarter of the log to its end. */
async function growth(first: Buffer, section: Buffer, times: number) {
  const heaps: number[] = [];
  const report = await followLog(repeated(first, section, times, () => heaps.push(heapUsed())));
  expect(report.error ?? report.divergence).toBeNull();
  return { report, grown: (heaps.at(-1) as number) - (heaps[1] as number) };
}

describe('memory is flat in the length of a log', () => {
  test('real lines from one machine reset to the next, until they are 200 MB', async () => {
    const lines = linesOf('05-system_reset');
    const [reset, next] = [3763, 5929];
    expect(lines[reset]).toContain('spapr_iommu_new_table liobn=0x80000000');
    expect(lines[next]).toContain('spapr_iommu_new_table liobn=0x80000000');
    const section = textOf(lines.slice(reset, next));
    const times = Math.ceil((200 * MB) / section.length);
    const { report, grown } = await growth(textOf(lines.slice(0, reset)), section, times);
    expect(report.lines).toBe(reset + times * (next - reset));
    // Windows are listed up to a number; their list is what may still grow, by some hundred bytes each.
    expect(grown).toBeLessThan(4 * MB);
    expect(report.phases.length).toBeLessThanOrEqual(512);
    expect(report.rates.buckets.length).toBeLessThanOrEqual(512);
    expect(report.findings.length).toBeLessThan(10);
  }, 300_000);

  test('a guest that maps, looks and is refused all over a window, half a million times', async () => {
    const each = 500;
    const calls = Array.from({ length: each }, (_, n) => [
      put(L1, DYNAMIC + (BigInt((n * 7919) % 65_536) << 16n), (BigInt(n) << 16n) | 3n),
      get(0x8000_0000, n * 0x1000, 0),
      get(0x8000_0002 + (n % 97), 0, 0, H_PARAMETER),
    ]).flat();
    const window = [newTable(L1), create(L1, { pageShift: 16, windowShift: 32 })];
    const { report, grown } = await growth(textOf([...boot, ...window]), textOf(calls), 400);
    expect(report.lines).toBe(3 + 400 * 3 * each);
    expect(report.windows.map(({ mapped }) => mapped)).toEqual([0, each]);
    expect(grown).toBeLessThan(4 * MB);
  }, 300_000);
});

test('windows beyond 10,000 that have gone are summed', async () => {
  const life = [
    newTable(L1),
    create(L1, { windowShift: 30 }),
    put(L1, DYNAMIC, 0x100_0003),
    put(L1, DYNAMIC + 0x100_0000n, 0x200_0003),
    put(L1, DYNAMIC, 0),
    remove(L1),
  ];
  const times = 12_000;
  const { report } = await growth(textOf(boot), textOf(life), times);
  expect(report.windows).toHaveLength(10_001);
  expect(report.windowsOmitted).toEqual({ count: times - 10_000, peak: 2, leftMapped: times - 10_000 });
  expect(report.findings.find(({ kind }) => kind === 'left-mapped')).toMatchObject({ count: times });
}, 120_000);

test('rates stand in at most 512 buckets, however long the log lasts', async () => {
  const lines = Array.from(
    { length: 20_000 },
    (_, n) => `7@${1000 + n * n}.000000:${put(0x8000_0000, 0, 3)}`,
  );
  const { report } = await growth(textOf([`7@1000.000000:${newTable(0x8000_0000)}`]), textOf(lines), 1);
  expect(report.rates.buckets.length).toBeLessThanOrEqual(512);
  expect(report.rates.buckets.length).toBeGreaterThan(64);
  expect(report.rates.buckets.reduce((sum, bucket) => sum + bucket.put, 0)).toBe(20_000);
  expect((report.rates.bucketSeconds as number) * 512).toBeGreaterThan(20_000 ** 2 / 2);
});
