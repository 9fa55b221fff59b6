import { expect, test } from 'vitest';
import { countReport } from '../report.mjs';

type Report = Parameters<typeof countReport>[0];
type File = Report['testResults'][number];

const file = (status: File['status'], statuses: readonly string[]): File =>
  ({
    name: '/repo/packages/x/test/a.test.ts',
    status,
    assertionResults: statuses.map((each, n) => ({ status: each, fullName: `test ${n}` })),
  }) as File;

const report = (success: boolean, ...testResults: File[]): Report => ({ success, testResults }) as Report;
const count = (of: Report) => countReport(of, '/repo/packages/x');

test('passed, failed and skipped tests are counted, and the failed ones named', () => {
  expect(count(report(false, file('failed', ['passed', 'failed', 'pending', 'todo', 'passed'])))).toEqual({
    passed: 2,
    skipped: 2,
    failures: ['test/a.test.ts: test 1'],
  });
});

test('a file that cannot be run is one failure', () => {
  expect(count(report(false, file('failed', [])))).toEqual({
    passed: 0,
    skipped: 0,
    failures: ['test/a.test.ts: could not be run'],
  });
});

test('a run that failed outside of its tests is one failure', () => {
  expect(count(report(false, file('passed', ['passed'])))).toEqual({
    passed: 1,
    skipped: 0,
    failures: ['an error outside of the tests'],
  });
});

test('a run without tests passes: whether that will do is for the caller', () => {
  expect(count(report(true))).toEqual({ passed: 0, skipped: 0, failures: [] });
});
