import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { repository, spaprDma } from './support/command.ts';
import { documentOf } from './support/documents.ts';
import { bareLog, log, logText, stamped } from './support/logs.ts';

interface Report {
  readonly accepted: boolean;
  readonly lines: number;
  readonly windows: readonly { liobn: string; entries: number; mapped: number; pageShift: number }[];
  readonly findings: readonly {
    kind: string;
    liobn: string;
    line: number;
    lastLine: number;
    count: number;
    text: string;
  }[];
  readonly phases: readonly { name: string; seconds: number | null }[];
  readonly divergence: { line: number; text: string; expected: string; observed: string } | null;
  readonly error: { line: number | null; text: string } | null;
}

async function followed(args: readonly string[], input = '') {
  const [plain, json] = await Promise.all([
    spaprDma(['follow', ...args], { input }),
    spaprDma(['follow', ...args, '--json'], { input }),
  ]);
  expect(plain.stderr).toBe('');
  expect(json.stderr).toBe('');
  expect(plain.status).toBe(json.status);
  return { status: plain.status, text: plain.stdout, report: documentOf<Report>('follow', json) };
}

test.each([
  ['with timestamps', log],
  ['without timestamps', bareLog],
  ['with line ends of another system', log.replaceAll('\n', '\r\n')],
])('a log %s is followed to its end', async (_, input) => {
  const { status, text, report } = await followed(['-'], input);
  expect(report).toMatchObject({ accepted: true, lines: stamped.length, divergence: null, error: null });
  expect(report.windows).toMatchObject([
    { liobn: '0x80000000', pageShift: 12, entries: 262_144, mapped: 1 },
    { liobn: '0x80000001', pageShift: 24, entries: 256, mapped: 128 },
  ]);
  expect(status).toBe(0);
  expect(text).toContain(`standard input: accepted, ${stamped.length} lines`);
  expect(text).toMatch(/0x80000001 .* 16 MiB +256 /);
});

test('where log and specification part, the line, both answers and the window are told, with status 1', async () => {
  const doctored = stamped.with(-1, stamped.at(-1)!.replace('0x4000', '0x5000'));
  const { status, text, report } = await followed(['-'], logText(doctored));
  expect(status).toBe(1);
  expect(report).toMatchObject({ accepted: false, error: null, divergence: { line: stamped.length } });
  expect(report.divergence?.text).toContain('spapr_iommu_xlate');
  expect(text).toContain(`refused on line ${stamped.length}`);
  expect(text).toMatch(
    /expected .+\n {2}seen .+\n {2}window +0x80000000 at 0x0, 262,144 entries of 4 KiB, 1 mapped/,
  );
});

test('options say what the log leaves open', async () => {
  const { status, report } = await followed(
    ['-', '--phb', 'index=0,dma64_win_addr=0x800000000000000,ddw=on', '--machine', 'pseries-7.2'],
    log,
  );
  expect({ status, accepted: report.accepted }).toEqual({ status: 0, accepted: true });
});

const traces = `${repository}/traces`;
const recordings = existsSync(traces) ? readdirSync(traces).filter((file) => file.endsWith('.log.gz')) : [];

describe.skipIf(recordings.length === 0)('a recorded log', () => {
  test.each(recordings)('%s is accepted', async (file) => {
    const ended = await spaprDma(['follow', `traces/${file}`, '--json']);
    const { accepted, divergence, error } = documentOf<Report>('follow', ended);
    expect({ accepted, divergence, error }).toEqual({ accepted: true, divergence: null, error: null });
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  });

  test('of a kexec tells what the first kernel left mapped', async () => {
    const { text, report } = await followed(['traces/12-kexec.log.gz']);
    const left = report.findings.filter(({ kind }) => kind === 'left-mapped');
    expect(left).toMatchObject([{ liobn: '0x80000001' }]);
    expect(left).toMatchObject([{ line: 2039, lastLine: 2691, count: 128 }]);
    expect(text).toMatch(/left-mapped +2039-2691 +128 entries of LIOBN 0x80000001/);
    expect(text).toContain('traces/12-kexec.log.gz: accepted, 3,862 lines');
  });

  test('of bare calls tells of overlapping windows', async () => {
    const { report } = await followed(['traces/30-bare-hcalls.log.gz']);
    expect(report.findings.map(({ kind }) => kind)).toContain('overlap');
  });
});
