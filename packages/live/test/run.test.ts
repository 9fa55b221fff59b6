import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInput, type QemuAnswer, type QemuCall, runVectors } from '@spapr-dma/trace';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LiveOptions } from '../src/run/options.ts';
import type { LiveReport } from '../src/run/report.ts';
import { runLive } from '../src/run/run-live.ts';
import type { StartTarget } from '../src/target.ts';
import { type Counted, type Fake, fakeQemu } from './fake-target.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'live-run-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const MACHINES = ['pseries-2.6', 'pseries-4.1', 'pseries-7.2'] as const;

/** A run against a QEMU that is played. */
async function run(
  fake: Fake,
  options: Partial<LiveOptions> = {},
): Promise<{ readonly report: LiveReport; readonly counted: Counted }> {
  const counted: Counted = { started: 0, closed: 0 };
  const start = fakeQemu(fake, counted);
  const report = await runLive({
    start,
    qemu: '7.2.22',
    machines: MACHINES,
    seed: 5,
    calls: 3000,
    ...options,
  });
  return { report, counted };
}

const written = (): string[] => (existsSync(folder) ? readdirSync(folder).sort() : []);

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

describe('a QEMU that is as specified', () => {
  test('differs in no call, is asked as many as wanted, and is left behind nowhere', async () => {
    const { report, counted } = await run({}, { calls: 12_000, out: folder });
    expect(report).toMatchObject({
      qemu: '7.2.22',
      seed: 5,
      calls: 12_000,
      differences: 0,
      interrupted: false,
    });
    expect(report.findings.filter(({ kind }) => kind === 'difference')).toEqual([]);
    expect(
      sum(Object.values(report.coverage).flatMap((counts) => Object.values(counts))),
    ).toBeGreaterThanOrEqual(12_000);
    expect(report.machines).toBeGreaterThan(1);
    expect(counted.closed).toBe(counted.started);
  });

  test('is asked the same by the same seed, and something else by another', async () => {
    const reports = await Promise.all([5, 5, 6].map(async (seed) => (await run({}, { seed })).report));
    const [first, again, other] = reports.map(({ seconds, ...report }) => report);
    expect(again).toEqual(first);
    expect({ ...other, seed: 5 }).not.toEqual(first);
  });

  test('is done nothing to from the monitor where nobody may', async () => {
    const { report } = await run({}, { monitor: false, calls: 10_000 });
    const commands = ['system_reset', 'migrate', 'device_add', 'device_del', 'rcu'];
    expect(Object.keys(report.coverage).filter((op) => commands.includes(op))).toEqual([]);
  });

  test('that ends as specified is a finding, shrunk to what it takes; another machine goes on', async () => {
    const { report, counted } = await run({}, { calls: 12_000, out: folder });
    // What is foreseen is shrunk without a QEMU: one confirms it.
    expect(counted.started).toBe(report.machines + report.findings.length);
    const create = report.findings.find(({ text }) => text.startsWith('ibm,create-pe-dma-window'));
    // A create of 2^32 entries, and another one.
    expect(create).toMatchObject({ kind: 'abort', calls: 2, known: false, repeatable: true });
    expect(create?.text).toMatch(/ ends QEMU, as specified: .*subregion->container/);
    expect(create?.steps).toHaveLength(2);
    expect(written()).toHaveLength(report.findings.length);
    const { mismatches, vectors } = await runVectors(openInput(create!.file!));
    expect({ mismatches, vectors }).toEqual({ mismatches: 0, vectors: 2 });
    expect(report.calls).toBe(12_000);
  });
});

describe('a QEMU with a behaviour that the specification lacks', () => {
  test('is found, shrunk to the calls that show it, and written to a file that tells both', async () => {
    const { report } = await run(
      {},
      { switches: { createAddrCheck: 'fixed' }, until: 'difference', calls: 50_000, out: folder },
    );
    expect(report.differences).toBe(1);
    const [finding] = report.findings;
    // A window beside the default one, the default one leaves, and a window at the same place.
    expect(finding).toMatchObject({ kind: 'difference', calls: 3, times: 1, known: false, repeatable: true });
    expect(finding?.text).toMatch(/^ibm,create-pe-dma-window.*says HW_ERROR, QEMU says SUCCESS 0x/);
    const { mismatches, vectors } = await runVectors(openInput(finding!.file!));
    expect({ mismatches, vectors }).toEqual({ mismatches: 0, vectors: 3 });
    expect(JSON.parse(readFileSync(finding!.file!, 'utf8').split('\n')[0]!)).toMatchObject({
      text: finding?.text,
    });
  });

  test('is named by its file where it is known, and not shrunk again', async () => {
    const options = { switches: { nbTruncation: 'fixed' }, until: 'difference', calls: 50_000 } as const;
    const first = await run({}, { ...options, out: folder });
    const again = await run({}, { ...options, known: folder, out: join(folder, 'more') });
    expect(first.report.findings).toMatchObject([{ known: false }]);
    expect(again.report.findings).toMatchObject([
      { ...first.report.findings[0], known: true, text: expect.any(String) },
    ]);
    expect(first.counted.started).toBeGreaterThan(again.counted.started);
    expect(existsSync(join(folder, 'more'))).toBe(false);
  });

  test('is told once, and counted from then on', async () => {
    const lostBit: Fake = {
      says: (call, answer) =>
        call.op === 'H_GET_TCE' && answer.kind === 'hcall' && (answer.tce ?? 0n) >> 63n === 1n
          ? { ...answer, tce: answer.tce! - (1n << 63n) }
          : answer,
    };
    const { report } = await run(lostBit, { calls: 6000, out: folder, monitor: false });
    const [finding, ...others] = report.findings.filter(({ kind }) => kind === 'difference');
    expect(others).toEqual([]);
    // An entry is put, and looked at.
    expect(finding).toMatchObject({ calls: 2, repeatable: true });
    expect(finding?.times).toBe(report.differences);
    expect(report.differences).toBeGreaterThan(1);
  });
});

/** What a QEMU says when its worst is over. */
const died = (text: string): QemuAnswer => ({ kind: 'abort', text });

describe('a QEMU', () => {
  test('that ends later than the specification foresees is shrunk by asking it', async () => {
    const isLate = (_: QemuCall, answer: QemuAnswer, at: number): QemuAnswer | null =>
      answer.kind === 'abort' && at < 10 ? { kind: 'rtas', rc: 0, rets: [-1] } : answer;
    const { report, counted } = await run({ says: isLate }, { calls: 12_000, seed: 8 });
    const finding = report.findings.find(({ kind }) => kind === 'abort');
    expect(finding).toMatchObject({ calls: 11, repeatable: true });
    expect(counted.started).toBeGreaterThan(report.machines + 10);
  });

  test('that dies where the specification does not foresee it differs', async () => {
    const fake: Fake = {
      says: (call, answer) =>
        call.op === 'H_STUFF_TCE' && call.args[3]! > 5n ? died('Segmentation fault') : answer,
    };
    const { report } = await run(fake, { calls: 500, out: folder });
    const finding = report.findings.find(({ kind }) => kind === 'difference');
    expect(finding).toMatchObject({ calls: 1, repeatable: true });
    expect(finding?.text).toMatch(/^H_STUFF_TCE\(.*npages 6\).*QEMU is gone: Segmentation fault$/);
    const { mismatches } = await runVectors(openInput(finding!.file!));
    expect(mismatches).toBe(1);
  });

  test('that does not answer any more differs, and another one is asked', async () => {
    const fake: Fake = {
      says: (call, answer) => {
        if (call.op === 'quiesce') throw new Error('the guest did not answer 17 calls within 20 ms');
        return answer;
      },
    };
    const { report, counted } = await run(fake, { calls: 20_000, monitor: false });
    const finding = report.findings.find(({ kind }) => kind === 'difference');
    expect(finding?.text).toMatch(/no answer to compare: the guest did not answer 17 calls/);
    expect(finding).toMatchObject({ repeatable: true, times: report.differences });
    expect(counted.closed).toBe(counted.started);
    expect(report.calls).toBeGreaterThanOrEqual(20_000);
  });

  test('that passes a call over differs', async () => {
    const fake: Fake = { says: (call, answer) => (call.op === 'H_PUT_TCE_INDIRECT' ? null : answer) };
    const { report } = await run(fake, { calls: 300 });
    expect(report.findings).toMatchObject([{ kind: 'difference', calls: 1 }]);
    expect(report.findings[0]?.text).toMatch(/^H_PUT_TCE_INDIRECT.*the call was passed over$/);
  });

  test('that differs only once is told with all calls before', async () => {
    let isFirst = true;
    const fake: Fake = {
      says: (call, answer, at) => {
        if (!isFirst || at < 100 || call.kind !== 'hcall') return answer;
        isFirst = false;
        return { kind: 'hcall', rc: -99, tce: null };
      },
    };
    const { report } = await run(fake, { out: folder, monitor: false });
    const finding = report.findings.find(({ kind }) => kind === 'difference');
    expect(finding).toMatchObject({ times: 1, repeatable: false });
    expect(finding?.calls).toBeGreaterThan(100);
    const { vectors, mismatches } = await runVectors(openInput(finding!.file!));
    expect({ vectors, mismatches }).toEqual({ vectors: finding?.calls, mismatches: 1 });
  });

  test('that cannot be started ends the run with its reason, and with what was compared before', async () => {
    const counted: Counted = { started: 0, closed: 0 };
    const start = fakeQemu({}, counted);
    const report = await runLive({
      start: async (machine) => {
        if (counted.started === 1) throw new Error('The disk is full.');
        return start(machine);
      },
      qemu: '7.2.22',
      machines: MACHINES,
      seed: 5,
      calls: 60_000,
    });
    expect(report).toMatchObject({
      machines: 1,
      differences: 0,
      interrupted: false,
      fault: 'The disk is full.',
    });
    expect(report.calls).toBeGreaterThan(100);
    expect(counted).toEqual({ started: 1, closed: 1 });
  });

  test('where something happened that no answer tells differs when it is left', async () => {
    const start: StartTarget = async (machine) => {
      const target = await fakeQemu()(machine);
      let mapped = 0;
      return {
        play: (calls) => {
          mapped += calls.filter(({ op }) => op === 'H_STUFF_TCE').length;
          return target.play(calls);
        },
        close: async () => {
          if (mapped > 0) throw new Error('guest memory at 0x1000000 was written by nobody');
        },
      };
    };
    const report = await runLive({
      start,
      qemu: '7.2.22',
      machines: MACHINES,
      seed: 5,
      calls: 3000,
      until: 'difference',
    });
    expect(report.findings).toMatchObject([{ kind: 'difference', repeatable: true }]);
    expect(report.findings[0]?.text).toMatch(
      /no answer to compare: guest memory at 0x1000000 was written by nobody/,
    );
    expect(report.findings[0]?.steps.some((step) => step.startsWith('H_STUFF_TCE'))).toBe(true);
  });

  test('that differs all the time is not asked for ever', async () => {
    const fake: Fake = { says: (call, answer) => (call.op === 'H_GET_TCE' ? died('') : answer) };
    const { report } = await run(fake, { calls: 1_000_000 });
    expect(report.differences).toBe(100);
    expect(sum(report.findings.map(({ times }) => times))).toBe(100);
  });
});

describe('somebody who wants to go', () => {
  test('gets what was found so far, and leaves no machine behind that was only prepared', async () => {
    const going = new AbortController();
    const counted: Counted = { started: 0, closed: 0 };
    const start = fakeQemu({}, counted);
    const report = await runLive({
      start: async (machine) => {
        // The next machine begins while the last calls of the first one are made.
        if (counted.started > 0) going.abort();
        return start(machine);
      },
      qemu: '7.2.22',
      machines: MACHINES,
      seed: 5,
      calls: 1_000_000,
      signal: going.signal,
    });
    expect(report).toMatchObject({ interrupted: true, machines: 1 });
    expect(report.calls).toBeGreaterThan(0);
    expect(counted.started).toBeGreaterThan(1);
    expect(counted.closed).toBe(counted.started);
  });

  test('need not wait until a finding is the shortest', async () => {
    const going = new AbortController();
    const { report } = await run(
      { says: (call, answer) => (call.op === 'H_STUFF_TCE' ? died('') : answer) },
      {
        signal: going.signal,
        onProgress: ({ shrinking }) => {
          if (shrinking !== null) going.abort();
        },
      },
    );
    expect(report).toMatchObject({
      interrupted: true,
      differences: 1,
      findings: [{ kind: 'difference', times: 1 }],
    });
  });
});
