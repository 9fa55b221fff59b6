import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Host } from '../src/host.js';
import { knownFindings } from '../src/live/known.js';
import { live } from '../src/live/live.js';
import { type LiveCall, SEED } from '../src/live/live-call.js';
import type { liveDocument } from '../src/live/live-document.js';
import { jsonText } from '../src/text/json.js';
import { plain } from '../src/text/paint.js';
import { spaprDma } from './support/command.ts';
import { documentOf } from './support/documents.ts';
import { type FakeOptions, fakeQemu } from './support/fake-qemu.ts';

type Document = ReturnType<typeof liveDocument>;

const newFolder = () => join(mkdtempSync(join(tmpdir(), 'spapr-dma-live-')), 'findings');

const asked = (changes: Partial<LiveCall> = {}): LiveCall => ({
  verb: 'live',
  files: [],
  seed: SEED,
  calls: 3000,
  machines: [],
  set: [],
  out: newFolder(),
  untilDifference: false,
  branches: false,
  defects: false,
  ...changes,
});

function hostOf(interrupted: AbortSignal, shown: string[]): Host {
  const progress = { show: (text: string) => shown.push(text), lines: () => {}, end: () => {} };
  return { progress, paint: plain, interrupted, keys: null };
}

/** What the verb answers with a stand-in for QEMU; the document as the schema allows it. */
async function compared(
  call: LiveCall,
  options: FakeOptions = {},
  interrupted: AbortSignal = new AbortController().signal,
  known: string | null = null,
) {
  const { qemu, running } = fakeQemu(options);
  const shown: string[] = [];
  const answer = await live(call, hostOf(interrupted, shown), { qemu: () => qemu, known });
  expect(running.size).toBe(0);
  const stdout = jsonText(answer.document);
  const document = documentOf<Document>('live', { status: answer.status, stdout, stderr: '' });
  return { status: answer.status, document, text: answer.text(), shown };
}

describe('a QEMU that answers as specified', async () => {
  const call = asked();
  const { status, document, text, shown } = await compared(call);

  test('has status 0, no difference, and as many calls as were asked for', () => {
    expect({ status, calls: document.calls, differences: document.differences }).toEqual({
      status: 0,
      calls: 3000,
      differences: 0,
    });
    expect(document).toMatchObject({
      qemu: '7.2.99',
      seed: SEED,
      switches: {},
      files: [],
      defects: [],
      error: null,
    });
    expect(document.versions.length).toBeGreaterThan(0);
  });

  test('is told with all that was answered, and what was not', () => {
    const of = (op: string) =>
      Object.values(document.coverage[op] ?? {}).reduce((sum, count) => sum + count, 0);
    expect(of('H_PUT_TCE')).toBeGreaterThan(100);
    expect(of('H_PUT_TCE')).toBeLessThan(3000);
    expect(text).toMatch(
      /^QEMU 7\.2\.99, seed 1: every answer is as specified\.\n3,000 calls to \d+ machines?/,
    );
    for (const op of Object.keys(document.coverage)) expect(text).toContain(`\n${op} `);
    expect(document.unreached.length).toBeGreaterThan(0);
    for (const { op, status: name, why } of document.unreached) {
      const told = why ?? 'These calls did not come to it.';
      const names = new RegExp(`^(?:[^ ]+, )*${name}(?:, [^ ]+)*  `);
      const row = text
        .split('\n')
        .find((line) => names.test(line) && line.includes(` ${op}`) && line.endsWith(told));
      expect(row, `${op} ${name}`).toBeDefined();
    }
  });

  test('is shown to whoever waits, with the machine that is asked', () => {
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.at(-1)).toMatch(/^[\d,]+ calls.*, machine \d+.*; pseries-\d\.\d with \d+ PHBs?$/);
  });
});

describe('a QEMU that looks where windows are, which QEMU 7.2 does not', async () => {
  const call = asked({ calls: 20_000, machines: ['pseries-7.2'] });
  const { status, document, text } = await compared(call, { switches: { createAddrCheck: 'fixed' } });
  const [finding] = document.findings.filter(({ kind }) => kind === 'difference');
  const file = finding?.file ?? '';

  test('differs: status 1, with the fewest calls that show it', () => {
    expect(status).toBe(1);
    expect(document.differences).toBeGreaterThan(0);
    expect(finding).toMatchObject({ known: false, repeatable: true });
    expect(finding?.calls).toBeLessThanOrEqual(4);
    expect(finding?.steps.join('\n')).toContain('ibm,create-pe-dma-window');
  });

  test('is told call by call, with both answers', () => {
    expect(text).toMatch(/^QEMU 7\.2\.99, seed 1: \d+ answers? differs?\.\n/);
    expect(text).toContain(`difference after ${finding?.calls} calls`);
    expect(text).toContain(file);
    for (const step of finding?.steps ?? []) expect(text).toContain(`    ${step}\n`);
  });

  test('leaves a file that live and vectors replay', async () => {
    expect(existsSync(file)).toBe(true);
    const again = await compared(asked({ files: [file] }), { switches: { createAddrCheck: 'fixed' } });
    expect(again).toMatchObject({ status: 1, document: { seed: null, differences: 1 } });
    expect(again.document.files).toMatchObject([
      { file, calls: finding?.calls, differences: 1, unlikeRecorded: 0 },
    ]);
    expect(again.text).toContain(`${file}: ${finding?.calls} calls to a pseries-`);
    expect(again.text).toContain('1 answer differs.');
    const vectors = await spaprDma(['vectors', file, '--json']);
    expect(vectors.status).toBe(1);
    expect(documentOf('vectors', vectors)).toMatchObject({
      vectors: finding?.calls,
      mismatches: 1,
      first: { op: 'ibm,create-pe-dma-window' },
    });
  });

  test('is as the specification with that switch says', async () => {
    const set = ['createAddrCheck=fixed'];
    const like = await compared(asked({ set, machines: ['pseries-7.2'] }), {
      switches: { createAddrCheck: 'fixed' },
    });
    expect(like).toMatchObject({
      status: 0,
      document: { differences: 0, switches: { createAddrCheck: 'fixed' } },
    });
    expect(like.text).toContain(
      'against the specification with createAddrCheck=fixed: every answer is as specified',
    );
  });

  test('answers a file otherwise than recorded, and as specified', async () => {
    const other = await compared(asked({ files: [file] }));
    expect(other).toMatchObject({ status: 0, document: { differences: 0, findings: [] } });
    expect(other.document.files).toMatchObject([{ file, differences: 0, unlikeRecorded: 1 }]);
    expect(other.text).toContain('every answer is as specified, 1 answer otherwise than recorded');
  });
});

describe('--defects', { timeout: 180_000 }, () => {
  const names = ['defWinClear', 'createAddrCheck', 'nbTruncation', 'shiftCheck', 'postLoadGeomCheck'];

  test('confirms each defect that QEMU 7.2 has, by calls that the specification with it explains', async () => {
    const { status, document, text } = await compared(
      asked({ defects: true, calls: 50_000, machines: ['pseries-7.2'] }),
    );
    expect(document.defects.map(({ switch: name, confirmed }) => [name, confirmed]).sort()).toEqual(
      names.map((name) => [name, true]).sort(),
    );
    expect(status).toBe(0);
    expect(text).toMatch(/5 of 5 known defects confirmed/);
    for (const { switch: name, file, steps } of document.defects) {
      expect(text).toContain(`${name} (`);
      expect(text).toContain(file);
      for (const step of steps.slice(-1)) expect(text).toContain(step);
      const vectors = documentOf('vectors', await spaprDma(['vectors', file!, '--json']));
      expect(vectors).toMatchObject({ mismatches: 0, error: null });
    }
  });

  test.each`
    how           | known              | calls
    ${'search'}   | ${null}            | ${20_000}
    ${'its file'} | ${knownFindings()} | ${1}
  `('says which one a QEMU does not have, by $how: status 1', async ({ known, calls }) => {
    const { status, document, text } = await compared(
      asked({ defects: true, calls, machines: ['pseries-7.2'] }),
      { switches: { shiftCheck: 'fixed' } },
      undefined,
      known,
    );
    const shiftCheck = document.defects.find(({ switch: name }) => name === 'shiftCheck');
    expect(status).toBe(1);
    expect(shiftCheck).toMatchObject({ confirmed: false, file: null, calls: null, text: null });
    expect(text).toMatch(/shiftCheck \(B-53; .*\): not seen\n/);
  });

  test('asks by files that are known, each the shortest that tells its defect', async () => {
    const { status, document } = await compared(
      asked({ defects: true, calls: 1 }),
      {},
      undefined,
      knownFindings(),
    );
    expect(status).toBe(0);
    expect(
      Object.fromEntries(
        document.defects.map(({ switch: name, confirmed, file }) => [name, confirmed && basename(file!)]),
      ),
    ).toEqual({
      defWinClear: 'default-window-lost.jsonl',
      createAddrCheck: 'windows-overlap.jsonl',
      nbTruncation: 'entries-cut.jsonl',
      shiftCheck: 'shift-above-63.jsonl',
      postLoadGeomCheck: 'stale-window-after-migration.jsonl',
    });
    expect(document.calls).toBe(14);
  });
});

describe('an end of QEMU that is specified', () => {
  test('is a finding with status 0, and the run goes on', async () => {
    const { status, document, text } = await compared(asked({ calls: 30_000, machines: ['pseries-7.2'] }));
    const aborts = document.findings.filter(({ kind }) => kind === 'abort');
    expect({ status, calls: document.calls }).toEqual({ status: 0, calls: 30_000 });
    expect(aborts.length).toBeGreaterThan(0);
    for (const { file } of aborts) {
      expect(text).toContain(file);
      const again = await compared(asked({ files: [file!] }));
      expect(again.status).toBe(0);
      expect(again.document.files[0]?.abort).toEqual(expect.any(String));
      expect(again.text).toContain('QEMU ends with the last one');
    }
  });

  test('that does not come is a difference', async () => {
    const altered: FakeOptions['altered'] = (_, answer) =>
      answer.kind === 'abort' ? { kind: 'rtas', rc: 0, rets: [0] } : answer;
    const { status, document } = await compared(asked({ calls: 30_000, machines: ['pseries-7.2'] }), {
      altered,
    });
    expect(status).toBe(1);
    expect(document.differences).toBeGreaterThan(0);
  });
});

test('an interruption ends the run with what came before, and status 2', async () => {
  const abort = new AbortController();
  let machines = 0;
  const onStart = () => {
    machines += 1;
    if (machines === 2) abort.abort();
  };
  const { status, document } = await compared(asked({ calls: 1_000_000 }), { onStart }, abort.signal);
  expect(status).toBe(2);
  expect(document.error?.text).toMatch(/^interrupted after [\d,]+ calls; what is reported came before$/);
  expect(document.calls).toBeLessThan(1_000_000);
  expect(document.differences).toBe(0);
});

test.each(['pseries-2.6', 'pseries-7.2'])(
  'only the machine version that is asked for is started: %s',
  async (version) => {
    const started = new Set<string | null>();
    const { document } = await compared(asked({ machines: [version] }), {
      onStart: ({ machine }) => started.add(machine),
    });
    expect([...started]).toEqual([version]);
    expect(document.versions).toEqual([version]);
  },
);

test('with --until-difference the first one is the last', async () => {
  const options: FakeOptions = { switches: { nbTruncation: 'fixed' } };
  const { status, document } = await compared(asked({ calls: 50_000, untilDifference: true }), options);
  expect({ status, differences: document.differences }).toEqual({ status: 1, differences: 1 });
  expect(document.calls).toBeLessThan(50_000);
});

test('the folder for findings is made only where there is one', async () => {
  const call = asked({ calls: 100 });
  const { document } = await compared(call);
  expect(document.findings).toEqual([]);
  expect(existsSync(call.out)).toBe(false);
});
