import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { untilInterrupted } from '../src/interrupt.js';
import { Output } from '../src/output.js';
import { progressOn } from '../src/progress.js';
import { spaprDma, start } from './support/command.ts';
import { documentOf } from './support/documents.ts';
import { recorded } from './support/vectors.ts';

/** A stream that keeps what is written to it. */
function recorder(isTTY: boolean) {
  const written: string[] = [];
  const sink = {
    isTTY,
    write: (text: string, done: () => void) => {
      written.push(text);
      done();
      return true;
    },
    on: () => sink,
  };
  return { output: new Output(sink), written };
}

test('progress is shown on a terminal, not too often, and removed at the end', () => {
  let time = 0;
  const { output, written } = recorder(true);
  const progress = progressOn(output, () => time);
  progress.lines(1);
  time = 50;
  progress.lines(2);
  time = 1000;
  progress.lines(400_000);
  progress.end();
  progress.end();
  expect(written).toEqual([
    '\r\u001b[2K1 line',
    '\r\u001b[2K400,000 lines, 400,000 lines a second',
    '\r\u001b[2K',
  ]);
});

test('progress is shown nowhere else', () => {
  const { output, written } = recorder(false);
  const progress = progressOn(output);
  progress.lines(1);
  progress.end();
  expect(written).toEqual([]);
});

test('an input that falls silent can be interrupted, after what it gave', async () => {
  const silent = async function* () {
    yield 1;
    await new Promise(() => {});
  };
  const abort = new AbortController();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const each of untilInterrupted(silent(), abort.signal, () => new Error('stop'))) {
      seen.push(each);
      setImmediate(() => abort.abort());
    }
  })();
  await expect(reading).rejects.toThrow('stop');
  expect(seen).toEqual([1]);
});

test('an input that is read on is closed where the reader leaves', async () => {
  let isClosed = false;
  const input = async function* () {
    try {
      for (;;) yield 1;
    } finally {
      isClosed = true;
    }
  };
  for await (const _ of untilInterrupted(input(), new AbortController().signal, () => new Error())) break;
  expect(isClosed).toBe(true);
});

test('a reader that leaves is not complained about, and the status stays', async () => {
  const child = start(['vectors', '-']);
  let told = '';
  child.stderr?.on('data', (chunk) => {
    told += chunk;
  });
  child.stdout?.destroy();
  child.stdin?.end(recorded);
  const [status] = await once(child, 'close');
  expect({ status, told }).toEqual({ status: 0, told: '' });
});

/** Interrupts the command after `delay` ms; it may take so long to begin, on a busy machine, that this is too early. */
async function interruptedAfter(delay: number) {
  const child = start(['vectors', '-', '--json']);
  const told = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    told.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    told.stderr += chunk;
  });
  child.stdin?.write(recorded);
  await wait(delay);
  child.kill('SIGINT');
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...told };
}

test('an interruption ends the work with what was good so far', async () => {
  let ended = await interruptedAfter(1000);
  for (const delay of [3000, 9000]) {
    if (ended.status === null || !ended.stdout.includes('"vectors": 3'))
      ended = await interruptedAfter(delay);
  }
  expect(ended).toMatchObject({
    status: 2,
    stderr: 'spapr-dma: interrupted; what is reported came before.\n',
  });
  expect(documentOf('vectors', ended)).toMatchObject({ vectors: 3, compared: 3, mismatches: 0 });
});

test('nothing but the document is printed for --json, and no colours into a file', async () => {
  const ended = await spaprDma(['vectors', '-', '--json'], { input: recorded });
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a colour is a control character.
  expect(ended.stdout).not.toMatch(/\u001b/);
  documentOf('vectors', ended);
});
