import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Header } from '../src/checkpoint/format.ts';
import { counters } from './classics/index.ts';
import { outcomeOf } from './outcome.ts';

const TYPESCRIPT = fileURLToPath(new URL('../../../tools/typescript.mjs', import.meta.url));
const CHILD = fileURLToPath(new URL('./checkpoint-child.ts', import.meta.url));

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'killed-'));
  file = join(folder, 'search.checkpoint');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const started = (workers: number, isResumed: boolean): ChildProcess =>
  spawn(execPath, ['--import', TYPESCRIPT, CHILD, file, String(workers), ...(isResumed ? ['resume'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });

const ended = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));

/** What tells a file from the one that was there before. */
const stamp = (path: string): string =>
  existsSync(path) ? `${statSync(path).ino} ${statSync(path).mtimeMs}` : '';

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setTimeout(1);
}

function headerIn(path: string): Header {
  const fd = openSync(path, 'r');
  const length = new Uint32Array(1);
  readSync(fd, length, 0, 4, 16);
  const header = new Uint8Array(length[0]!);
  readSync(fd, header, 0, header.length, 20);
  closeSync(fd);
  return JSON.parse(new TextDecoder().decode(header));
}

/** How many checkpoints a search writes before it is killed. */
const CHECKPOINTS = 2;

/** Lets a search get on for a while, and ends it without a warning. */
async function killed(workers: number, isResumed: boolean, when: 'amid-writing' | number): Promise<Header> {
  const child = started(workers, isResumed);
  const end = ended(child);
  for (let written = 0; written < CHECKPOINTS; written += 1) {
    const before = stamp(file);
    await until(() => stamp(file) !== before || child.exitCode !== null);
  }
  if (when === 'amid-writing') await until(() => existsSync(`${file}.tmp`) || child.exitCode !== null);
  else await setTimeout(when);
  child.kill('SIGKILL');
  expect(await end).toBe('SIGKILL');
  return headerIn(file);
}

test('a search that is killed again and again comes to what an uninterrupted one comes to', async () => {
  const headers = [
    await killed(1, false, 0),
    await killed(2, true, 'amid-writing'),
    await killed(1, true, 30),
    await killed(2, true, 0),
  ];
  const rows = headers.map((header) => header.rows);
  expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
  expect(headers.some(({ position }) => position.next < position.levelEnd)).toBe(true);
  const last = started(1, true);
  let said = '';
  last.stdout!.on('data', (data) => {
    said += data;
  });
  expect(await ended(last)).toBe(0);
  expect(JSON.parse(said)).toEqual(outcomeOf(breadthFirst(counters(6, 9))));
}, 180_000);
