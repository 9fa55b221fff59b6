import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type FollowReport, followLog, InputError, openInput, runVectors } from '../src/index.ts';
import { chunked, found, pathOf } from './support/follow.ts';
import { boot, get, put, stuff } from './support/lines.ts';

const place = mkdtempSync(join(tmpdir(), 'spapr-dma-trace-'));
function fileOf(name: string, content: string | Buffer): string {
  const file = join(place, name);
  writeFileSync(file, content);
  return file;
}

/** Bytes as a program has them, the same in every run. */
const binary = Buffer.from(Array.from({ length: 50_000 }, (_, n) => (n * 7919 + (n >> 3) * 104_729) & 0xff));
const good = [...boot, put(0x8000_0000, 0x1000, 0x4003), put(0x8000_0000, 0x2000, 0x5003)];
const log = good.map((line) => `${line}\n`).join('');

/** Followed to the trouble: a sentence and a line, and what was good before it. */
async function trouble(...chunks: readonly (string | Buffer)[]): Promise<FollowReport> {
  const report = await followLog(chunked(...chunks));
  expect(report.accepted).toBe(false);
  expect(report.divergence).toBeNull();
  expect(report.error?.text).toMatch(/^[^\n]{10,300}$/);
  expect(found(report, 'hotplug-cost')).toEqual([]);
  return report;
}

describe('a log that is no log is told in one sentence', () => {
  test.each([
    ['an empty file', '', null, 'the log is empty'],
    ['a file of one newline', '\n', null, 'none of the 1 lines is a trace event'],
    ['a binary file', binary, 1, 'is not text'],
    [
      'a log of another architecture',
      'vtd_iotlb_page_update sid 0x18\nkvm_vm_ioctl type 0x1, arg 0x2\n',
      null,
      'none of the 2 lines is a trace event of QEMU’s sPAPR machine',
    ],
    ['prose', 'Sing, o goddess\nthe anger of Achilles\n', null, 'none of the 2 lines'],
  ])('%s', async (_, content, line, text) => {
    const { error, windows } = await trouble(content);
    expect(error?.line).toBe(line);
    expect(error?.text.replaceAll("'", '’')).toContain(text);
    expect(windows).toEqual([]);
  });
});

describe('what was good before the trouble is reported', () => {
  test.each([
    ['bytes that are no text', Buffer.from([0x67, 0xff, 0xfe, 0x0a]), 4, 'line 4 is not text'],
    [
      'a known event that does not parse',
      'spapr_iommu_pci_put liobn=0x80000000 ioba=zero tce=0x0 ret=0\n',
      4,
      'line 4 is no spapr_iommu_pci_put line',
    ],
    [
      'a number beyond 64 bits',
      'spapr_iommu_pci_put liobn=0x80000000 ioba=0x0 tce=0x1ffffffffffffffff ret=0\n',
      4,
      'line 4 is no',
    ],
    [
      'a return code beyond 64 bits',
      `spapr_iommu_pci_put liobn=0x80000000 ioba=0x0 tce=0x0 ret=${10n ** 30n}\n`,
      4,
      'line 4 is no',
    ],
    ['a line of a megabyte', `${'x'.repeat(1 << 20)}\n`, 4, 'line 4 is longer than 65536 bytes'],
    ['a line of a megabyte that never ends', 'x'.repeat(1 << 20), 4, 'line 4 is longer than 65536 bytes'],
    [
      'a last line cut in its middle',
      put(0x8000_0000, 0x3000, 0x6003).slice(0, -9),
      4,
      'line 4 ends without a newline: the log was cut',
    ],
    [
      'a last line cut in a number, so that it reads well',
      stuff(0x8000_0000, 0x3000, 0, 12).slice(0, -8),
      4,
      'the log was cut',
    ],
    ['a last line cut in its prefix', '28861@17952', null, ''],
  ])('%s', async (_, content, line, text) => {
    const report = await followLog(chunked(log, content));
    expect(report.windows).toMatchObject([{ liobn: '0x80000000', mapped: 2 }]);
    expect(report.events).toMatchObject({ spapr_iommu_new_table: 1, spapr_iommu_pci_put: 2 });
    expect(report.error?.line ?? null).toBe(line);
    expect(report.error?.text ?? '').toContain(text);
    expect(report.accepted).toBe(line === null);
  });

  test('a last line that is whole counts without its newline', async () => {
    const report = await followLog(chunked(log.trimEnd()));
    expect(report).toMatchObject({ accepted: true, lines: 3, windows: [{ mapped: 2 }] });
  });

  test('a last line cut in its return code is not taken for a refusal', async () => {
    const refused = put(0x8000_0000, 0x4000_0000, 3, -4);
    expect((await followLog(chunked(`${log}${refused}`))).accepted).toBe(true);
    expect((await trouble(`${log}${refused.slice(0, -1)}`)).error?.line).toBe(4);
  });

  test('a last line cut in its TCE reads well, and is not taken for a divergence', async () => {
    const seen = get(0x8000_0000, 0x1000, 0x4003);
    expect((await followLog(chunked(`${log}${seen}`))).accepted).toBe(true);
    expect((await trouble(`${log}${seen.slice(0, -1)}`)).error?.line).toBe(4);
    expect((await followLog(chunked(`${log}${seen.slice(0, -1)}\n`))).divergence?.line).toBe(4);
  });

  test('it does not matter where chunks end', async () => {
    const whole = await followLog(chunked(log));
    const bytes = Buffer.from(log);
    const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
    expect(await followLog(chunked(...pieces))).toEqual(whole);
  });

  test('a line of a gigabyte is refused before it is held in memory', async () => {
    const chunk = Buffer.alloc(1 << 20, 'x');
    let given = 0;
    async function* endless() {
      yield Buffer.from(log);
      for (; given < 1024; given++) yield chunk;
    }
    const report = await followLog(endless());
    expect(report.error).toMatchObject({ line: 4 });
    expect(given).toBeLessThan(4);
  });
});

describe('a file is opened as it is', () => {
  const read = (path: string) => followLog(openInput(path));
  const packed = gzipSync(Buffer.from(log.repeat(1)));

  test('packed or not, whatever its name', async () => {
    const plain = await read(fileOf('plain.log.gz', log));
    expect(plain).toMatchObject({ accepted: true, lines: 3 });
    expect(await read(fileOf('packed.log', packed))).toEqual(plain);
  });

  test('two packed parts, one after the other, are one log', async () => {
    const parts = Buffer.concat([gzipSync(`${good[0]}\n`), gzipSync(`${good[1]}\n`)]);
    expect(await read(fileOf('parts.gz', parts))).toMatchObject({ accepted: true, lines: 2 });
  });

  test('a cut packed log is good up to the cut', async () => {
    const whole = readFileSync(pathOf('01-ddw-nvme-4k'));
    const report = await read(fileOf('cut.log.gz', whole.subarray(0, whole.length >> 1)));
    expect(report.error?.text).toBe(
      `the gzip data ends before its end: the file was cut (after line ${report.lines})`,
    );
    expect(report.lines).toBeGreaterThan(1000);
    expect(report.windows.length).toBeGreaterThan(0);
    expect(report).toMatchObject({ accepted: false, divergence: null });
  });

  test.each([
    ['damaged packed data', Buffer.concat([packed.subarray(0, 20), binary]), 'the gzip data is damaged'],
    ['a packed header alone', packed.subarray(0, 10), 'the file was cut'],
    ['a packed empty file', gzipSync(''), 'the log is empty'],
  ])('%s', async (name, content, text) => {
    expect((await read(fileOf(`${name}.gz`, content))).error?.text).toContain(text);
  });

  test('a folder and a missing file are told by name', async () => {
    const folder = join(place, 'folder');
    mkdirSync(folder);
    const missing = join(place, 'missing.log');
    expect((await read(folder)).error).toEqual({ line: null, text: `${folder} is a directory` });
    expect((await read(missing)).error).toEqual({ line: null, text: `${missing} does not exist` });
    expect((await read(join(missing, 'below'))).error?.text).toContain('does not exist');
    expect((await runVectors(openInput(folder))).error?.text).toBe(`${folder} is a directory`);
  });

  test('an error that is none of the input’s is not hidden', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from(log);
      throw new TypeError('a mistake of the program');
    }
    await expect(followLog(broken())).rejects.toThrow(TypeError);
    async function* cut(): AsyncGenerator<Buffer> {
      yield Buffer.from(log);
      throw new InputError('the disk is gone');
    }
    expect((await followLog(cut())).error).toEqual({ line: null, text: 'the disk is gone (after line 3)' });
  });
});
