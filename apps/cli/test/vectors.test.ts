import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
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

describe('a recording of a host kernel', () => {
  const mate = fileURLToPath(new URL('../../../vectors/powernv/mate.jsonl', import.meta.url));
  const rows = readFileSync(mate, 'utf8').trimEnd().split('\n');
  /** The file, with the fields of one line changed. */
  const falsified = (name: string, at: number, fields: object): string =>
    fileOf(name, `${rows.with(at, JSON.stringify({ ...JSON.parse(rows[at]!), ...fields })).join('\n')}\n`);

  test('is replayed, and its notes are not counted', async () => {
    const [plain, json] = await Promise.all([
      spaprDma(['vectors', mate]),
      spaprDma(['vectors', mate, '--json']),
    ]);
    expect(plain).toMatchObject({ status: 0, stderr: '' });
    expect(plain.stdout).toContain('18 calls of powernv-calls-1, 18 compared: all agree');
    expect(json).toMatchObject({ status: 0, stderr: '' });
    expect(documentOf<Report>('vectors', json)).toMatchObject({
      format: 'powernv-calls-1',
      vectors: 18,
      compared: 18,
      mismatches: 0,
      first: null,
      unmodelled: [],
      error: null,
    });
  });

  test('that differs has status 1, with what was expected and recorded', async () => {
    const file = falsified('differs-host.jsonl', 12, { vmlck_kb: 9280 });
    const [plain, json] = await Promise.all([
      spaprDma(['vectors', file]),
      spaprDma(['vectors', file, '--json']),
    ]);
    expect(plain.status).toBe(1);
    expect(plain.stdout).toMatch(/line 13: call 5, MAP_DMA\n {2}expected .*9216.*\n {2}recorded .*9280/);
    expect(json.status).toBe(1);
    expect(documentOf<Report>('vectors', json)).toMatchObject({
      mismatches: 1,
      first: { line: 13, n: 5, op: 'MAP_DMA', expected: { vmlck_kb: 9216 }, observed: { vmlck_kb: 9280 } },
    });
  });

  test('of which more than 2 % is not modelled has status 1, and lists it with its scenario', async () => {
    const file = falsified('unknown-host.jsonl', 12, { op: 'SOMETHING' });
    const json = await spaprDma(['vectors', file, '--json']);
    const reason = 'no call of this name is described';
    expect(json.status).toBe(1);
    expect(documentOf<Report>('vectors', json)).toMatchObject({
      vectors: 18,
      compared: 17,
      unmodelled: [{ line: 13, scenario: 'hold', n: 5, op: 'SOMETHING', reason }],
    });
  });

  test('that is cut has status 2, and what was good before is reported', async () => {
    const json = await spaprDma(['vectors', '-', '--json'], { input: rows.join('\n').slice(0, -20) });
    expectRefusal(json, /line 20 is not JSON/);
    expect(documentOf<Report>('vectors', json)).toMatchObject({
      vectors: 17,
      compared: 17,
      error: { line: 20 },
    });
  });
});
