import { expect, test } from 'vitest';
import { countReport, skippedIn, skippedLines } from '../report.mjs';

type Report = Parameters<typeof countReport>[0];
type File = Report['testResults'][number];

const file = (status: File['status'], statuses: readonly string[]): File =>
  ({
    name: '/repo/packages/x/test/a.test.ts',
    status,
    assertionResults: statuses.map((each, n) => ({
      status: each,
      ancestorTitles: [],
      title: `test ${n}`,
      fullName: `test ${n}`,
    })),
  }) as unknown as File;

const report = (success: boolean, ...testResults: File[]): Report => ({ success, testResults }) as Report;
const count = (of: Report) => countReport(of, '/repo/packages/x');

test('passed, failed and skipped tests are counted, and the failed ones named', () => {
  expect(count(report(false, file('failed', ['passed', 'failed', 'pending', 'todo', 'passed'])))).toEqual({
    passed: 2,
    skipped: [
      { subject: 'test/a.test.ts: test 2', reason: null },
      { subject: 'test/a.test.ts: test 3', reason: null },
    ],
    failures: ['test/a.test.ts: test 1'],
  });
});

test('a file that cannot be run is one failure', () => {
  expect(count(report(false, file('failed', [])))).toEqual({
    passed: 0,
    skipped: [],
    failures: ['test/a.test.ts: could not be run'],
  });
});

test('a run that failed outside of its tests is one failure', () => {
  expect(count(report(false, file('passed', ['passed'])))).toEqual({
    passed: 1,
    skipped: [],
    failures: ['an error outside of the tests'],
  });
});

test('a run without tests passes: whether that will do is for the caller', () => {
  expect(count(report(true))).toEqual({ passed: 0, skipped: [], failures: [] });
});

const noSpin = 'there is no command spin (Debian package spin)';

test.each`
  names                                                                  | told
  ${['a group', 'a test']}                                               | ${null}
  ${['live comparison (skipped: no QEMU)', 'a test']}                    | ${{ subject: 'live comparison', reason: 'no QEMU' }}
  ${['a group', 'DMA (skipped: no QEMU) byte for byte']}                 | ${{ subject: 'DMA', reason: 'no QEMU' }}
  ${[`Spin (skipped: ${noSpin}), searching what is exported`, 'a test']} | ${{ subject: 'Spin', reason: noSpin }}
  ${['DMA (skipped: no QEMU']}                                           | ${{ subject: 'DMA', reason: 'no QEMU' }}
`('the names $names tell of a skipped test: $told', ({ names, told }) => {
  expect(skippedIn(names)).toEqual(told);
});

test('what many skipped tests are about is told in part', () => {
  const skipped = ['a', 'b', 'c', 'd', 'e', 'f'].map((subject) => ({ subject, reason: 'no QEMU' }));
  expect(skippedLines([{ name: 'packages/a', skipped }])).toEqual([
    'skipped: a, b, c, d and 2 more: no QEMU; 6 in packages/a',
  ]);
});

test('skipped tests are told by their reason, with what they are about and how many there are', () => {
  const [live, spin] = [
    { subject: 'live comparison', reason: 'no QEMU' },
    { subject: 'Spin', reason: noSpin },
  ];
  const results = [
    { name: 'packages/a', skipped: [live, spin, live] },
    { name: 'packages/b', skipped: [{ subject: 'a capture', reason: 'no QEMU' }] },
    { name: 'packages/c', skipped: [{ subject: 'test/c.test.ts: something', reason: null }] },
    { name: 'packages/d', skipped: [] },
  ];
  expect(skippedLines(results)).toEqual([
    'skipped: live comparison, a capture: no QEMU; 2 in packages/a, 1 in packages/b',
    `skipped: Spin: ${noSpin}; 1 in packages/a`,
    'skipped: test/c.test.ts: something: nobody said why; 1 in packages/c',
  ]);
});
