import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ASKED_FILES, HOST_FILES, OTHER_FILES, REASONS } from '../src/coverage/specification-files.ts';
import type { SpecificationCoverage } from '../src/index.ts';

const run = promisify(execFile);

/** What so many calls reach; the program runs the built package. */
async function recorded(calls: number, options: object): Promise<SpecificationCoverage> {
  const program = fileURLToPath(new URL('recorded.mjs', import.meta.url));
  const args = [program, String(calls), JSON.stringify(options)];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

const RICH = {
  shares: { rtas: 0.25, dma: 0.06, monitor: 0.05 },
  monitor: ['system_reset', 'migrate', 'device_add', 'device_del', 'rcu'],
};

test('every file of the specification is in one list', () => {
  const written = readdirSync(new URL('../../qemu-spapr/src/', import.meta.url)).map((file) =>
    file.replace(/\.ts$/, ''),
  );
  const listed = [...ASKED_FILES, ...HOST_FILES, ...OTHER_FILES];
  expect(listed.toSorted()).toEqual(written.toSorted());
});

test('30,000 calls reach every function of the specification but those that have a reason', async () => {
  const { files, unreached } = await recorded(30_000, RICH);
  const functions = unreached.filter(({ kind }) => kind === 'function');
  expect(functions.filter(({ why }) => why === null)).toEqual([]);
  expect(functions.map(({ name }) => name)).toContain('hGetTceLong');
  expect(files.find(({ file }) => file === 'drc.ts')).toEqual({ file: 'drc.ts', reached: 14, functions: 14 });
  const [fixed] = unreached.filter(({ text }) => text.includes("switches.shiftCheck === 'fixed'"));
  expect(fixed).toMatchObject({ file: 'ibm-create-pe-dma-window.ts', name: 'decide', kind: 'branch' });
  expect(REASONS.map(({ why }) => why)).toContain(fixed?.why);
}, 120_000);

test('what calls do not reach is named by its line in the source', async () => {
  const { unreached } = await recorded(500, { dma: false, shares: { rtas: 0 } });
  const create = unreached.find(({ name }) => name === 'rtasIbmCreatePeDmaWindow');
  expect(create).toMatchObject({ kind: 'function', file: 'ibm-create-pe-dma-window.ts', why: null });
  expect(create?.text).toMatch(/^export function rtasIbmCreatePeDmaWindow/);
  expect(unreached.map(({ name }) => name)).toContain('deviceDma');
  expect(unreached.map(({ name }) => name)).not.toContain('hGetTce');
});
