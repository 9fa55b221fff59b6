import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openInput, parseMeta, readQemuCalls, runVectors, writtenCall, writtenMeta } from '../src/index.ts';
import { chunked } from './support/follow.ts';

const folder = fileURLToPath(new URL('../../../vectors/qemu-7.2/sequences/', import.meta.url));
const files = readdirSync(folder).sort();

test('there are sequences', () => {
  expect(files.length).toBeGreaterThan(10);
});

test.each(files)('what a real QEMU 7.2 answered in %s is what the specification answers', async (file) => {
  const { machine, notes, calls } = await readQemuCalls(openInput(`${folder}${file}`));
  expect(notes.title).toMatch(/^[A-Z]/);
  expect(machine.qemu).toMatch(/^7\.2/);
  expect(await runVectors(openInput(`${folder}${file}`))).toEqual({
    format: 'qemu-calls-2',
    vectors: calls.length,
    compared: calls.length,
    mismatches: 0,
    first: null,
    unmodelled: [],
    error: null,
  });
});

test('each is written as it was read', async () => {
  for (const file of files) {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    const { machine, notes, calls } = await readQemuCalls(chunked(text));
    const lines = [
      writtenMeta(machine, notes),
      ...calls.map(({ n, call, answer }) => writtenCall(n, call, answer)),
    ];
    expect(`${lines.join('\n')}\n`).toBe(text);
    expect(parseMeta(lines[0] ?? '', 1).machine).toEqual(machine);
  }
});
