import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type KeySource, keysOf } from '../src/keys.js';
import { Output } from '../src/output.js';
import { stepByStep } from '../src/played/step-by-step.js';
import { spaprDma } from './support/command.ts';
import { documentOf, expectRefusal } from './support/documents.ts';

interface Played {
  readonly model: string | null;
  readonly shown: boolean | null;
  readonly violation: { name: string; step: number; text: string } | null;
  readonly others: readonly { name: string }[];
  readonly steps: readonly { n: number; text: string; changes: string[] }[];
  readonly error: { text: string } | null;
}

const folder = mkdtempSync(join(tmpdir(), 'spapr-dma-play-'));
const file = join(folder, 'found.json');
await spaprDma(['check', 'createAddrCheck=unfixed', '--out', file]);
const written = readFileSync(file, 'utf8');

type Fields = Record<string, unknown>;

let files = 0;

/** A file with other fields. */
function doctored(change: Fields): string {
  const path = join(folder, `doctored-${files++}.json`);
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(written) as Fields), ...change }));
  return path;
}

function fileOf(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

async function played(path: string, input?: Buffer) {
  const ended = await spaprDma(['run', path, '--json'], input === undefined ? {} : { input });
  return { status: ended.status, report: documentOf<Played>('run-counterexample', ended) };
}

describe('run FILE', () => {
  test('shows the violation again, with status 0', async () => {
    const { status, report } = await played(file);
    expect(status).toBe(0);
    expect(report).toMatchObject({ model: 'createAddrCheck=unfixed', shown: true, error: null });
    expect(report.violation).toMatchObject({ name: 'S-13', step: report.steps.length });
  });

  test('has status 1 where the violation does not show', async () => {
    const property = { name: 'S-1', title: 'Something else.', text: 'It broke.', costMax: null };
    const path = doctored({ property });
    const { status, report } = await played(path);
    expect(status).toBe(1);
    expect(report).toMatchObject({ shown: false, violation: null, others: [{ name: 'S-13' }] });
    const { stdout } = await spaprDma(['run', path]);
    expect(stdout).toMatch(
      /: no violation shows\.\n {2}What must hold: Something else\.\n {2}also S-13, after /,
    );
  });

  test('draws the chart, and tells where the property breaks', async () => {
    const { status, stdout, stderr } = await spaprDma(['run', file]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^createAddrCheck=unfixed: .*\nrepaired, minimal\n\n step {2}environment/);
    expect(stdout).toContain('✗ S-13: ');
    expect(stdout).toMatch(
      /\nPlayed in running actors, whose bus told of \d+ messages, and step by step: the violation shows again\.\n/,
    );
    const mermaid = await spaprDma(['run', file, '--chart', 'mermaid']);
    expect(mermaid.stdout).toMatch(/^sequenceDiagram\n/);
  });

  test('tells step by step without a chart, and waits for nobody where there is no terminal', async () => {
    const { status, stdout } = await spaprDma(['run', file, '--step']);
    const { report } = await played(file);
    expect(status).toBe(0);
    for (const { n, text } of report.steps) expect(stdout).toContain(`\n${n}  ${text.slice(0, 60)}`);
    expect(stdout.indexOf('✗ S-13: ')).toBeGreaterThan(
      stdout.indexOf(report.steps.at(-1)!.text.slice(0, 60)),
    );
    expect(stdout).not.toContain('──');
  });

  test('reads packed files and standard input', async () => {
    const packed = fileOf('found.json.gz', gzipSync(written));
    expect((await played(packed)).status).toBe(0);
    expect((await played('-', Buffer.from(written))).status).toBe(0);
  });
});

describe('a file that cannot be played', () => {
  mkdirSync(join(folder, 'folder.d'));
  const steps = (JSON.parse(written) as { steps: Fields[] }).steps;
  test.each<[string, string, RegExp]>([
    ['is missing', join(folder, 'no.json'), /no\.json does not exist/],
    ['is a folder', join(folder, 'folder.d'), /folder\.d/],
    ['is empty', fileOf('empty.json', ''), /empty\.json: line 1: the file ends too early/],
    ['was cut', fileOf('cut.json', written.slice(0, -40)), /cut\.json: line \d+: the file ends too early/],
    ['is no text', fileOf('bytes.json', Buffer.from([0x7b, 0xff, 0xfe])), /bytes\.json is no text/],
    [
      'is a cut packed file',
      fileOf('cut.json.gz', gzipSync(written).subarray(0, 400)),
      /the gzip data ends before its end/,
    ],
    ['is something else', fileOf('other.json', '{"stories": []}'), /: format: is missing/],
    [
      'has another version',
      doctored({ format: 'spapr-dma-counterexample/9' }),
      /: format: is "spapr-dma-c.*\/9"; /,
    ],
    ['has a stray field', doctored({ colour: 'red' }), /: colour: is not known here/],
    [
      'has a step of another kind',
      doctored({ steps: [{ choice: { kind: 'jump' } }] }),
      /: steps\[0\]\.choice\.kind: /,
    ],
    [
      'has a step that cannot be taken',
      doctored({ steps: [...steps, { choice: { kind: 'step', to: 'moon', thread: 'main' } }] }),
      /steps\[\d+\] cannot be taken/,
    ],
    [
      'names a property that does not exist',
      doctored({ property: { name: 'X', title: 'x', text: 'x', costMax: null } }),
      /: property\.name: there is no property 'X'/,
    ],
  ])('%s', async (_, path, why) => {
    const [plain, json] = await Promise.all([spaprDma(['run', path]), spaprDma(['run', path, '--json'])]);
    expectRefusal(plain, why);
    expect(plain.stdout).toBe('');
    expectRefusal(json, why);
    expect(documentOf<Played>('run-counterexample', json)).toMatchObject({
      model: null,
      shown: null,
      steps: [],
    });
  });

  test.each([
    [['run', file, file], /a FILE is played alone/],
    [['run', file, 'boot-emulated'], /a FILE is played alone/],
    [
      ['run', file, '--preset', 'newest'],
      /--preset does not go with a FILE, which says what it is played with/,
    ],
    [['run', file, '--set', 'ramSplit=fixed'], /--set does not go with a FILE/],
    [['run', file, '--compare', 'ramSplit'], /--compare does not go with a FILE/],
    [
      ['run', 'boot-emulated', '--step'],
      /--step takes the FILE of a counterexample; see spapr-dma run --help/,
    ],
  ])('%j', async (args, why) => {
    expectRefusal(await spaprDma(args), why);
  });
});

describe('at a terminal', () => {
  /** Somebody who presses Enter so often, and then stops the input. */
  function person(times: number) {
    const listeners: Record<string, (() => void)[]> = { data: [], end: [] };
    let pressed = 0;
    const stdin: KeySource = {
      isTTY: true,
      on: (event, listener) => listeners[event]!.push(listener),
      off: (event, listener) => {
        listeners[event] = listeners[event]!.filter((each) => each !== listener);
      },
      resume: () =>
        setImmediate(() => {
          pressed += 1;
          for (const listener of listeners[pressed > times ? 'end' : 'data']!) listener();
        }),
      pause: () => {},
    };
    let text = '';
    const sink = {
      isTTY: true,
      write: (more: string, done: () => void) => {
        text += more;
        done();
        return true;
      },
      on: () => sink,
    };
    const keys = keysOf(stdin, new Output(sink), new AbortController().signal);
    return { keys, printed: () => text, left: () => listeners };
  }
  const step = (n: number) => ({ n, from: 'a', to: 'b', message: 'm', changes: [`c${n}`], text: `t${n}` });
  const three = { steps: [1, 2, 3].map(step), violation: { name: 'S-1', step: 3, text: 'why' }, others: [] };
  const plain = (text: string) => text;
  const showing = (keys: ReturnType<typeof keysOf>) =>
    stepByStep(three as never, { keys, paint: { bad: plain } } as never);

  test('each step is shown when Enter is pressed', async () => {
    const { keys, printed, left } = person(2);
    expect(await showing(keys)).toBe('');
    expect(printed()).toBe('1  t1\n     c1\n2  t2\n     c2\n3  t3\n     c3\n   ✗ S-1: why\n');
    expect(left()).toEqual({ data: [], end: [] });
  });

  test('the rest is shown at once where the input ends', async () => {
    const { keys, printed } = person(1);
    expect(await showing(keys)).toBe('3  t3\n     c3\n   ✗ S-1: why\n');
    expect(printed()).toBe('1  t1\n     c1\n2  t2\n     c2\n');
  });

  test('nobody is waited for without a terminal', () => {
    const sink = { write: () => true, on: () => sink };
    const stdin = { isTTY: true, on: () => {}, off: () => {}, resume: () => {}, pause: () => {} };
    expect(keysOf(stdin, new Output(sink), new AbortController().signal)).toBeNull();
  });
});
