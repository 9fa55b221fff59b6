import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';
import { calls, lines, meta, recorded } from './support/vectors.ts';

const place = mkdtempSync(join(tmpdir(), 'spapr-dma-vectors-'));

function fileOf(name: string, content: string | Buffer): string {
  const file = join(place, name);
  writeFileSync(file, content);
  return file;
}

interface Report {
  readonly vectors: number;
  readonly compared: number;
  readonly mismatches: number;
  readonly first: { line: number; n: number; op: string } | null;
  readonly unmodelled: readonly { line: number; n: number; op: string; reason: string }[];
  readonly error: { line: number | null; text: string } | null;
}

test.each`
  how                        | args                                              | input
  ${'a file'}                | ${[fileOf('calls.jsonl', recorded)]}              | ${''}
  ${'a packed file'}         | ${[fileOf('calls.jsonl.gz', gzipSync(recorded))]} | ${''}
  ${'standard input'}        | ${['-']}                                          | ${recorded}
  ${'packed standard input'} | ${['-']}                                          | ${gzipSync(recorded)}
`('recorded calls that agree are accepted from $how', async ({ args, input }) => {
  const [plain, json] = await Promise.all([
    spaprDma(['vectors', ...args], { input }),
    spaprDma(['vectors', ...args, '--json'], { input }),
  ]);
  expect(plain).toMatchObject({ status: 0, stderr: '' });
  expect(plain.stdout).toContain('3 calls');
  expect(plain.stdout).toContain('all agree');
  expect(json).toMatchObject({ status: 0, stderr: '' });
  expect(documentOf<Report>('vectors', json)).toMatchObject({
    vectors: 3,
    compared: 3,
    mismatches: 0,
    first: null,
    unmodelled: [],
    error: null,
  });
});

test('an answer that differs is told with its line and both answers, and the status is 1', async () => {
  const [first, second, third] = calls;
  const file = fileOf('differs.jsonl', lines(meta, first, { ...second, rc: -4 }, third));
  const [plain, json] = await Promise.all([
    spaprDma(['vectors', file]),
    spaprDma(['vectors', file, '--json']),
  ]);
  expect(plain).toMatchObject({ status: 1, stderr: '' });
  expect(plain.stdout).toContain('1 differs');
  expect(plain.stdout).toMatch(/line 3: call 1, H_PUT_TCE\n {2}expected .*0.*\n {2}recorded .*-4/);
  expect(json).toMatchObject({ status: 1, stderr: '' });
  expect(documentOf<Report>('vectors', json)).toMatchObject({
    vectors: 3,
    mismatches: 1,
    first: { line: 3, n: 1, op: 'H_PUT_TCE' },
  });
});

test('what was good before a bad line is reported', async () => {
  const file = fileOf('cut.jsonl', recorded.slice(0, -20));
  const json = await spaprDma(['vectors', file, '--json']);
  expectRefusal(json, /line 4/);
  expect(documentOf<Report>('vectors', json)).toMatchObject({
    vectors: 2,
    compared: 2,
    mismatches: 0,
    error: { line: 4 },
  });
  const plain = await spaprDma(['vectors', file]);
  expectRefusal(plain, /line 4/);
  expect(plain.stdout).toContain('2 calls');
});
