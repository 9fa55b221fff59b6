import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FollowReport, followLog } from '../src/index.ts';
import { chunked, found } from './support/follow.ts';
import { boot, create, L0, L1, newTable, put, query, xlate } from './support/lines.ts';
import { Simpletrace } from './support/simpletrace.ts';

const good = [...boot, put(L0, 0x1000, 0x4003), put(L0, 0x2000, 0x5003)];

/** Followed to the trouble: a sentence and a record, and what was good before it. */
async function trouble(...chunks: readonly Buffer[]): Promise<FollowReport> {
  const report = await followLog(chunked(...chunks));
  expect(report).toMatchObject({ accepted: false, divergence: null });
  expect(report.error?.text).toMatch(/^[^\n]{10,400}$/);
  expect(found(report, 'hotplug-cost')).toEqual([]);
  return report;
}

/** Bytes behind a good log of three records, by a writer that goes on with its ids. */
const behind = (write: (to: Simpletrace) => Buffer): Buffer => {
  const to = new Simpletrace();
  return Buffer.concat([to.log(good), write(to)]);
};

const PUT_ID = 8n;
const putArguments = (to: Simpletrace): Buffer => Buffer.alloc(32, to.u64(0n));

describe('a header that is none is told in one sentence', () => {
  const to = new Simpletrace();
  const big = new Simpletrace(true);
  test.each([
    ['another magic number', to.header({ magic: 0x1234n }), 'its magic number is 3412000000000000'],
    ['version 2', to.header({ version: 2n }), 'a simpletrace of version 2, and only version 4 is read'],
    ['version 3', to.header({ version: 3n }), 'a simpletrace of version 3, and only version 4 is read'],
    ['version 3 of a big-endian host', big.header({ version: 3n }), 'version 3, and only version 4'],
    ['version 0', to.header({ version: 0n }), 'version 0, and only version 4'],
    ['a header that was cut', to.header().subarray(0, 23), 'the log was cut in its header'],
    ['half of the magic number', to.header().subarray(0, 12), 'the log was cut in its header'],
    ['a header alone', to.header(), 'the log has no records of events: QEMU writes them late'],
    [
      'names alone',
      Buffer.concat([to.header(), to.mapping(7n, 'spapr_iommu_put')]),
      'the log has no records',
    ],
  ])('%s', async (_, bytes, text) => {
    const { error, lines, windows } = await trouble(bytes);
    expect(error?.text).toContain(text);
    expect({ line: error?.line, lines, windows }).toEqual({ line: null, lines: 0, windows: [] });
  });

  test('less than tells the form', async () => {
    const { error } = await trouble(to.header().subarray(0, 7));
    expect(error).toMatchObject({ line: 1, text: expect.stringContaining('line 1 ends without a newline') });
  });

  test('a log of another architecture', async () => {
    const { error } = await trouble(to.log(['vtd_iotlb_page_update sid 0x18', 'kvm_vm_ioctl type']));
    expect(error?.text).toContain("none of the 2 records is a trace event of QEMU's sPAPR machine");
  });
});

describe('what was good before the trouble is reported', () => {
  test.each([
    [
      'an event that the log does not name',
      behind((to) => to.record(7777n, 0n, putArguments(to))),
      4,
      'record 4 is of event 7777, which the log does not name',
    ],
    [
      'an event of more than 32 bits',
      behind((to) => to.record((1n << 32n) + PUT_ID, 0n, putArguments(to))),
      4,
      'record 4 is of event 4294967304, which',
    ],
    [
      'a length of nothing',
      behind((to) => to.record(PUT_ID, 0n, putArguments(to), 0)),
      4,
      'record 4 claims a length of 0 bytes, and a record has 24 to 65536',
    ],
    [
      'a length below the record’s own head',
      behind((to) => to.record(PUT_ID, 0n, putArguments(to), 23)),
      4,
      'record 4 claims a length of 23 bytes',
    ],
    [
      'a length of four gigabytes',
      behind((to) => to.record(PUT_ID, 0n, putArguments(to), 0xffff_ffff)),
      4,
      'record 4 claims a length of 4294967295 bytes',
    ],
    [
      'too few arguments',
      behind((to) => to.record(PUT_ID, 0n, Buffer.alloc(24, 0xab))),
      4,
      `record 4 is no spapr_iommu_pci_put record: its arguments are the 24 bytes ${'ab'.repeat(24)}`,
    ],
    ['no arguments', behind((to) => to.record(PUT_ID, 0n, Buffer.alloc(0))), 4, 'it has no arguments'],
    [
      'too many arguments',
      behind((to) => to.record(PUT_ID, 0n, Buffer.alloc(48))),
      4,
      `the 48 bytes ${'00'.repeat(40)}…`,
    ],
    [
      'an argument cut in its middle',
      behind((to) => to.record(PUT_ID, 0n, Buffer.alloc(31))),
      4,
      'no spapr_iommu_pci_put record',
    ],
    [
      'a return code beyond 2^53',
      behind((to) => to.event('spapr_iommu_pci_put', [0x8000_0000n, 0n, 0n, -(1n << 53n)])),
      4,
      'no spapr_iommu_pci_put record',
    ],
    [
      '32 bits that are 33',
      behind((to) => to.event('spapr_iommu_ddw_remove', [1n << 32n])),
      4,
      'no spapr_iommu_ddw_remove record',
    ],
    [
      'a number printed without sign beyond 2^53',
      behind((to) => to.event('spapr_iommu_xlate', [0x8000_0000n, 0n, 0n, 1n << 53n, 0xfffn])),
      4,
      'no spapr_iommu_xlate record',
    ],
    [
      'a text beyond its record',
      behind((to) => {
        const args = Buffer.concat([to.u64(1n), to.u32(0xffff_ffff), Buffer.from('dr-connector')]);
        return Buffer.concat([to.mapping(99n, 'spapr_drc_realize_child'), to.record(99n, 0n, args)]);
      }),
      4,
      'record 4 is no spapr_drc_realize_child record: its arguments are the 24 bytes',
    ],
    [
      'a text whose length is cut',
      behind((to) => {
        const args = Buffer.concat([to.u64(1n), Buffer.alloc(2)]);
        return Buffer.concat([to.mapping(99n, 'spapr_drc_realize_child'), to.record(99n, 0n, args)]);
      }),
      4,
      'record 4 is no spapr_drc_realize_child record',
    ],
    [
      'lost events without their number',
      behind((to) => to.record(0xffff_ffff_ffff_fffen, 0n, Buffer.alloc(0))),
      4,
      'record 4 tells of lost events, and has no number of them',
    ],
    [
      'a name without letters',
      behind((to) => to.mapping(99n, '')),
      null,
      'the name of an event claims 0 bytes, and a name has 1 to 256',
    ],
    [
      'a name of four gigabytes',
      behind((to) => to.mapping(99n, 'spapr', 0xffff_ffff)),
      null,
      'the name of an event claims 4294967295 bytes',
    ],
    [
      'text',
      behind(() => Buffer.from(put(L0, 0x3000, 3))),
      null,
      'the bytes 73706170725f696f begin no record (at byte 288) (after record 3)',
    ],
    ['another log', behind((to) => to.log(good)), null, 'the bytes ffffffffffffffff begin no record'],
    ['one byte', behind(() => Buffer.from([1])), 4, 'record 4 is not whole: the log was cut after 1 bytes'],
    [
      'a record that was cut',
      behind((to) => to.line(put(L0, 0x3000, 3)).subarray(0, -1)),
      4,
      'record 4 is not whole: the log was cut after 63 bytes of it',
    ],
    [
      'a name that was cut',
      behind((to) => to.mapping(99n, 'spapr_drc_attach').subarray(0, -1)),
      null,
      'the log was cut in the name of an event (after record 3)',
    ],
  ])('%s', async (_, bytes, line, text) => {
    const report = await trouble(bytes);
    expect(report.windows).toMatchObject([{ liobn: '0x80000000', mapped: 2 }]);
    expect(report.events).toEqual({ spapr_iommu_new_table: 1, spapr_iommu_pci_put: 2 });
    expect(report.error?.text).toContain(text);
    expect(report.error?.line).toBe(line);
  });

  test('at the same byte, wherever chunks end', async () => {
    const bytes = behind(() => Buffer.from('none of our records'));
    const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    const { error } = await trouble(...pieces);
    expect(error).toEqual((await trouble(bytes)).error);
    expect(error?.text).toContain('(at byte 288)');
  });

  test('of 65,537 names', async () => {
    const to = new Simpletrace();
    const names = Array.from({ length: 65_537 }, (_, id) => to.mapping(BigInt(id), `event_${id}`));
    const { error } = await trouble(Buffer.concat([to.header(), ...names]));
    expect(error?.text).toBe('the log names more than 65536 events');
  });

  test('whatever byte is another, it is told in a sentence or means something else', async () => {
    const bytes = new Simpletrace().log([...good, query(0, 1), newTable(L1), create(L1)]);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const copy = Buffer.from(bytes);
        copy[at] = (copy[at] as number) ^ flip;
        const { error, accepted, divergence } = await followLog(chunked(copy));
        expect(accepted).toBe(error === null && divergence === null);
        if (error !== null) expect(error.text).toMatch(/^[^\n]{10,400}$/);
      }),
      { numRuns: 1000 },
    );
  });

  test('wherever it was cut', async () => {
    const to = new Simpletrace();
    const records = [
      Buffer.concat([to.header(), to.line(good[0] as string)]),
      ...good.slice(1).map((text) => to.line(text)),
    ];
    const bytes = Buffer.concat(records);
    const ends = records.map((_, at) => Buffer.concat(records.slice(0, at + 1)).length);
    const behindName = (ends[0] as number) + to.mapping(PUT_ID, 'spapr_iommu_pci_put').length;
    for (let end = 8; end <= bytes.length; end++) {
      const { lines, error } = await followLog(chunked(bytes.subarray(0, end)));
      expect(lines).toBe(ends.filter((whole) => whole <= end).length);
      expect(error === null, `${end} bytes`).toBe(ends.includes(end) || end === behindName);
    }
  });
});

describe('a record that claims much is refused before it is waited for', () => {
  test.each([
    ['a record', (to: Simpletrace) => to.record(PUT_ID, 0n, Buffer.alloc(0), 0xffff_ffff)],
    ['a name', (to: Simpletrace) => to.mapping(99n, '', 0x7fff_ffff)],
  ])('%s', async (_, write) => {
    const chunk = Buffer.alloc(1 << 20);
    let given = 0;
    async function* endless() {
      yield behind(write);
      for (; given < 1024; given++) yield chunk;
    }
    expect((await followLog(endless())).error?.text).toContain('claims');
    expect(given).toBe(0);
  });
});

describe('events that QEMU lost', () => {
  const window = [query(0, 1), newTable(L1), create(L1)];
  const lookup = xlate(L0, 0x2000, 0x5000, 3);

  test('are counted, and what can be explained without them is accepted', async () => {
    const to = new Simpletrace();
    const log = [to.log(good), to.dropped(3n), to.line(lookup), to.dropped(4n), to.line(lookup)];
    const report = await followLog(chunked(...log));
    expect(report).toMatchObject({ accepted: true, lines: 7, lost: { events: 7, firstLine: 4 } });
    expect(report.ignored).toEqual({ dropped: 2 });
  });

  type Step = (to: Simpletrace) => Buffer;
  const note: Step = (to) => to.dropped(3n);
  const unexplained: Step = (to) => to.line(put(L1, 0x800_0000_0000_0000n, 3));
  const known: Step = (to) => to.line(lookup);
  /** The same record over and over, after one that may bring its name along. */
  const knownTimes =
    (times: number): Step =>
    (to) => {
      const [first, next] = [known(to), known(to)];
      return Buffer.concat([first, Buffer.alloc((times - 1) * next.length, next)]);
    };
  const write = (...steps: readonly Step[]): Buffer => {
    const to = new Simpletrace();
    return Buffer.concat([to.log(good), ...steps.map((step) => step(to))]);
  };

  test.each([
    ['before it', write(note, known, unexplained, known), 6, 4],
    ['behind it', write(unexplained, known, note, known), 4, 6],
    ['far behind it', write(unexplained, knownTimes(20_000), note), 4, 20_005],
    ['before a lookup whose write never comes', write(note, (to) => to.line(xlate(L0, 0, 0x7000, 3))), 5, 4],
  ])('make a divergence no divergence where they are noted %s', async (_, bytes, line, noted) => {
    const report = await trouble(bytes);
    expect(report.error?.line).toBe(line);
    expect(report.error?.text).toContain(
      `record ${line} cannot be explained, but the log lacks 3 events that QEMU had no room for (record ${noted} is the first to say so); expected was `,
    );
    expect(report.lines).toBe(line);
    expect(report.windows).toMatchObject([{ mapped: 2 }]);
  });

  test.each([
    ['never', write(unexplained, known, known)],
    ['never, in a log that was cut', write(unexplained, known).subarray(0, -3)],
    [
      'never, in a log that goes on with something else',
      Buffer.concat([write(unexplained), Buffer.alloc(99, 'x')]),
    ],
    ['too far behind', write(unexplained, knownTimes(131_072), note)],
  ])('leave a divergence alone where they are noted %s', async (_, bytes) => {
    const report = await followLog(chunked(bytes));
    expect(report).toMatchObject({ accepted: false, error: null, divergence: { line: 4 }, lines: 4 });
    expect(report.divergence?.text).toBe(
      'spapr_iommu_pci_put liobn=0x80000001 ioba=0x800000000000000 tce=0x3 ret=0',
    );
  });

  test('of a window are missed where it is used', async () => {
    const all = write(
      ...window.map(
        (text): Step =>
          (to) =>
            to.line(text),
      ),
      unexplained,
      known,
    );
    expect((await followLog(chunked(all))).accepted).toBe(true);
    expect((await trouble(write(note, unexplained, known))).error?.line).toBe(5);
  });
});
