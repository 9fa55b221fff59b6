import { expect, test } from 'vitest';
import { Coverage, type Generator, type GeneratorOptions, STATUSES, unreachedIn } from '../src/index.ts';
import { generated } from './generated.ts';

/** So much of everything that is no hypercall that a short run meets it all. */
const RICH = { shares: { rtas: 0.25, dma: 0.06, monitor: 0.04 } } as const;

interface Run {
  readonly coverage: Coverage;
  readonly visits: Readonly<Record<string, number>>;
  readonly pairs: number;
}

function run(seed: number, calls: number, options: Partial<GeneratorOptions>): Run {
  const coverage = new Coverage();
  let last: Generator | null = null;
  for (const { call, answer, before, after, generator } of generated(seed, calls, options)) {
    coverage.saw(call, answer, before, after);
    last = generator;
  }
  return { coverage, visits: last?.visits() ?? {}, pairs: last?.pairs() ?? 0 };
}

const zeros = (counts: Readonly<Record<string, number>>): readonly string[] =>
  Object.entries(counts)
    .filter(([, count]) => count === 0)
    .map(([name]) => name);

test('150,000 calls are of every class, in every situation, and are answered with every status', () => {
  const { coverage, visits } = run(1, 150_000, RICH);
  expect(zeros(visits)).toEqual([]);
  expect(zeros(coverage.situations())).toEqual([]);
  expect(coverage.unreached().filter(({ why }) => why === null)).toEqual([]);
}, 120_000);

test('a status with a reason is never answered', () => {
  const { coverage } = run(2, 20_000, RICH);
  const counts = coverage.statuses();
  const answered = STATUSES.filter(({ op, status, why }) => why !== null && (counts[op]?.[status] ?? 0) > 0);
  expect(answered).toEqual([]);
});

test('steering reaches more in as many calls', () => {
  const steered = run(3, 20_000, {});
  const unsteered = run(3, 20_000, { steered: false });
  expect(steered.pairs).toBeGreaterThan(unsteered.pairs);
  expect(zeros(steered.coverage.situations()).length).toBeLessThan(
    zeros(unsteered.coverage.situations()).length,
  );
});

test('what was not answered is told, with the reason where there is one', () => {
  expect(unreachedIn({})).toEqual(STATUSES);
  const missing = unreachedIn({ H_GET_TCE: { H_SUCCESS: 3 } });
  expect(missing).not.toContainEqual({ op: 'H_GET_TCE', status: 'H_SUCCESS', why: null });
  expect(missing).toContainEqual({ op: 'H_GET_TCE', status: 'H_PARAMETER', why: null });
  expect(missing.find(({ op, status }) => op === 'H_GET_TCE' && status === 'H_TOO_HARD')?.why).toMatch(/KVM/);
});
