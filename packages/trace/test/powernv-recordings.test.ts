import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openInput, runVectors, type VectorsReport } from '../src/index.ts';
import { chunked } from './support/follow.ts';
import type { Json } from './support/recording.ts';

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../vectors/powernv/${name}.jsonl`, import.meta.url));
const linesOf = (name: string): readonly string[] => readFileSync(pathOf(name), 'utf8').trimEnd().split('\n');
const run = (lines: readonly string[]): Promise<VectorsReport> =>
  runVectors(chunked(`${lines.join('\n')}\n`));

describe('a real host kernel’s answers are these machines’', () => {
  test.each`
    name        | calls
    ${'main64'} | ${959}
    ${'x-p10'}  | ${339}
    ${'mate'}   | ${18}
  `('$name: $calls calls', async ({ name, calls }) => {
    const report = await runVectors(openInput(pathOf(name)));
    expect(report).toMatchObject({ format: 'powernv-calls-1', vectors: calls, first: null, error: null });
    expect(report.compared + report.unmodelled.length).toBe(calls);
    expect(report.unmodelled.length).toBeLessThanOrEqual(0.02 * calls);
  });
});

test('how far it is can be seen, and the next recording in the same file is of another host', async () => {
  const seen: number[] = [];
  const all = ['mate', 'main64', 'mate'].flatMap(linesOf);
  const report = await runVectors(chunked(`${all.join('\n')}\n`), {
    onProgress: (lines) => seen.push(lines),
  });
  expect(seen).toEqual([1000]);
  expect(report).toMatchObject({ vectors: 18 + 959 + 18, mismatches: 0, error: null });
});

describe('a false answer is the first mismatch', () => {
  const lines = linesOf('main64');
  const rows = lines.map((line): Json => JSON.parse(line));
  const at = (op: string, more: (row: Json) => boolean = () => true): number =>
    rows.findIndex((one) => one.op === op && more(one));
  const failed = ({ ret }: Json) => ret === -1;

  test.each<[string, number, Json]>([
    ['an ioctl that is said to fail', at('SPAPR_REGISTER_MEMORY'), { ret: -1, errno: 22 }],
    ['an ioctl that is said to succeed', at('SPAPR_REGISTER_MEMORY', failed), { ret: 0, errno: 0 }],
    ['another errno', at('MAP_DMA', failed), { errno: 12 }],
    ['a positive return', at('MAP_DMA', ({ ret }) => ret === 1), { ret: 0 }],
    ['VmLck', at('MAP_DMA'), { vmlck_kb: 9280 }],
    ['the start of a window', at('SPAPR_TCE_CREATE'), { out: 'start_addr=0x800000000000001' }],
    ['a descriptor', at('open'), { ret: 9 }],
    [
      'a hypercall’s code',
      at('H_PUT_TCE', ({ out }) => /h_ret=-4/.test(String(out))),
      { out: 'h_ret=0 r4=0x80000000 to_userspace=0' },
    ],
    [
      'a hypercall’s TCE',
      at('H_GET_TCE', ({ out }) => /r4=0x20003/.test(String(out))),
      { out: 'h_ret=0 r4=0x20001 to_userspace=0' },
    ],
    [
      'who answered a hypercall',
      at('H_PUT_TCE', ({ out }) => /to_userspace=1/.test(String(out))),
      { out: 'h_ret=-9999 r4=0x80000000 to_userspace=0' },
    ],
    [
      'what DMA carried',
      at('EDU_DMA', ({ out }) => /match_expect_5a/.test(String(out))),
      { out: 'dst_now=00 match_expect_5a=0' },
    ],
    [
      'what DMA did not carry',
      at('EDU_DMA', ({ out }) => /match_expect_00/.test(String(out))),
      { out: 'dst_now=5a match_expect_00=0' },
    ],
  ])('%s', async (_, place, fields) => {
    const row = rows[place] as Json;
    // From where the scenario begins, so that no other one is played.
    const begin = rows.slice(0, place + 1).findLastIndex(({ n }) => n === 0);
    const report = await run([...lines.slice(begin, place), JSON.stringify({ ...row, ...fields })]);
    expect(report.mismatches).toBe(1);
    expect(report.first).toMatchObject({ line: place - begin + 1, n: row.n, op: row.op });
  });
});

describe('a recording that is wrong is told with its line, and good up to there', () => {
  const [first, second, third] = linesOf('main64') as [string, string, string];
  const changed = (fields: Json): string => JSON.stringify({ ...JSON.parse(third), ...fields });
  const without = (name: string): string =>
    JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(third)).filter(([key]) => key !== name)));

  test.each<[string, string, string]>([
    ['no JSON', '{"n":3,', 'is not JSON'],
    ['a list', '[]', 'is not a JSON object'],
    ['no scenario', without('sc'), "has no text in 'sc'"],
    ['no operation', without('op'), "has no text in 'op'"],
    ['no arguments', without('args'), "has no text in 'args'"],
    ['no answer', without('ret'), "has no whole number in 'ret'"],
    ['no VmLck', without('vmlck_kb'), "has no whole number in 'vmlck_kb'"],
    ['a negative VmLck', changed({ vmlck_kb: -1 }), "has a negative number in 'vmlck_kb'"],
    ['a number that is none', changed({ n: 'two' }), "has no whole number in 'n'"],
    ['a descriptor that is none', changed({ args: 'group_fd=x' }), "has no 64-bit number in 'group_fd'"],
    ['no path', changed({ op: 'open', args: '' }), 'has no path in its args'],
    ['no descriptor', changed({ op: 'close', args: '' }), "has no 'fd' in its args"],
    ['another machine', changed({ machine: 'pseries' }), 'names a machine that is not described'],
    ['another kernel', changed({ kernel: '4.1.0' }), 'names a kernel that is not described'],
  ])('%s', async (_, line, text) => {
    const report = await run([first, second, line]);
    expect(report).toMatchObject({ vectors: 2, compared: 2, mismatches: 0, error: { line: 3 } });
    expect(report.error?.text).toContain(text);
  });

  test('notes alone', async () => {
    const note = linesOf('main64').find((line) => line.includes('"op": "note"')) as string;
    expect((await run([note])).error?.text).toContain('it has no calls');
  });
});
