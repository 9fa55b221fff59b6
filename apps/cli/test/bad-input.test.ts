import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';
import { foreignLog, log, logText, stamped } from './support/logs.ts';
import { calls, lines, meta, recorded } from './support/vectors.ts';

const place = mkdtempSync(join(tmpdir(), 'spapr-dma-input-'));
let files = 0;

function fileOf(content: string | Buffer): string {
  const file = join(place, `input-${files++}`);
  writeFileSync(file, content);
  return file;
}

const folder = join(place, 'folder');
mkdirSync(folder);

/** Bytes as a program has them, the same in every run. */
const binary = Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * 7919 + (n >> 3) * 104_729) & 0xff));
const notUtf8 = (text: string) =>
  Buffer.concat([Buffer.from(text), Buffer.from([0x7b, 0xff, 0xfe, 0x80, 0x0a])]);
const packed = gzipSync(
  lines(meta, ...Array.from({ length: 2000 }, (_, n) => ({ ...calls[0], n: n * 7919 }))),
);
const [call] = calls;

interface Document {
  readonly error: { readonly line: number | null; readonly text: string };
}

/** Refused both ways, with the line where the trouble is; returns the document. */
async function refusedAt<Report extends Document>(
  verb: string,
  args: readonly string[],
  line: number | null,
) {
  const [plain, json] = await Promise.all([spaprDma([verb, ...args]), spaprDma([verb, ...args, '--json'])]);
  expectRefusal(plain);
  expectRefusal(json);
  expect(plain.stderr).toBe(json.stderr);
  const document = documentOf<Report>(verb, json);
  expect(document.error.line, document.error.text).toBe(line);
  return document;
}

describe('vectors refuses', () => {
  test.each([
    ['an empty file', '', null, 0],
    ['an empty packed file', gzipSync(''), null, 0],
    ['a binary file', binary, 1, 0],
    ['a log', '5195@1795221183.786799:spapr_drc_realize drc: 0x10000000\n', 1, 0],
    ['a file without calls', lines(meta), 1, 0],
    ['calls without their first line', lines(call), 1, 0],
    ['a cut packed file', packed.subarray(0, packed.length >> 1), null, undefined],
    ['a damaged packed file', Buffer.concat([packed.subarray(0, 400), binary]), null, undefined],
    ['a cut last line', recorded.slice(0, -20), 4, 2],
    ['a line of megabytes', `${recorded}{"n":3,"op":"${'x'.repeat(4 << 20)}"}\n`, 5, 3],
    ['a line of megabytes that never ends', `${recorded}${' '.repeat(4 << 20)}`, 5, 3],
    ['bytes that are no text', notUtf8(recorded), 5, 3],
    ['a call without its operation', `${recorded}{"n":3,"a":[],"rc":0}\n`, 5, 3],
    ['a call without its arguments', `${recorded}{"n":3,"op":"H_PUT_TCE","rc":0}\n`, 5, 3],
    ['a call without its answer', `${recorded}{"n":3,"op":"H_PUT_TCE","a":["0x0","0x0","0x0"]}\n`, 5, 3],
    [
      'an argument beyond 64 bits',
      recorded + lines({ ...call, a: ['0x1ffffffffffffffff', '0x0', '0x0'] }),
      5,
      3,
    ],
    ['an argument that is no number', recorded + lines({ ...call, a: ['0xzz', '0x0', '0x0'] }), 5, 3],
    ['an answer that is no number', recorded + lines({ ...call, rc: 'H_SUCCESS' }), 5, 3],
    ['a line that is no object', `${recorded}[]\n`, 5, 3],
    ['PHBs that are none', lines({ ...meta, phbs: 7 }, call), 1, 0],
  ] as const)('%s', async (_, content, line, vectors) => {
    const report = await refusedAt<Document & { vectors: number }>('vectors', [fileOf(content)], line);
    if (vectors !== undefined) expect(report.vectors).toBe(vectors);
  });

  test('a folder', async () => {
    expect((await refusedAt('vectors', [folder], null)).error.text).toContain('is a directory');
  });

  test('a file that does not exist', async () => {
    const missing = join(place, 'missing.jsonl');
    expect((await refusedAt('vectors', [missing], null)).error.text).toBe(`${missing} does not exist`);
  });
});

const packedLog = gzipSync(logText(Array.from({ length: 500 }, () => foreignLog + log.slice(0, 60))));
const put = (fields: string) => `${log}28861@1795220430.000000:spapr_iommu_pci_put ${fields}\n`;

describe('follow refuses', () => {
  test.each([
    ['an empty file', '', null],
    ['an empty packed file', gzipSync(''), null],
    ['a binary file', binary, 1],
    ['a log of another architecture', foreignLog, null],
    ['a cut packed file', packedLog.subarray(0, packedLog.length >> 1), null],
    ['a cut last line', log.slice(0, -8), stamped.length],
    ['a line of megabytes', `${log}${'x'.repeat(8 << 20)}\n`, stamped.length + 1],
    ['a line of megabytes that never ends', `${log}${'x'.repeat(8 << 20)}`, stamped.length + 1],
    ['bytes that are no text', notUtf8(log), stamped.length + 1],
    ['an LIOBN beyond 64 bits', put('liobn=0x1ffffffffffffffff ioba=0x0 tce=0x0 ret=0'), stamped.length + 1],
    [
      'a TCE beyond 64 bits',
      put('liobn=0x80000000 ioba=0x0 tce=0x1ffffffffffffffff ret=0'),
      stamped.length + 1,
    ],
    [
      'a return code beyond 64 bits',
      put(`liobn=0x80000000 ioba=0x0 tce=0x0 ret=${10n ** 30n}`),
      stamped.length + 1,
    ],
    ['a field that is no number', put('liobn=0x80000000 ioba=zero tce=0x0 ret=0'), stamped.length + 1],
    ['a line without a field', put('liobn=0x80000000 ioba=0x0 ret=0'), stamped.length + 1],
  ] as const)('%s', async (_, content, line) => {
    const report = await refusedAt<Document & { accepted: boolean; windows: unknown[] }>(
      'follow',
      [fileOf(content)],
      line,
    );
    expect(report.accepted).toBe(false);
    if (line !== null && line > 1) expect(report.windows.length).toBe(2);
  });

  test('a folder', async () => {
    expect((await refusedAt('follow', [folder], null)).error.text).toContain('is a directory');
  });

  test('a file that does not exist', async () => {
    const missing = join(place, 'missing.log');
    expect((await refusedAt('follow', [missing], null)).error.text).toBe(`${missing} does not exist`);
  });
});

test('an operation that the format does not know is refused, after what came before it', async () => {
  const file = fileOf(recorded + lines({ ...call, n: 3, op: 'H_FROBNICATE' }));
  const document = await refusedAt<Document & { readonly compared: number }>('vectors', [file], 5);
  expect(document.error.text).toBe('line 5 has an operation that the format does not know: "H_FROBNICATE"');
  expect(document.compared).toBe(3);
});

test('calls after the end of QEMU cannot be compared, and too many of them are status 1', async () => {
  const create = (n: number, pageShift: number, windowShift: number, answer: object) => ({
    n,
    op: 'ibm,create-pe-dma-window',
    a: [0, 0x800_0000, 0x2000_0000, pageShift, windowShift].map((cell) => `0x${cell.toString(16)}`),
    nret: 4,
    ...answer,
  });
  const untouched = ['0xdeadbeef', '0xdeadbeef', '0xdeadbeef'];
  const file = fileOf(
    recorded +
      lines(
        create(3, 12, 44, { rc: 0, rets: [-1, ...untouched] }),
        create(4, 12, 30, { abort: 'Assertion failed' }),
        { ...call, n: 5 },
      ),
  );
  const [plain, json] = await Promise.all([
    spaprDma(['vectors', file]),
    spaprDma(['vectors', file, '--json']),
  ]);
  expect(plain).toMatchObject({ status: 1, stderr: '' });
  expect(plain.stdout).toMatch(/Not compared: 1 call, 17 %/);
  expect(documentOf('vectors', json)).toMatchObject({
    vectors: 6,
    compared: 5,
    mismatches: 0,
    unmodelled: [{ line: 7, n: 5, reason: 'QEMU aborted before this call' }],
  });
});
