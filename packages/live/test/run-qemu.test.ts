import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineVersions, qemuVersion } from '@spapr-dma/qemu-process';
import { openInput, runVectors } from '@spapr-dma/trace';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiveMachine } from '../src/machine/live-machine.ts';
import type { LiveOptions } from '../src/run/options.ts';
import { runLive } from '../src/run/run-live.ts';
import { lacks, skipped } from './machine-real.ts';

describe.skipIf(lacks !== null)(`a real QEMU${skipped}`, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'live-qemu-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (options: Partial<LiveOptions>) =>
    runLive({
      start: (machine) => LiveMachine.start(machine),
      qemu: qemuVersion(),
      machines: machineVersions(),
      seed: 11,
      calls: 20_000,
      out: folder,
      ...options,
    });

  test('answers 20,000 calls as specified', { timeout: 300_000 }, async () => {
    const report = await run({});
    expect(report.findings.filter(({ kind }) => kind === 'difference')).toEqual([]);
    expect(report).toMatchObject({ calls: 20_000, differences: 0, fault: null, interrupted: false });
  });

  test('differs from one that looks where windows are, by three calls', { timeout: 300_000 }, async () => {
    const report = await run({ switches: { createAddrCheck: 'fixed' }, until: 'difference' });
    const [finding] = report.findings;
    expect(finding).toMatchObject({ kind: 'difference', calls: 3, repeatable: true });
    expect(finding?.text).toMatch(/^ibm,create-pe-dma-window.*says HW_ERROR, QEMU says SUCCESS 0x/);
    // The specification that has the defect says what QEMU does.
    const { mismatches, compared } = await runVectors(openInput(finding!.file!));
    expect({ mismatches, compared }).toEqual({ mismatches: 0, compared: 3 });
  });
});
