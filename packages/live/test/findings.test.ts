import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WindowSwitches } from '@spapr-dma/qemu-spapr';
import { openInput, type QemuAnswer, type QemuCall, readQemuCalls, runVectors } from '@spapr-dma/trace';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { abortText, answerText, callText, differenceText } from '../src/findings/answer-text.ts';
import { knownCases, writeCase } from '../src/findings/case-file.ts';
import { playCase, specified } from '../src/findings/play-case.ts';
import { keyOf, lost, type Shown, shownBy } from '../src/findings/shown.ts';
import { LiveMachine } from '../src/machine/live-machine.ts';
import {
  addPci,
  addPhb,
  create,
  delPci,
  delPhb,
  dma,
  get,
  indirect,
  lacks,
  machineOf,
  migrate,
  phb,
  put,
  query,
  reset,
  rtas,
  skipped,
  stuff,
} from './machine-real.ts';

const LIOBN = 0x8000_0000n;
const MACHINE = machineOf([phb(0)]);

const hcall = (rc: number, tce: bigint | null = null): QemuAnswer => ({ kind: 'hcall', rc, tce });
const cells = (...rets: number[]): QemuAnswer => ({ kind: 'rtas', rc: 0, rets });
const aborted = (text: string): QemuAnswer => ({ kind: 'abort', text });
const done: QemuAnswer = { kind: 'monitor', error: null };

describe('a call and its answer read', () => {
  test.each<[QemuCall, string]>([
    [put(LIOBN, 0x1000n, 0x5003n), 'H_PUT_TCE(liobn 0x80000000, ioba 0x1000, tce 0x5003)'],
    [stuff(LIOBN, 0n, 3n, 512n), 'H_STUFF_TCE(liobn 0x80000000, ioba 0x0, tce 0x3, npages 512)'],
    [
      indirect(LIOBN, 0n, 0x800000n, [3n, 0x1003n]),
      'H_PUT_TCE_INDIRECT(liobn 0x80000000, ioba 0x0, list 0x800000, npages 2) [0x3, 0x1003]',
    ],
    [
      indirect(LIOBN, 0n, 0x800000n, Array<bigint>(9).fill(3n)),
      'H_PUT_TCE_INDIRECT(liobn 0x80000000, ioba 0x0, list 0x800000, npages 9) [0x3, 0x3, 0x3, 0x3, 0x3, 0x3, 0x3, 0x3, … 1 more]',
    ],
    [create(3, 12, 44), 'ibm,create-pe-dma-window(0x0, 0x8000000, 0x20000003, 0xc, 0x2c; 4 out)'],
    [dma('read', 1, 0x1234n, 7), 'dma-read(PHB 1, ioba 0x1234, bytes 7)'],
    [addPhb(phb(2, { pgsz: 0x1000n, ddw: false })), 'device_add(PHB 2, pgsz 0x1000, ddw false)'],
    [addPci('hot1', 2, 0x18), 'device_add(hot1 at 0x18 behind PHB 2)'],
    [delPhb(2), 'device_del(PHB 2)'],
    [delPci('hot1'), 'device_del(hot1)'],
    [migrate, 'migrate'],
  ])('%# as a person says it', (call, text) => {
    expect(callText(call)).toBe(text);
  });

  test.each<[QemuCall, QemuAnswer, string]>([
    [get(LIOBN, 0n), hcall(0, 0x5003n), 'H_SUCCESS 0x5003'],
    [get(LIOBN, 0n), hcall(-4), 'H_PARAMETER'],
    [get(LIOBN, 0n), hcall(-99), 'r3 -99'],
    [query(0), cells(0, 1, 0x8000_0000, 7, 0), 'SUCCESS 0x1 0x80000000 0x7 0x0'],
    [query(0), cells(-3, 0xdead_beef, 0xdead_beef), 'PARAM_ERROR'],
    [query(0), { kind: 'rtas', rc: -4, rets: [-3] }, 'H_PARAMETER PARAM_ERROR'],
    [rtas('ibm,configure-connector', [0, 0], 1), cells(-9003), 'NOT_CONFIGURABLE'],
    [rtas('quiesce', [], 0), cells(), 'no status'],
    [
      dma('read', 0, 0n, 8),
      { kind: 'dma', pieces: [{ ioba: 0n as never, bytes: 8, gpa: 0x1000n, outcome: 'ram' }] },
      '8 bytes at 0x1000',
    ],
    [dma('read', 0, 0n, 8), { kind: 'dma', pieces: [] }, 'nothing moved'],
    [migrate, done, 'done'],
    [migrate, { kind: 'monitor', error: 'no' }, 'refused: no'],
    [migrate, aborted(' core dumped\n'), 'QEMU is gone: core dumped'],
  ])('%# with what came of it', (call, answer, text) => {
    expect(answerText(call, answer)).toBe(text);
  });

  test('as one sentence where they should not be so', () => {
    expect(differenceText(reset(0), cells(0), cells(-3))).toBe(
      'ibm,reset-pe-dma-window(0x0, 0x8000000, 0x20000000; 1 out): the specification says SUCCESS, QEMU says PARAM_ERROR',
    );
    expect(abortText(migrate, { kind: 'abort', text: 'bye' })).toBe('migrate ends QEMU, as specified: bye');
  });
});

const ASSERTION = "qemu: ../memory.c:2610: add: Assertion `!subregion->container' failed.";

const difference = (call: QemuCall, expected: QemuAnswer, observed: QemuAnswer): Shown => ({
  kind: 'difference',
  at: 0,
  call,
  expected,
  observed,
});

describe('what is shown', () => {
  const calls = [put(LIOBN, 0n, 3n), get(LIOBN, 0n), migrate];
  const expected = [hcall(0), hcall(0, 3n), done];

  test.each<[string, readonly QemuAnswer[], ReturnType<typeof shownBy>]>([
    ['nothing where all is as specified', [hcall(0), hcall(0, 3n), done], null],
    [
      'the first difference',
      [hcall(0), hcall(0, 1n), aborted('')],
      { kind: 'difference', at: 1, call: calls[1]!, expected: hcall(0, 3n), observed: hcall(0, 1n) },
    ],
    [
      'an end that is not foreseen',
      [hcall(0), aborted('')],
      { kind: 'difference', at: 1, call: calls[1]!, expected: hcall(0, 3n), observed: aborted('') },
    ],
    [
      'an answer that is missing',
      [hcall(0)],
      {
        kind: 'difference',
        at: 1,
        call: calls[1]!,
        expected: hcall(0, 3n),
        observed: lost('the call was passed over'),
      },
    ],
  ])('is %s', (_, observed, shown) => {
    expect(shownBy(calls, expected, observed)).toEqual(shown);
  });

  test('is an end that is foreseen', () => {
    const ends = aborted(ASSERTION);
    expect(shownBy([migrate], [aborted('predicted')], [ends])).toMatchObject({
      kind: 'abort',
      at: 0,
      observed: ends,
    });
  });

  test.each<[string, Shown, Shown]>([
    [
      'other values',
      difference(get(LIOBN, 0n), hcall(0, 3n), hcall(0, 1n)),
      difference(get(1n, 9n), hcall(0, 4n), hcall(0, 5n)),
    ],
    [
      'another place in the source',
      difference(migrate, done, aborted(ASSERTION)),
      difference(migrate, done, aborted(ASSERTION.replace('2610', '2642'))),
    ],
    [
      'another call where the last answer was lost',
      difference(migrate, done, lost('17 calls')),
      difference(get(1n, 9n), hcall(0), lost('4096 calls')),
    ],
  ])('is of one kind with %s', (_, one, other) => {
    expect(keyOf(one)).toBe(keyOf(other));
  });

  test.each<[string, Shown, Shown]>([
    [
      'another call',
      difference(get(LIOBN, 0n), hcall(0), hcall(-4)),
      difference(put(LIOBN, 0n, 0n), hcall(0), hcall(-4)),
    ],
    ['another answer', difference(reset(0), cells(0), cells(-3)), difference(reset(0), cells(0), cells(-1))],
    [
      'another answer that is specified',
      difference(reset(0), cells(0), cells(-3)),
      difference(reset(0), cells(-1), cells(-3)),
    ],
    [
      'another assertion',
      difference(migrate, done, aborted(ASSERTION)),
      difference(migrate, done, aborted(ASSERTION.replace('!', ''))),
    ],
    [
      'an end that is foreseen',
      difference(migrate, aborted(ASSERTION), aborted(ASSERTION)),
      { ...difference(migrate, aborted(ASSERTION), aborted(ASSERTION)), kind: 'abort' },
    ],
  ])('is of two kinds with %s', (_, one, other) => {
    expect(keyOf(one)).not.toBe(keyOf(other));
  });
});

describe('files of findings', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'live-findings-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('are known by what their last call shows', async () => {
    const calls = [create(0, 12, 44), create(0, 12, 30)];
    const made = specified({ machine: MACHINE, calls }, {})!;
    writeCase(join(folder, 'b.jsonl'), { machine: MACHINE, calls }, made.expected, { title: 'An end' });
    writeFileSync(join(folder, 'notes.txt'), 'no calls');
    const shown = shownBy(calls, made.expected, made.expected)!;
    expect([...(await knownCases(folder, {})).keys()]).toEqual([keyOf(shown)]);
    // There the first of the two differs already: the file is about something else.
    expect((await knownCases(folder, { nbTruncation: 'fixed' })).size).toBe(0);
  });
});

const KEPT = fileURLToPath(new URL('../../../vectors/qemu-7.2/live/', import.meta.url));
const kept = readdirSync(KEPT).filter((name) => name.endsWith('.jsonl'));

/** What shows without its defect. */
const DEFECTS: Readonly<Record<string, Partial<WindowSwitches>>> = {
  'default-window-lost.jsonl': { defWinClear: 'fixed' },
  'windows-overlap.jsonl': { createAddrCheck: 'fixed' },
  'entries-cut.jsonl': { nbTruncation: 'fixed' },
  'shift-above-63.jsonl': { shiftCheck: 'fixed' },
  'stale-window-after-migration.jsonl': { postLoadGeomCheck: 'fixed' },
};

describe('a finding that is kept', () => {
  test('stands in the table beside it', () => {
    const table = [...readFileSync(join(KEPT, 'README.md'), 'utf8').matchAll(/^\| `([\w-]+)` \|/gm)];
    expect(table.map(([, name]) => `${name}.jsonl`).sort()).toEqual(kept.sort());
  });

  test.each(kept)('%s is as specified, and says what it means', async (name) => {
    const { mismatches, compared, error } = await runVectors(openInput(join(KEPT, name)));
    const { notes, calls } = await readQemuCalls(openInput(join(KEPT, name)));
    expect({ mismatches, compared, error }).toEqual({ mismatches: 0, compared: calls.length, error: null });
    expect(notes).toMatchObject({
      title: expect.stringMatching(/\.$/),
      consequence: expect.stringMatching(/\.$/),
    });
  });

  test.each(Object.entries(DEFECTS))('%s differs by its last call from %o', async (name, switches) => {
    const { machine, calls: lines } = await readQemuCalls(openInput(join(KEPT, name)));
    const calls = lines.map(({ call }) => call);
    const { expected } = specified({ machine, calls }, switches)!;
    const answers = lines.map(({ answer }) => answer);
    expect(shownBy(calls, expected, answers)).toMatchObject({ kind: 'difference', at: calls.length - 1 });
  });

  test.skipIf(lacks !== null).each(kept)(`%s is what a real QEMU does${skipped}`, async (name) => {
    const { machine, calls: lines } = await readQemuCalls(openInput(join(KEPT, name)));
    const calls = lines.map(({ call }) => call);
    const recorded = { calls, expected: lines.map(({ answer }) => answer) };
    const { answers, shown } = await playCase((asked) => LiveMachine.start(asked), machine, recorded);
    expect(answers).toHaveLength(calls.length);
    expect(shown?.kind ?? null).toBe(name.startsWith('abort-') ? 'abort' : null);
  });
});
