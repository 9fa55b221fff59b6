import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CaptureError, type Description, type Recording, SCENARIOS, type Scenario } from '@spapr-dma/capture';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { capture } from '../src/capture/capture.js';
import { type CaptureCall, TIME_LIMIT } from '../src/capture/capture-call.js';
import type { CaptureDocument } from '../src/capture/capture-document.js';
import { cacheFolder, type Guests } from '../src/capture/guests.js';
import type { Host } from '../src/host.js';
import { jsonText } from '../src/text/json.js';
import { plain } from '../src/text/paint.js';
import { repository, spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spapr-dma-capture-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const TRACE = gunzipSync(readFileSync(join(repository, 'traces/01-ddw-nvme-4k.log.gz')));

/** What a scenario's guest left, as it would be. */
function recorded(scenario: Scenario, log = TRACE, trouble: string | null = null): Recording {
  const description: Description = {
    name: scenario.name,
    scenario: scenario.name,
    shows: scenario.shows,
    qemu: '7.2.22',
    commandLine: 'qemu-system-ppc64',
    guest: { kernel: '6.12.95', pageBytes: 4096, packages: [] },
    devices: [],
    script: '',
    seconds: 12.5,
    lines: 4537,
    events: {},
    marks: [],
    monitor: [],
    exit: { status: 0, signal: null },
    stderr: '',
    trouble,
  };
  return { description, log, console: Buffer.from('') };
}

const guests = (
  record: (scenario: Scenario) => readonly Recording[],
  lacks: string | null = null,
): Guests => ({
  lacks: () => lacks,
  version: () => '7.2.22',
  record: async (scenario) => record(scenario),
});

const asked = (changes: Partial<CaptureCall> = {}): CaptureCall => ({
  verb: 'capture',
  scenarios: ['ddw'],
  list: false,
  out: join(folder, 'out'),
  cache: null,
  kernel: null,
  update: false,
  timeLimit: TIME_LIMIT,
  ...changes,
});

const host: Host = {
  progress: { show: () => {}, lines: () => {}, end: () => {} },
  paint: plain,
  interrupted: new AbortController().signal,
  keys: null,
};

/** What the verb answers with a stand-in for QEMU; the document as the schema allows it. */
async function captured(call: CaptureCall, stand: Guests) {
  const answer = await capture(call, host, stand);
  const stdout = jsonText(answer.document);
  const document = documentOf<CaptureDocument>('capture', { status: answer.status, stdout, stderr: '' });
  return { status: answer.status, document, text: answer.text() };
}

test('A recording is written and followed at once, and what it came to is told', async () => {
  const { status, document, text } = await captured(
    asked(),
    guests((scenario) => [recorded(scenario)]),
  );
  expect(status).toBe(0);
  expect(document).toMatchObject({
    qemu: '7.2.22',
    recordings: [{ name: 'ddw', accepted: true, lines: 4537, windows: 2, divergence: null, trouble: null }],
    error: null,
  });
  const { log } = document.recordings[0]!.files;
  expect(gunzipSync(readFileSync(log)).equals(TRACE)).toBe(true);
  expect(text).toMatch(/^ddw +accepted +6\.12\.95 +12\.5 s +4,537 +2 +hotplug-cost 2$/m);
  expect(text).toContain(`spapr-dma follow ${log}`);
});

test('A recording that is refused has status 1, and says where', async () => {
  const doctored = Buffer.from(TRACE.toString('latin1').replace(/(pci_indirect .*ret=)0/, '$1-4'), 'latin1');
  const { status, document, text } = await captured(
    asked(),
    guests((scenario) => [recorded(scenario, doctored)]),
  );
  expect(status).toBe(1);
  const [{ accepted, divergence } = { accepted: true, divergence: null }] = document.recordings;
  expect(accepted).toBe(false);
  expect(divergence?.text).toContain('ret=-4');
  expect(text).toContain(`refused on line ${divergence?.line}`);
  expect(document.error).toBeNull();
});

test('A guest in trouble has status 2, what it left is kept, and the others are recorded all the same', async () => {
  const { status, document, text } = await captured(
    asked({ scenarios: ['ddw', 'reset'] }),
    guests((scenario) => [
      recorded(scenario, TRACE, scenario.name === 'ddw' ? 'the guest gives up: x' : null),
    ]),
  );
  expect(status).toBe(2);
  expect(document.error).toEqual({ line: null, text: 'ddw: the guest gives up: x' });
  expect(document.recordings.map(({ name, trouble }) => [name, trouble])).toEqual([
    ['ddw', 'the guest gives up: x'],
    ['reset', null],
  ]);
  expect(text).toMatch(/^ddw +in trouble/m);
  expect(text).toMatch(/^reset +accepted/m);
});

test('A log without an event is not accepted, and says why', async () => {
  const { status, document } = await captured(
    asked(),
    guests((scenario) => [recorded(scenario, Buffer.from(''))]),
  );
  expect(status).toBe(1);
  expect(document.recordings[0]?.unreadable?.text).toBe('the log is empty');
});

test('All scenarios are recorded where none is named', async () => {
  const { document } = await captured(
    asked({ scenarios: [] }),
    guests((scenario) => [recorded(scenario)]),
  );
  expect(document.recordings.map(({ name }) => name)).toEqual(SCENARIOS.map(({ name }) => name));
});

test('Where nothing can be recorded, what was recorded before stands beside the reason', async () => {
  const { status, document } = await captured(
    asked({ scenarios: ['ddw', 'reset'] }),
    guests((scenario) => {
      if (scenario.name === 'reset') throw new CaptureError('interrupted');
      return [recorded(scenario)];
    }),
  );
  expect(status).toBe(2);
  expect(document.recordings.map(({ name }) => name)).toEqual(['ddw']);
  expect(document.error?.text).toBe('interrupted');
});

test('A folder that cannot be written is told before anything is recorded', async () => {
  writeFileSync(join(folder, 'file'), '');
  const never = guests(() => expect.unreachable());
  const { status, document } = await captured(asked({ out: join(folder, 'file/out') }), never);
  expect(status).toBe(2);
  expect(document.error?.text).toMatch(/file\/out lies under something that is no folder$/);
});

test('What is missing is told as it is', async () => {
  const none = guests(
    () => expect.unreachable(),
    'there is no command xz: install the Debian package xz-utils',
  );
  await expect(capture(asked(), host, none)).rejects.toThrow(
    'there is no command xz: install the Debian package xz-utils',
  );
});

test('--list names the scenarios, for people and as a document', async () => {
  const people = await spaprDma(['capture', '--list']);
  expect(people.status).toBe(0);
  const listed = await spaprDma(['capture', '--list', '--json']);
  const { scenarios } = documentOf<{ scenarios: { name: string; shows: string }[] }>('capture-list', listed);
  expect(scenarios.map(({ name }) => name)).toEqual(SCENARIOS.map(({ name }) => name));
  for (const { name, shows } of scenarios)
    expect(people.stdout).toMatch(new RegExp(`^${name} .*${shows}$`, 'm'));
});

test.each`
  case                       | args                                 | sentence
  ${'an unknown scenario'}   | ${['kexek']}                         | ${/there is no scenario 'kexek', did you mean kexec; see spapr-dma capture --list/}
  ${'a kernel that is none'} | ${['ddw', '--kernel', 'the newest']} | ${/--kernel takes 4k, 64k or the beginning of a release, not 'the newest'/}
  ${'a limit that is none'}  | ${['ddw', '--time-limit', '0']}      | ${/--time-limit.* is invalid/}
  ${'a list and a scenario'} | ${['ddw', '--list']}                 | ${/--list records nothing, and goes with nothing/}
  ${'a list and a folder'}   | ${['--list', '--out', 'x']}          | ${/--list records nothing, and goes with nothing/}
`('$case is refused', async ({ args, sentence }) => {
  const ended = await spaprDma(['capture', ...args, '--json']);
  expectRefusal(ended, sentence);
  expect(documentOf<CaptureDocument>('capture', ended).recordings).toEqual([]);
});

test('Without QEMU it says which Debian package has it', async () => {
  const ended = await spaprDma(['capture', 'ddw', '--out', join(folder, 'none')], { env: { PATH: folder } });
  expectRefusal(ended, /Debian package qemu-system-ppc/);
  expect(existsSync(join(folder, 'none'))).toBe(false);
});

test.each`
  given         | cache
  ${'/c'}       | ${'/c/spapr-dma'}
  ${'relative'} | ${/\/\.cache\/spapr-dma$/}
  ${undefined}  | ${/\/\.cache\/spapr-dma$/}
`('With XDG_CACHE_HOME $given guests are kept in $cache', ({ given, cache }) => {
  expect(cacheFolder({ XDG_CACHE_HOME: given })).toMatch(cache);
});
