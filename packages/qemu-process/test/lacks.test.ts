import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { machineVersions, qemuLacks, qemuVersion } from '../src/lacks.ts';

const lacks = qemuLacks();
const skipped = lacks === null ? '' : ` (skipped: ${lacks})`;

describe.skipIf(lacks !== null)(`where QEMU is installed${skipped}`, () => {
  test('its version is a number with dots', () => {
    expect(qemuVersion()).toMatch(/^\d+\.\d+/);
  });

  test('its machines are listed from pseries-2.5 on, oldest first', () => {
    const machines = machineVersions();
    expect(machines.slice(0, 6)).toEqual([
      'pseries-2.5',
      'pseries-2.6',
      'pseries-2.7',
      'pseries-2.8',
      'pseries-2.9',
      'pseries-2.10',
    ]);
    expect(machines).toContain('pseries-7.2');
  });
});

test('where QEMU is not installed, a sentence names the package', async () => {
  const program = `
    import { qemuLacks, startQemu } from '@spapr-dma/qemu-process';
    console.log(qemuLacks());
    await startQemu({ args: [] }).catch((error) => console.log(error.message));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    env: { PATH: '/nowhere' },
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  const sentence = 'there is no command qemu-system-ppc64: install the Debian package qemu-system-ppc';
  expect(stdout).toBe(`${sentence}\n${sentence}\n`);
});
