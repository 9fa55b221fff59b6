import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { repository, spaprDma } from './support/command.ts';
import { documentOf } from './support/documents.ts';

interface Report {
  readonly accepted: boolean;
  readonly lines: number;
  readonly lost: { readonly events: number; readonly firstLine: number | null };
  readonly error: { readonly line: number | null; readonly text: string } | null;
}

const folder = 'traces/simpletrace';
const bytes = gunzipSync(readFileSync(`${repository}/${folder}/ddw-nvme.simpletrace.gz`));

test.each([
  ['a packed file', `${folder}/ddw-nvme.simpletrace.gz`, ''],
  ['standard input', '-', bytes],
])('a binary log is followed like the text log of the same run: %s', async (_, log, input) => {
  const [binary, text] = await Promise.all([
    spaprDma(['follow', log], { input }),
    spaprDma(['follow', `${folder}/ddw-nvme.log.gz`]),
  ]);
  expect(binary).toMatchObject({ status: 0, stderr: '' });
  const behindVerdict = (out: string): string => out.slice(out.indexOf('\n'));
  expect(binary.stdout).toContain(': accepted, 3,340 lines.\n');
  expect(behindVerdict(binary.stdout)).toBe(behindVerdict(text.stdout));
});

test('events that QEMU lost are told with the verdict', async () => {
  const log = `${folder}/lossy-nvme.simpletrace.gz`;
  const [plain, json] = await Promise.all([spaprDma(['follow', log]), spaprDma(['follow', log, '--json'])]);
  expect(plain.stdout).toContain(
    `${log}: accepted, 10,063 lines, 3,228 events lost by QEMU, as line 9411 says first.\n`,
  );
  expect(documentOf<Report>('follow', json).lost).toEqual({ events: 3228, firstLine: 9411 });
});

test('a binary log that was cut is told in one sentence, with status 2 and what was good', async () => {
  const input = bytes.subarray(0, -1);
  const [plain, json] = await Promise.all([
    spaprDma(['follow', '-'], { input }),
    spaprDma(['follow', '-', '--json'], { input }),
  ]);
  const text = 'record 3340 is not whole: the log was cut after 56 bytes of it';
  expect(plain.status).toBe(2);
  expect(plain.stderr).toBe(`spapr-dma: ${text}.\n`);
  expect(json.status).toBe(2);
  expect(documentOf<Report>('follow', json)).toMatchObject({
    accepted: false,
    lines: 3339,
    error: { line: 3340, text },
  });
});
