import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { qemuLacks, qemuVersion } from '@spapr-dma/qemu-process';
import { describe, expect, test, vi } from 'vitest';
import { type Ended, spaprDma, start } from './support/command.ts';
import { documentOf } from './support/documents.ts';

const lacks = qemuLacks();
const live = lacks === null ? 'live comparison' : `live comparison (skipped: ${lacks})`;

interface Document {
  readonly qemu: string;
  readonly calls: number;
  readonly differences: number;
  readonly files: readonly object[];
  readonly error: { readonly text: string } | null;
}

/** Processes, each with its arguments. */
const processes = (): string[] =>
  execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n');

/** A command at work, whose QEMUs have their files in a folder of its own. */
class Running {
  readonly place = mkdtempSync(join(tmpdir(), 'spapr-dma-live-'));
  readonly command: ChildProcess;
  readonly said = { stdout: '', stderr: '' };
  readonly #memory = new Set<string>();

  constructor(...args: readonly string[]) {
    const given = ['live', '--json', '--out', join(this.place, 'out'), ...args];
    this.command = start(given, { env: { TMPDIR: this.place } });
    for (const name of ['stdout', 'stderr'] as const)
      this.command[name]?.on('data', (chunk) => {
        this.said[name] += chunk;
      });
  }

  /** Its QEMUs, by process id. */
  qemus(): number[] {
    const own = processes().filter(
      (line) => line.includes(this.place) && line.includes('qemu-system-ppc64 '),
    );
    for (const line of own)
      for (const [file] of line.matchAll(/(?<=mem-path=)[^,\s]+/g)) this.#memory.add(file);
    return own
      .filter((line) => /^ *\d+ \S*qemu-system-ppc64 /.test(line))
      .map((line) => Number.parseInt(line, 10));
  }

  /** Waits for a QEMU that has its memory. */
  async qemu(): Promise<number> {
    return vi.waitFor(
      () => {
        const [pid] = this.qemus();
        expect([...this.#memory].filter((file) => existsSync(file))).not.toEqual([]);
        return pid ?? expect.fail('there is no QEMU yet');
      },
      { timeout: 60_000, interval: 20 },
    );
  }

  async ended(): Promise<Ended> {
    const [status] = (await once(this.command, 'close')) as [number | null];
    return { status, ...this.said };
  }

  /** Waits until nothing is left of its QEMUs: neither process, nor memory, nor sockets. */
  async expectNothingLeft(): Promise<void> {
    await vi.waitFor(
      () => {
        expect(processes().filter((line) => line.includes(join(this.place, 'spapr-dma-qemu')))).toEqual([]);
        expect(readdirSync(this.place).filter((name) => name !== 'out')).toEqual([]);
        expect([...this.#memory].filter((file) => existsSync(file))).toEqual([]);
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(this.#memory.size).toBeGreaterThan(0);
  }
}

/** What is compared with each change; `npm run conformance` compares more. */
const SEEDS = [11, 12, 13];
const CALLS = 100_000;

const FOREVER = ['--calls', '1000000000'];

describe.skipIf(lacks !== null)(`${live}, as a command`, { timeout: 120_000 }, () => {
  test.each(SEEDS)(
    'agrees with QEMU from seed %i on, and leaves nothing behind',
    { timeout: 600_000 },
    async (seed) => {
      const running = new Running('--seed', `${seed}`, '--calls', `${CALLS}`);
      await running.qemu();
      const ended = await running.ended();
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      expect(documentOf<Document>('live', ended)).toMatchObject({
        qemu: qemuVersion(),
        calls: CALLS,
        differences: 0,
        error: null,
      });
      await running.expectNothingLeft();
    },
  );

  test('replays recorded calls on it', async () => {
    const file = 'vectors/qemu-7.2/qemu-7.2-random-1.jsonl.gz';
    const ended = await spaprDma(['live', file, '--json']);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(documentOf<Document>('live', ended).files).toMatchObject([
      { file, calls: 15_000, differences: 0, unlikeRecorded: 0, abort: null },
    ]);
  });

  test('refuses a machine version that this QEMU has not', async () => {
    const { status, stderr } = await spaprDma(['live', '--machine', 'pseries-99.0']);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^spapr-dma: there is no machine 'pseries-99.0', .*pseries-/),
    });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ends on %s with what came before, and leaves nothing',
    async (signal) => {
      const running = new Running(...FOREVER);
      await running.qemu();
      running.command.kill(signal);
      const ended = await running.ended();
      expect(ended.status).toBe(2);
      expect(ended.stderr).toMatch(
        /^spapr-dma: interrupted after [\d,]+ calls; what is reported came before\.\n$/,
      );
      expect(documentOf<Document>('live', ended)).toMatchObject({ differences: 0 });
      await running.expectNothingLeft();
    },
  );

  test('leaves nothing where it is killed', async () => {
    const running = new Running(...FOREVER);
    await running.qemu();
    running.command.kill('SIGKILL');
    expect((await running.ended()).status).toBeNull();
    await running.expectNothingLeft();
  });

  test('says that somebody else killed QEMU, after what came before', async () => {
    const running = new Running(...FOREVER);
    process.kill(await running.qemu(), 'SIGKILL');
    const ended = await running.ended();
    expect(ended.status).toBe(2);
    expect(ended.stderr).toMatch(
      /^spapr-dma: QEMU .*SIGKILL.*after [\d,]+ calls; what is reported came before\.\n$/,
    );
    expect(documentOf<Document>('live', ended)).toMatchObject({ qemu: qemuVersion(), differences: 0 });
    await running.expectNothingLeft();
  });

  test('confirms all known defects', async () => {
    const ended = await spaprDma(['live', '--defects', '--json']);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const { defects } = documentOf<{ defects: readonly { confirmed: boolean }[] }>('live', ended);
    expect(defects.map(({ confirmed }) => confirmed)).toEqual([true, true, true, true, true]);
  });
});
