import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FollowReport, followLog, openInput } from '../src/index.ts';
import { Numbers } from '../src/log/simpletrace-format.ts';
import { SimpletraceReader } from '../src/log/simpletrace-reader.ts';
import { chunked, followed, linesOf, recordings } from './support/follow.ts';
import * as line from './support/lines.ts';
import { type Argument, Simpletrace } from './support/simpletrace.ts';

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../traces/simpletrace/${name}.gz`, import.meta.url));

/** A report without what the two forms of a log tell differently: when, and by which thread. */
function timeless(report: FollowReport) {
  const { rates: _rates, clock: _clock, phases, ...rest } = report;
  return { ...rest, phases: phases.map(({ name, line: at }) => [name, at]) };
}

const withoutPrefix = (text: string): string => text.replace(/^\d+@\d+\.\d+:/, '');

describe('one run of QEMU, logged by both backends', () => {
  const reports = Promise.all([
    followLog(openInput(pathOf('ddw-nvme.log'))),
    followLog(openInput(pathOf('ddw-nvme.simpletrace'))),
  ]);

  test('means the same, record for line', async () => {
    const [text, binary] = await reports;
    expect(binary).toMatchObject({ accepted: true, lines: 3340, lost: { events: 0, firstLine: null } });
    expect(timeless(binary)).toEqual(timeless(text));
    expect(binary.windows).toMatchObject([
      { liobn: '0x80000000', entries: 262_144 },
      { liobn: '0x80000001', entries: 256, pageShift: 24, peak: 128 },
    ]);
  });

  test('happened at the same times, to what the text log rounds', async () => {
    const [text, binary] = await reports;
    expect(binary.phases).toHaveLength(3);
    for (const [at, { seconds }] of binary.phases.entries()) {
      expect(Math.abs((seconds as number) - (text.phases[at]?.seconds as number))).toBeLessThan(1e-4);
    }
    const total = ({ rates }: FollowReport) => rates.buckets.reduce((sum, { xlate }) => sum + xlate, 0);
    expect(total(binary)).toBe(total(text));
    expect(binary.rates.bucketSeconds).toBe(text.rates.bucketSeconds);
  });
});

test('a real log that lost events is followed, and says so', async () => {
  const report = await followLog(openInput(pathOf('lossy-nvme.simpletrace')));
  expect(report).toMatchObject({ accepted: true, error: null, lines: 10_063 });
  expect(report.lost).toEqual({ events: 3228, firstLine: 9411 });
  expect(report.ignored).toEqual({ dropped: 1 });
});

describe.each(recordings)('%s, written as QEMU writes it in binary', (name) => {
  test.each([
    ['little-endian', false],
    ['big-endian', true],
  ])('%s: means the same as the text', async (_, isBigEndian) => {
    const lines = linesOf(name).map(withoutPrefix);
    const binary = await followLog(chunked(new Simpletrace(isBigEndian).log(lines)));
    expect(binary.accepted).toBe(true);
    expect(timeless(binary)).toEqual(timeless(await followed(lines)));
  });
});

describe('what a record says is what the line of the same event says', () => {
  const { L0, L1, VIO, DYNAMIC } = line;
  const liobn = fc.constantFrom(L0, L1, VIO, 0x8000_0002, 0x1_8000_0000);
  const place = fc.oneof(
    fc.nat(40).map((page) => BigInt(page) << 12n),
    fc.nat(40).map((page) => DYNAMIC + (BigInt(page) << 24n)),
    fc.bigInt(0n, (1n << 64n) - 1n),
  );
  const tce = fc.oneof(fc.constantFrom(0n, 0x4003n, 0x100_0003n), fc.bigInt(0n, (1n << 64n) - 1n));
  const ret = fc.constantFrom(0, 0, 0, -4, -2_147_483_648, 2_147_483_647);
  const u32 = fc.oneof(fc.nat(30), fc.nat(0xffff_ffff));
  const some = fc.oneof(
    fc.tuple(liobn, place, tce, ret).map((parts) => line.put(...parts)),
    fc.tuple(liobn, place, tce, ret).map((parts) => line.get(...parts)),
    fc.tuple(liobn, place, tce, fc.bigInt(0n, (1n << 53n) - 1n), ret).map((parts) => line.stuff(...parts)),
    fc.tuple(liobn, place, fc.nat(511), tce, ret).map((parts) => line.indirect(...parts)),
    fc.tuple(liobn, place, tce, fc.nat(3), u32).map((parts) => line.xlate(...parts)),
    fc
      .tuple(fc.constantFrom(L0, L1), fc.constantFrom('(nil)', '0x7f0000001000'))
      .map(([at, table]) => line.newTable(at, { table })),
    fc.constantFrom(line.query(0, 1), line.create(L1), line.remove(L1), line.reset(0)),
    fc.tuple(fc.constantFrom('attach', 'reset', 'realize'), u32).map(([what, at]) => line.drc(what, at)),
    fc.tuple(u32, u32).map(([at, state]) => line.drcState('isolation_state', at, state)),
    fc
      .string({ unit: 'grapheme' })
      .map((text) => `spapr_drc_realize_child drc: 0x1, child name: ${text.replace(/[\r\n]/g, '')}`),
    fc.constantFrom('kvm_handle_papr_hcall 0x20', 'vfio_dma_unmap_overflow_workaround', 'qdev_reset obj'),
  );
  const anyLog = fc.array(some, { maxLength: 40 }).map((lines) => [...line.boot, ...line.dynamic, ...lines]);

  test('any log of these lines, whatever the byte order, wherever chunks end', async () => {
    let parted = 0;
    await fc.assert(
      fc.asyncProperty(
        anyLog,
        fc.boolean(),
        fc.integer({ min: 1, max: 5000 }),
        async (lines, isBig, size) => {
          const binary = new Simpletrace(isBig).log(lines);
          const chunks = Array.from({ length: Math.ceil(binary.length / size) }, (_, at) =>
            binary.subarray(at * size, (at + 1) * size),
          );
          const report = await followLog(chunked(...chunks));
          expect(timeless(report)).toEqual(timeless(await followed(lines)));
          if (report.divergence !== null) parted++;
        },
      ),
      { numRuns: 400 },
    );
    expect(parted).toBeGreaterThan(50);
  });
});

describe('a record in words is the line of the text log', () => {
  const L0 = BigInt(line.L0);
  /** The words for one record, by a reader of its own. */
  function wordsOf(name: string, args: readonly Argument[]): { words: string; reader: SimpletraceReader } {
    const to = new Simpletrace();
    const reader = new SimpletraceReader(new Numbers());
    reader.name(9, name);
    const record = to.record(9n, 1_500_000_000n, Buffer.concat(args.map((value) => to.argument(value))));
    const body = record.subarray(8);
    expect(reader.read(body, 0, body.length, 1)).toBe(true);
    return { words: reader.text(), reader };
  }

  test.each([
    ['a return code', 'spapr_iommu_pci_put', [L0, 0x1000n, 0x4003n, -4n], line.put(L0, 0x1000, 0x4003, -4)],
    ['the least of them', 'spapr_iommu_put', [1n, 0n, 0n, 1n - (1n << 53n)], line.put(1, 0, 0, 1 - 2 ** 53)],
    ['minus 2^32', 'spapr_iommu_put', [1n, 0n, 0n, -(1n << 32n)], line.put(1, 0, 0, -(2 ** 32))],
    ['64 bits', 'spapr_iommu_put', [1n, -1n, -2n, 0n], line.put(1, (1n << 64n) - 1n, (1n << 64n) - 2n)],
    ['no table', 'spapr_iommu_new_table', [L0, 0n, -1n], line.newTable(line.L0, { table: '(nil)' })],
    [
      'a table',
      'spapr_iommu_new_table',
      [L0, 0x7f00n, 12n],
      line.newTable(line.L0, { table: '0x7f00', fd: 12 }),
    ],
    [
      'an int in hex, which is widened with its sign',
      'spapr_drc_set_isolation_state',
      [0x4000_0000n, -1n],
      line.drcState('isolation_state', 0x4000_0000, 0xffff_ffff),
    ],
    [
      'a text, which nobody reads',
      'spapr_pci_msi_setup',
      ['nvme', 3n, 0x400n],
      'spapr_pci_msi_setup dev"…" vector 3, addr=0x400',
    ],
  ] as const)('%s', (_, name, args, words) => {
    expect(wordsOf(name, args).words).toBe(words);
  });

  test('its time is in seconds, and its process is no thread', () => {
    const { reader } = wordsOf('spapr_drc_attach', [1n]);
    expect(reader).toMatchObject({ seconds: 1.5, thread: -1, event: 'spapr_drc_attach' });
  });

  test('another reader of the same log knows its names, and has counted nothing', () => {
    const { reader } = wordsOf('spapr_drc_attach', [1n]);
    const other = reader.anew();
    const to = new Simpletrace();
    const body = to.record(9n, 0n, to.u64(2n)).subarray(8);
    expect([other.events, other.read(body, 0, body.length, 1), other.events]).toEqual([
      {},
      true,
      { spapr_drc_attach: 1 },
    ]);
    expect(reader.events).toEqual({ spapr_drc_attach: 1 });
  });
});
