import { expect, test } from 'vitest';
import { conformanceOf } from '../conformance-figures.mjs';

type Report = Parameters<typeof conformanceOf>[0][number];

const run = (seed: number, more: Partial<Report> = {}): Report => ({
  qemu: '7.2.22',
  seed,
  calls: 100,
  machines: 2,
  versions: ['pseries-7.2'],
  seconds: 1.26,
  differences: 0,
  coverage: {},
  situations: {},
  unreached: [],
  branches: null,
  findings: [],
  files: [],
  defects: [],
  ...more,
});
const abort = (file: string, times: number) => ({ kind: 'abort', file, calls: 3, times });

test('calls and differences of several runs are summed, with a row for each', () => {
  const kept = conformanceOf(
    [run(1), run(2, { differences: 1, versions: ['pseries-2.12', 'pseries-2.6'] })],
    run(0),
    run(0),
  );
  expect(kept).toMatchObject({ qemu: '7.2.22', calls: 200, differences: 1 });
  expect(kept.versions).toEqual(['pseries-2.6', 'pseries-2.12', 'pseries-7.2']);
  expect(kept.runs).toEqual([
    { seed: 1, calls: 100, machines: 2, seconds: 1.3, differences: 0 },
    { seed: 2, calls: 100, machines: 2, seconds: 1.3, differences: 1 },
  ]);
});

test('statuses and situations are summed by their names', () => {
  const kept = conformanceOf(
    [
      run(1, { coverage: { H_PUT_TCE: { H_SUCCESS: 5 } }, situations: { 'at the end': 1, 'past it': 0 } }),
      run(2, {
        coverage: { H_PUT_TCE: { H_SUCCESS: 2, H_PARAMETER: 1 }, H_GET_TCE: { H_SUCCESS: 1 } },
        situations: { 'at the end': 2 },
      }),
    ],
    run(0),
    run(0),
  );
  expect(kept.coverage).toEqual({ H_GET_TCE: { H_SUCCESS: 1 }, H_PUT_TCE: { H_PARAMETER: 1, H_SUCCESS: 7 } });
  expect(kept.situations).toEqual({ 'at the end': 3, 'past it': 0 });
});

test('a status is unreached where no run reached it', () => {
  const one = { op: 'H_PUT_TCE', status: 'H_TOO_HARD', why: 'only KVM answers it' };
  const other = { op: 'quiesce', status: 'PARAM_ERROR', why: null };
  const kept = conformanceOf(
    [run(1, { unreached: [one, other] }), run(2, { unreached: [one] })],
    run(0),
    run(0),
  );
  expect(kept.unreached).toEqual([one]);
});

test('a place of the specification is unreached where no run reached it', () => {
  const place = (line: number, kind: string) => ({
    file: 'a.ts',
    line,
    name: 'f',
    kind,
    text: '',
    why: null,
  });
  const files = [
    { file: 'a.ts', functions: 3 },
    { file: 'b.ts', functions: 4 },
  ];
  const kept = conformanceOf(
    [
      run(1, {
        branches: { files, unreached: [place(1, 'function'), place(2, 'branch'), place(3, 'function')] },
      }),
      run(2, { branches: { files, unreached: [place(2, 'branch'), place(3, 'function')] } }),
    ],
    run(0),
    run(0),
  );
  expect(kept.branches).toEqual({
    functions: 7,
    reached: 6,
    unreached: [place(2, 'branch'), place(3, 'function')],
  });
});

test('a file that was replayed tells how often runs met what it shows', () => {
  const difference = { kind: 'difference', file: 'c.jsonl', calls: 1, times: 1 };
  const file = (name: string, abort: string | null, differences = 0) => ({
    file: name,
    calls: 3,
    differences,
    unlikeRecorded: 0,
    abort,
  });
  const kept = conformanceOf(
    [
      run(1, { findings: [abort('b.jsonl', 2), difference] }),
      run(2, { findings: [abort('b.jsonl', 3), abort('a.jsonl', 1)] }),
    ],
    run(0),
    run(0, {
      files: [file('a.jsonl', 'Assertion failed'), file('b.jsonl', 'gone'), file('d.jsonl', null, 1)],
    }),
  );
  expect(kept.shown).toEqual([
    { file: 'a.jsonl', calls: 3, endsQemu: true, isConfirmed: true, times: 1 },
    { file: 'b.jsonl', calls: 3, endsQemu: true, isConfirmed: true, times: 5 },
    { file: 'd.jsonl', calls: 3, endsQemu: false, isConfirmed: false, times: 0 },
  ]);
});
