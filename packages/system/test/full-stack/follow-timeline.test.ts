import { expect, test } from 'vitest';
import { afterEvent, LINES_NOT_COMPARED, progressAlong, type TimelineProgress } from './follow-timeline.ts';
import { type ModelEvent, PROBE_ON } from './model-events.ts';
import { parseTimeline, readTimeline } from './read-timeline.ts';

const own = (name: string, args: ModelEvent['args'] = {}): ModelEvent => ({
  side: /^(spapr|vfio)_/.test(name) ? 'Q' : 'K',
  name,
  args,
});

/** What comes of lines and a run: true, or the first difference. */
function held(lines: readonly string[], events: readonly ModelEvent[]): true | string {
  let progress: TimelineProgress = progressAlong(
    parseTimeline(lines.map((line) => `  1.0 ${line}`).join('\n')),
  );
  for (const event of events) {
    const next = afterEvent(progress, event);
    if (typeof next === 'string') return next;
    progress = next;
  }
  return progress.at === progress.lines.length ? true : 'the recording goes on';
}

const STUFFS = ['K     H_STUFF_TCE x2 0x80000000 first=0x0 last=0x2000 entries=4 until +1.0 ms'];
const stuff = (at: bigint, entries: bigint, liobn = 0x80000000n) =>
  own('H_STUFF_TCE', { liobn, at, entries });
const tput = (tbl: string, kref: number) => `K     tput tbl=${tbl} kref=${kref}`;
const put = (tbl: number, kref: number) => own('tput', { tbl, kref });
const newTable = (fd: number) => `Q spapr_iommu_new_table liobn=0x80000000 table=0x7fff fd=${fd}`;
const made = (fd: number) => own('spapr_iommu_new_table', { liobn: 0x80000000n, fd });
const attach = (fd: number) => `K     kvfattach tablefd=${fd}`;

test.each`
  case                                           | lines                                                         | events                                                                                    | result
  ${'the same event'}                            | ${['K     lock pages=33 inc=1']}                              | ${[own('lock', { pages: 33, inc: true })]}                                                | ${true}
  ${'another number of pages'}                   | ${['K     lock pages=33 inc=1']}                              | ${[own('lock', { pages: 64, inc: true })]}                                                | ${'pages of K lock pages=64 inc=true, recorded is pages=33 (line 1)'}
  ${'an argument that the machine leaves out'}   | ${['K     lock pages=33 inc=1']}                              | ${[own('lock', { pages: 33 })]}                                                           | ${/^inc of K lock pages=33, recorded is inc=1; the machine does not say/}
  ${'another event'}                             | ${['K     copen ']}                                           | ${[own('cgrp')]}                                                                          | ${'K cgrp, recorded is K copen (line 1)'}
  ${'one event too many'}                        | ${['K     copen ']}                                           | ${[own('copen'), own('cgrp')]}                                                            | ${'K cgrp, and the recording has no more'}
  ${'one event too few'}                         | ${['K     copen ', 'K     cgrp ']}                            | ${[own('copen')]}                                                                         | ${'the recording goes on'}
  ${'tables by other names'}                     | ${[tput('..12', 2), tput('..34', 2), tput('..12', 1)]}        | ${[put(5, 2), put(6, 2), put(5, 1)]}                                                      | ${true}
  ${'two tables that were one'}                  | ${[tput('..12', 2), tput('..12', 1)]}                         | ${[put(5, 2), put(6, 1)]}                                                                 | ${/^tbl of K tput tbl=6 kref=1, recorded is tbl=\.\.12/}
  ${'a new table at the address of a freed one'} | ${[tput('..12', 1), 'K     tfree tbl=..12', tput('..12', 2)]} | ${[put(5, 1), own('tfree', { tbl: 5 }), put(6, 2)]}                                       | ${true}
  ${'a descriptor that is given again'}          | ${[newTable(22), attach(22), newTable(22), attach(22)]}       | ${[made(9), own('kvfattach', { tablefd: 9 }), made(9), own('kvfattach', { tablefd: 9 })]} | ${true}
  ${'the descriptor of another table'}           | ${[newTable(22), newTable(23), attach(22)]}                   | ${[made(9), made(10), own('kvfattach', { tablefd: 10 })]}                                 | ${/^tablefd of K kvfattach tablefd=10, recorded is tablefd=22/}
  ${'no descriptor'}                             | ${[newTable(-1)]}                                             | ${[made(-1)]}                                                                             | ${true}
  ${'folded calls'}                              | ${STUFFS}                                                     | ${[stuff(0n, 2n), stuff(0x2000n, 2n)]}                                                    | ${true}
  ${'folded calls from another address'}         | ${STUFFS}                                                     | ${[stuff(0x1000n, 2n)]}                                                                   | ${/^the address of call 1 /}
  ${'folded calls up to another address'}        | ${STUFFS}                                                     | ${[stuff(0n, 2n), stuff(0x1000n, 2n)]}                                                    | ${/^the address of call 2 /}
  ${'folded calls with fewer entries'}           | ${STUFFS}                                                     | ${[stuff(0n, 1n), stuff(0x2000n, 2n)]}                                                    | ${/^the number of entries at the end of call 2 /}
  ${'folded calls on another LIOBN'}             | ${STUFFS}                                                     | ${[stuff(0n, 2n, 1n)]}                                                                    | ${/^the LIOBN of call 1 /}
  ${'fewer calls than were folded'}              | ${STUFFS}                                                     | ${[stuff(0n, 2n)]}                                                                        | ${'the recording goes on'}
  ${'the error that was recorded'}               | ${['K     ioctl GET_INFO  -> -12', 'K     copen ']}           | ${[own('ioctl GET_INFO'), own('return', { ret: -12 }), own('copen')]}                     | ${true}
  ${'another error'}                             | ${['K     ioctl GET_INFO  -> -12']}                           | ${[own('ioctl GET_INFO'), own('return', { ret: -22 })]}                                   | ${'ioctl GET_INFO returns -22, recorded is -12 (line 1)'}
  ${'an error where there was none'}             | ${['K     ioctl GET_INFO ']}                                  | ${[own('ioctl GET_INFO'), own('return', { ret: -22 })]}                                   | ${'ioctl GET_INFO returns -22, recorded is 0 (line 1)'}
  ${'a line that is not compared'}               | ${['K     lock_r ret=-12', 'K     copen ']}                   | ${[own('copen')]}                                                                         | ${true}
`('$case', ({ lines, events, result }) => {
  const end = held(lines, events);
  if (result instanceof RegExp) expect(end).toMatch(result);
  else expect(end).toBe(result);
});

const all = [
  'boot4k-b',
  'hotplug-b',
  'two-b',
  'reset-b',
  'memhp-b',
  'memlockhp-b',
  'memlockddwkvm-b',
].flatMap((name) => readTimeline(name));

test('the timelines have every probe that the machines can show', () => {
  const shown = new Set(all.map(({ name }) => name));
  expect(Object.values(PROBE_ON).filter((name) => !shown.has(name))).toEqual([]);
});

test('what is not compared occurs in the evidence', () => {
  const shown = new Set(all.map(({ name }) => name));
  const missing = Object.keys(LINES_NOT_COMPARED).filter((name) => !shown.has(name));
  expect(missing).toEqual([]);
});
