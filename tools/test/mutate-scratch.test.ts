import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { root, textOf } from '../checks/repository.ts';
import { runNode } from '../mutate/child.ts';
import { FAULTY_SOURCES } from '../mutate/fault.ts';
import { makeScratch } from '../mutate/scratch.ts';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Waits for what happens outside of this process. */
const soon = (holds: () => void) => vi.waitFor(holds, { timeout: 20_000, interval: 50 });

const never = 'setInterval(() => {}, 1000)';

test('the copy has the sources and its own packages, and goes when it is removed', async () => {
  const scratch = makeScratch(new AbortController().signal);
  const { folder } = scratch;
  try {
    const linked = realpathSync(join(folder, 'node_modules/@spapr-dma/qemu-spapr'));
    expect(linked).toBe(realpathSync(join(folder, 'packages/qemu-spapr')));
    expect(realpathSync(join(folder, 'node_modules/typescript'))).toBe(
      realpathSync(join(root, 'node_modules/typescript')),
    );
    const file = `${FAULTY_SOURCES}/h-put-tce.ts`;
    scratch.write(file, 'export {};\n');
    expect(textOf(file)).not.toBe('export {};\n');
    const { status, stdout } = await scratch.run(['--print', 'process.cwd()'], 60, 'packages');
    expect([status, stdout.trim()]).toEqual([0, join(realpathSync(folder), 'packages')]);
  } finally {
    await scratch.remove();
  }
  expect(existsSync(folder)).toBe(false);
});

test('a program that does not end in time is ended with what it started', async () => {
  const started = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['--eval', ${JSON.stringify(never)}], { stdio: 'ignore' });
    process.stdout.write(String(child.pid));
    ${never};
  `;
  const groups: [number, boolean][] = [];
  const { status, stdout, isLate } = await runNode(['--eval', started], {
    cwd: root,
    limit: 2,
    signal: new AbortController().signal,
    onGroup: (pid, runs) => groups.push([pid, runs]),
  });
  expect([status, isLate]).toEqual([null, true]);
  expect(groups.map(([, runs]) => runs)).toEqual([true, false]);
  const pid = Number(stdout);
  expect(pid).toBeGreaterThan(0);
  await soon(() => expect(isAlive(pid)).toBe(false));
});

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  '%s leaves neither a folder nor a process',
  async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), 'spapr-dma-guarded-'));
    const program = `
    import { guardOf } from ${JSON.stringify(`${root}/tools/mutate/guard.ts`)};
    import { spawn } from 'node:child_process';
    const guard = guardOf(${JSON.stringify(folder)});
    const child = spawn(process.execPath, ['--eval', ${JSON.stringify(never)}], { detached: true, stdio: 'ignore' });
    guard.watch([child.pid]);
    process.stdout.write(String(child.pid));
    ${never};
  `;
    const child = spawn(
      process.execPath,
      ['--import', `${root}/tools/typescript.mjs`, '--input-type=module', '--eval', program],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    await soon(() => expect(told).toMatch(/^\d+$/));
    expect(isAlive(Number(told))).toBe(true);
    child.kill(signal);
    await soon(() => expect(existsSync(folder)).toBe(false));
    await soon(() => expect(isAlive(Number(told))).toBe(false));
  },
);
