import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openInput, runVectors, type VectorsReport } from '../src/index.ts';
import { chunked } from './support/follow.ts';

const file = fileURLToPath(new URL('../../../vectors/qemu-7.2/qemu-7.2-random-1.jsonl.gz', import.meta.url));
const recorded = gunzipSync(readFileSync(file)).toString().trimEnd().split('\n');
type Json = Readonly<Record<string, unknown>>;
const parsed = recorded.slice(0, 4000).map((line): Json => JSON.parse(line));

const run = (lines: readonly (string | Json)[], end = '\n'): Promise<VectorsReport> =>
  runVectors(
    chunked(lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n') + end),
  );

test('a real QEMU’s 15,000 answers are this machine’s', async () => {
  expect(await runVectors(openInput(file))).toEqual({
    format: 'qemu-calls-1',
    vectors: 15_000,
    compared: 15_000,
    mismatches: 0,
    first: null,
    unmodelled: [],
    error: null,
  });
});

describe('a false answer is the first mismatch', () => {
  const [meta] = parsed;
  const hcall = (op: string, more: (vector: Json) => boolean = () => true): number =>
    parsed.findIndex((vector) => vector.op === op && more(vector));
  const ok = ({ rc }: Json) => rc === 0;

  test.each<[string, number, (vector: Json) => Json]>([
    ['H_PUT_TCE, code', hcall('H_PUT_TCE', ok), (vector) => ({ ...vector, rc: -4 })],
    ['H_PUT_TCE_INDIRECT, code', hcall('H_PUT_TCE_INDIRECT', ok), (vector) => ({ ...vector, rc: -4 })],
    ['H_STUFF_TCE, code', hcall('H_STUFF_TCE', (v) => !ok(v)), (vector) => ({ ...vector, rc: 0 })],
    ['H_GET_TCE, code', hcall('H_GET_TCE', ok), (vector) => ({ ...vector, rc: -4 })],
    ['H_GET_TCE, TCE', hcall('H_GET_TCE', ok), (vector) => ({ ...vector, tce: '0x12345003' })],
    ['H_GET_TCE, no TCE', hcall('H_GET_TCE', ok), ({ tce: _, ...vector }) => vector],
    [
      'a query, status',
      hcall('ibm,query-pe-dma-window'),
      (vector) => ({ ...vector, rets: [-1, ...(vector.rets as []).slice(1)] }),
    ],
    [
      'a query, last cell',
      hcall('ibm,query-pe-dma-window'),
      (vector) => ({ ...vector, rets: [...(vector.rets as []).slice(0, -1), '0x77'] }),
    ],
    [
      'a query, cells',
      hcall('ibm,query-pe-dma-window'),
      (vector) => ({ ...vector, rets: (vector.rets as []).slice(0, -1) }),
    ],
    [
      'a create, LIOBN',
      hcall('ibm,create-pe-dma-window', (v) => (v.rets as [number])[0] === 0),
      (vector) => ({ ...vector, rets: (vector.rets as []).toSpliced(1, 1, '0x80000009' as never) }),
    ],
    ['a remove, status', hcall('ibm,remove-pe-dma-window'), (vector) => ({ ...vector, rets: [-7] })],
    ['a reset, status', hcall('ibm,reset-pe-dma-window'), (vector) => ({ ...vector, rets: [-7] })],
    ['an abort', hcall('H_PUT_TCE', ok), ({ rc: _, ...vector }) => ({ ...vector, abort: 'assertion' })],
  ])('%s', async (_, at, falsify) => {
    const vector = parsed[at] as Json;
    expect(at).toBeGreaterThan(0);
    const report = await run(recorded.with(at, JSON.stringify(falsify(vector))).slice(0, at + 50));
    expect(report.mismatches).toBeGreaterThanOrEqual(1);
    expect(report.first).toMatchObject({ line: at + 1, n: vector.n, op: vector.op });
    expect(report.first?.expected).not.toEqual(report.first?.observed);
  });

  test('the machine goes by its own answers: what the file says does not mislead it', async () => {
    const at = hcall('H_GET_TCE', ok);
    const false_ = { ...(parsed[at] as Json), tce: '0x12345003' };
    const report = await run(recorded.with(at, JSON.stringify(false_)).slice(0, 4000));
    expect(report).toMatchObject({ vectors: 3999, compared: 3999, mismatches: 1 });
  });

  test('a call that is missing shows at the first answer that depended on it', async () => {
    const at = hcall('ibm,create-pe-dma-window', (v) => (v.rets as [number])[0] === 0);
    const report = await run(recorded.toSpliced(at, 1).slice(0, 4000));
    expect(report.first?.line).toBeGreaterThan(at);
  });

  test('what comes after an abort is counted as unmodelled, with its reason', async () => {
    const create = (n: number, shift: string, answer: Json): Json => ({
      n,
      op: 'ibm,create-pe-dma-window',
      a: ['0x0', '0x8000000', '0x20000000', '0xc', shift],
      nret: 4,
      ...answer,
    });
    const untouched = Array<string>(3).fill('0xdeadbeef');
    const report = await run([
      { ...(meta as Json), phbs: [{ index: 0 }] },
      create(0, '0x2c', { rc: 0, rets: [-1, ...untouched] }),
      create(1, '0x1e', { abort: 'Assertion failed' }),
      { n: 2, op: 'H_GET_TCE', a: ['0x80000000', '0x0'], rc: 0, tce: '0x0' },
    ]);
    expect(report).toMatchObject({ vectors: 3, compared: 2, mismatches: 0, error: null });
    const reason = 'QEMU aborted before this call';
    expect(report.unmodelled).toEqual([{ line: 4, scenario: null, n: 2, op: 'H_GET_TCE', reason }]);
  });
});

describe('a file of vectors that is wrong is told with its line, and good up to there', () => {
  const [meta, first, second] = parsed as [Json, Json, Json];
  const putAt = parsed.findIndex(({ op }) => op === 'H_PUT_TCE');
  const put = parsed[putAt] as Json;
  const without = (name: string): Json =>
    Object.fromEntries(Object.entries(put).filter(([key]) => key !== name));

  test.each<[string, string | Json, string]>([
    ['no operation', without('op'), "has no text in 'op'"],
    ['no number', without('n'), "has no whole number in 'n'"],
    ['no arguments', without('a'), "has no list in 'a'"],
    ['no answer', without('rc'), "has no whole number in 'rc'"],
    ['too few arguments', { ...put, a: ['0x0'] }, 'has 1 arguments for H_PUT_TCE, which takes 3'],
    [
      'an argument beyond 64 bits',
      { ...put, a: ['0x1ffffffffffffffff', '0x0', '0x0'] },
      'is no 64-bit hex number',
    ],
    ['an argument that is no hex', { ...put, a: [7, '0x0', '0x0'] }, 'is no 64-bit hex number'],
    [
      'an RTAS argument beyond 32 bits',
      { n: 9, op: 'ibm,remove-pe-dma-window', a: ['0x100000000'], nret: 1, rc: 0, rets: [0] },
      'above 32 bits',
    ],
    [
      'too many return cells',
      { n: 9, op: 'ibm,remove-pe-dma-window', a: ['0x0'], nret: 17, rc: 0, rets: [0] },
      'asks for 17 return cells',
    ],
    [
      'an INDIRECT without its list',
      { n: 9, op: 'H_PUT_TCE_INDIRECT', a: ['0x0', '0x0', '0x0', '0x1'], rc: 0 },
      "has no list in 'list'",
    ],
    ['no JSON', '{"n":3,', 'is not JSON'],
    ['no object', '[]', 'is not a JSON object'],
    [
      'an unknown operation',
      { n: 9, op: 'H_CEDE', a: [], rc: 0 },
      'has an operation that the format does not know: "H_CEDE"',
    ],
    ['a name of JavaScript’s own', { ...put, op: 'constructor' }, 'that the format does not know'],
  ])('%s', async (_, line, text) => {
    const report = await run([meta, first, second, line, parsed[3] as Json]);
    expect(report.error).toMatchObject({ line: 4 });
    expect(report.error?.text).toContain(text);
    expect(report).toMatchObject({ vectors: 2, compared: 2, mismatches: 0 });
  });

  test.each<[string, readonly (string | Json)[], number | null, string]>([
    ['an empty file', [], null, 'is empty'],
    ['a first line alone', [meta], 1, 'it has no calls'],
    ['no first line', [first], 1, "has no 'meta'"],
    ['another version', [{ ...meta, meta: 3 }, first], 1, 'version 3'],
    ['no PHBs', [{ ...meta, phbs: 1 }, first], 1, "has no list in 'phbs'"],
    ['a PHB without an index', [{ ...meta, phbs: [{}] }, first], 1, 'without an index'],
    ['a PHB twice', [{ ...meta, phbs: [{ index: 1 }, { index: 1 }] }, first], 1, 'two PHBs of one index'],
    [
      'a window beyond 64 bits',
      [{ ...meta, phbs: [{ index: 0, winSize: '0x10000000000000000' }] }, first],
      1,
      'winSize',
    ],
  ])('%s', async (_, lines, line, text) => {
    const report = await run(lines, lines.length > 0 ? '\n' : '');
    expect(report.error?.line).toBe(line);
    expect(report.error?.text).toContain(text);
    expect(report.vectors).toBe(0);
  });

  test('a last line that was cut', async () => {
    const cut = `${JSON.stringify(meta)}\n${JSON.stringify(first)}\n${JSON.stringify(second).slice(0, -9)}`;
    const report = await runVectors(chunked(cut));
    expect(report).toMatchObject({ vectors: 1, compared: 1, error: { line: 3 } });
  });

  test('a last line without a newline, and empty lines between', async () => {
    expect(await run([meta, '', first, '', second], '')).toMatchObject({
      vectors: 2,
      compared: 2,
      error: null,
    });
  });

  test('bytes that are no text, and a line of megabytes', async () => {
    const head = `${JSON.stringify(meta)}\n${JSON.stringify(first)}\n`;
    const bytes = Buffer.from([0x7b, 0xff, 0xfe, 0x0a]);
    expect((await runVectors(chunked(head, bytes))).error).toMatchObject({ line: 3 });
    const long = await runVectors(chunked(head, 'x'.repeat(3 << 20)));
    expect(long).toMatchObject({ vectors: 1, error: { line: 3 } });
    expect(long.error?.text).toContain('is longer than');
  });
});
