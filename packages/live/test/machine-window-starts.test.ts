import type { QemuAnswer } from '@spapr-dma/trace';
import { expect, test } from 'vitest';
import { WindowStarts } from '../src/machine/window-starts.ts';
import { addPhb, create, phb, remove, reset, systemReset } from './machine-real.ts';

const LIOBN = 0x8000_0201;
const done: QemuAnswer = { kind: 'monitor', error: null };
const status = (...rets: number[]): QemuAnswer => ({ kind: 'rtas', rc: 0, rets });
const made = status(0, LIOBN, 0x800_0000, 0x1000);

test('a window begins where the answer says that it does', () => {
  const starts = new WindowStarts();
  expect(starts.of(LIOBN)).toBe(undefined);
  starts.saw(create(2, 16, 30), made);
  expect(starts.of(LIOBN)).toBe(0x800_0000_0000_1000n);
});

test.each([
  ['it is removed', remove(LIOBN), status(0)],
  ['its PHB is reset', reset(2), status(0)],
  ['the machine is reset', systemReset, done],
  ['another PHB comes in its place', addPhb(phb(2)), done],
])('and nothing of it is left when %s', (_, call, answer) => {
  const starts = new WindowStarts();
  starts.saw(create(2, 16, 30), made);
  starts.saw(call, answer);
  expect(starts.of(LIOBN)).toBe(undefined);
});

test.each([
  ['refused', remove(LIOBN), status(-3)],
  ['refused', addPhb(phb(2)), { kind: 'monitor', error: 'no' } as const],
  ['about another window', remove(LIOBN - 1), status(0)],
  ['about another PHB', reset(1), status(0)],
])('a call that is %s changes nothing', (_, call, answer) => {
  const starts = new WindowStarts();
  starts.saw(create(2, 16, 30), made);
  starts.saw(call, answer);
  expect(starts.of(LIOBN)).toBe(0x800_0000_0000_1000n);
});
