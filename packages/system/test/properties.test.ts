import { tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { EnabledTable, QemuState } from '@spapr-dma/qemu-spapr';
import { tceTable, withFill } from '@spapr-dma/tce-table';
import { describe, expect, test } from 'vitest';
import type { Choice, Moved, SystemState } from '../src/choices.ts';
import { costOf } from '../src/costs.ts';
import { PROPERTIES } from '../src/properties/index.ts';
import type { AnyProperty, ObservedStep } from '../src/properties/property.ts';
import { unwatched, watched, watchedAtRest } from '../src/properties/watch.ts';
import { initialState, step } from '../src/pure-driver.ts';
import { calls, doctored, lonelyQemu, play, QEMU, type Stepped } from './systems.ts';

const named = (name: string): AnyProperty => PROPERTIES.find((property) => property.name === name)!;

const observed = ({ before, moved }: Stepped): ObservedStep => ({ before, moved, cost: costOf(moved) });

/** What a property says of some steps: the first thing that is wrong, or null. */
function verdict(name: string, steps: readonly Stepped[]): string | null {
  let known = unwatched([named(name)]);
  steps.forEach((each, index) => {
    known = watched(known, observed(each), index + 1);
  });
  return known[0]!.violated?.text ?? null;
}

const participants = lonelyQemu();

/** Plays choices; after the `at`-th, something happens to the state that no machine did. */
function playDoctored(
  choices: readonly Choice[],
  at: number,
  change: (state: SystemState, before: SystemState) => SystemState,
): readonly Stepped[] {
  let state = initialState(participants);
  return choices.map((choice, index) => {
    const before = state;
    const moved = step(participants, state, choice);
    state = index === at ? change(moved.state, before) : moved.state;
    return { before, moved: { ...moved, state } };
  });
}

/** The last step with other answers. */
const answering = (
  steps: readonly Stepped[],
  change: Readonly<Record<string, unknown>>,
): readonly Stepped[] =>
  steps.map((each, index) => {
    if (index < steps.length - 1) return each;
    const sent = each.moved.sent.map((routed) =>
      /-return$/.test(routed.message.type)
        ? { ...routed, message: { ...routed.message, ...change } }
        : routed,
    );
    return { ...each, moved: { ...each.moved, sent } satisfies Moved };
  });

const withTables = (state: SystemState, change: (tables: QemuState['tables']) => QemuState['tables']) =>
  doctored<QemuState>(state, QEMU, (qemu) => ({ ...qemu, tables: change(qemu.tables) }));

/** The first window in another condition. */
const withWindow = (state: SystemState, change: Partial<EnabledTable>) =>
  withTables(state, ([first, ...others]) => [{ ...(first as EnabledTable), ...change }, ...others]);

describe('S-5, the last value that was accepted is read', () => {
  const put = [calls.reset, calls.put(0x1000n, 0x5003n), calls.put(0x1000n, 0x6003n), calls.get(0x1000n)];

  test('holds for what QEMU does', () => {
    expect(verdict('S-5', play(participants, put))).toBeNull();
  });

  test('is violated where an update is lost after it was accepted', () => {
    const lost = playDoctored(put, 2, (_, before) => before);
    expect(verdict('S-5', lost)).toBe(
      'H_GET_TCE of 0x1000 in LIOBN 0x80000000 returns 0x5003, but the last value that was accepted there is 0x6003.',
    );
  });

  test('says nothing of entries that a refused call may have written', () => {
    const refused = [calls.reset, calls.stuff(0x2000n, 0x7001n, 4n), calls.get(0x3000n)];
    expect(verdict('S-5', play(participants, refused))).toBeNull();
    expect(verdict('S-5', answering(play(participants, refused), { tce: 0x1n }))).toBeNull();
    const certain = [...refused.slice(0, 2), calls.put(0x3000n, 0n), calls.get(0x3000n)];
    expect(verdict('S-5', answering(play(participants, certain), { tce: 0x7001n }))).toContain('0x7001');
  });

  test('expects 0 of a window that was made anew', () => {
    const anew = [calls.reset, calls.put(0n, 0x5003n), calls.reset, calls.get(0n)];
    expect(verdict('S-5', play(participants, anew))).toBeNull();
    expect(verdict('S-5', answering(play(participants, anew), { tce: 0x5003n }))).toContain('is 0x0');
  });
});

describe('S-10, accesses stay inside the table', () => {
  test('is violated where a call beyond the window is accepted', () => {
    const beyond = play(participants, [calls.reset, calls.put(0x4000n, 0x5003n)]);
    expect(verdict('S-10', beyond)).toBeNull();
    expect(verdict('S-10', answering(beyond, { status: 'H_SUCCESS' }))).toContain(
      'H_PUT_TCE of 1 pages from 0x4000 in LIOBN 0x80000000 succeeds',
    );
  });

  test('is violated where a run of pages leaves the window', () => {
    const beyond = play(participants, [calls.reset, calls.stuff(0x2000n, 0n, 4n)]);
    expect(verdict('S-10', answering(beyond, { status: 'H_SUCCESS' }))).toContain('H_STUFF_TCE of 4 pages');
  });

  test('is violated where a table has less room than its window has entries', () => {
    const short = playDoctored([calls.reset], 0, (state) =>
      withWindow(state, { view: tceTable(tceCount(2)) }),
    );
    expect(verdict('S-10', short)).toContain('has room for 2 entries and is accessed as if it had 4');
  });

  test('is violated where a notifier hears of an address that no window reaches', () => {
    const listening = play(participants, [calls.reset, calls.listen, calls.put(0x1000n, 0x5003n)]);
    expect(verdict('S-10', listening)).toBeNull();
    const stray = listening.map((each) => ({
      ...each,
      moved: {
        ...each.moved,
        sent: each.moved.sent.map((routed) =>
          routed.message.type === 'iommu-notify'
            ? { ...routed, message: { ...routed.message, iova: 0x9000n } as typeof routed.message }
            : routed,
        ),
      },
    }));
    expect(verdict('S-10', stray)).toBe('A notifier of PHB 0 is told of 0x9000, which no window reaches.');
  });
});

describe('S-13, windows have the shape they were asked for', () => {
  test('is violated where a create makes a window of another size', () => {
    const created = playDoctored([calls.reset, calls.create(16, 20)], 1, (state) =>
      withTables(state, (tables) =>
        tables.map((table) =>
          table.mode === 'enabled' && table.liobn === 0x80000001
            ? {
                ...table,
                nbTable: tceCount(8),
                view: tceTable(tceCount(8)),
                region: { ...table.region, bytes: 0x80000n },
              }
            : table,
        ),
      ),
    );
    expect(verdict('S-13', play(participants, [calls.reset, calls.create(16, 20)]))).toBeNull();
    expect(verdict('S-13', created)).toBe(
      'ibm,create-pe-dma-window for page shift 16 and window shift 20 makes a window of 8 entries.',
    );
  });

  test('is violated where a page has more bytes than 64 bits can count', () => {
    const odd = play(participants, [calls.reset, calls.create(76, 80)]);
    expect(verdict('S-13', odd)).toContain('no page has 2^76 bytes');
  });
});

describe('S-16, flags say what is the case', () => {
  test('is violated where replays are skipped with no create under way', () => {
    const left = playDoctored([calls.reset], 0, (state) => withWindow(state, { skippingReplay: true }));
    expect(verdict('S-16', left)).toBe('LIOBN 0x80000000 skips replays though no create is under way.');
  });

  test('is violated where a table tells somebody who does not listen', () => {
    const deaf = playDoctored([calls.reset], 0, (state) => withWindow(state, { needVfio: true }));
    expect(verdict('S-16', deaf)).toContain('nobody listens to PHB 0');
  });

  test('is violated where a table tells nobody though somebody listens', () => {
    const mute = playDoctored([calls.reset, calls.listen], 1, (state) =>
      withWindow(state, { needVfio: false }),
    );
    expect(verdict('S-16', mute)).toContain('LIOBN 0x80000000 tells nobody');
    expect(verdict('S-16', play(participants, [calls.reset, calls.listen]))).toBeNull();
  });

  test('allows replays to be skipped while a create waits for its listeners', () => {
    const waiting = play(participants, [calls.reset, calls.listen, calls.create(16, 20)]);
    expect(verdict('S-16', waiting)).toBeNull();
  });
});

test('S-17 is violated where two tables have one LIOBN', () => {
  const twice = playDoctored([calls.reset], 0, (state) =>
    withTables(state, (tables) => [tables[0]!, ...tables]),
  );
  expect(verdict('S-17', play(participants, [calls.reset]))).toBeNull();
  expect(verdict('S-17', twice)).toBe('Two tables are named LIOBN 0x80000000.');
});

describe('S-20, a new window is empty', () => {
  const created = [calls.reset, calls.create(16, 20)];

  test('is violated where a create returns a window with an entry in it', () => {
    const dirty = playDoctored(created, 1, (state) =>
      withTables(state, (tables) =>
        tables.map((table) =>
          table.mode === 'enabled' && table.liobn === 0x80000001
            ? { ...table, view: withFill(table.view, tceIndex(3), tceCount(2), tce(0x5000n)) }
            : table,
        ),
      ),
    );
    expect(verdict('S-20', play(participants, created))).toBeNull();
    expect(verdict('S-20', dirty)).toBe('A create returns LIOBN 0x80000001 with 2 entries already in it.');
  });

  test('is violated where a create returns a LIOBN without a window', () => {
    const none = playDoctored(created, 1, (_, before) => before);
    expect(verdict('S-20', none)).toBe('A create returns LIOBN 0x80000001, which has no window.');
  });
});

describe('L-1, calls are answered', () => {
  test('is violated by the very step in which QEMU goes while a call waits', () => {
    const gone = play(participants, [calls.reset, calls.create(12, 44), calls.create(12, 20)]);
    expect(verdict('L-1', gone)).toBe('ibm,create-pe-dma-window of vcpu0 is never answered: QEMU is gone.');
    expect(verdict('L-1', gone.slice(0, 2))).toBeNull();
  });

  test('is violated where nobody can move and a call waits', () => {
    const steps = play(participants, [calls.reset, calls.listen, calls.create(16, 20)]);
    const known = steps.reduce(
      (all, each, at) => watched(all, observed(each), at + 1),
      unwatched([named('L-1')]),
    );
    expect(known[0]!.violated).toBeNull();
    const atRest = watchedAtRest(known, steps.at(-1)!.moved.state, 3);
    expect(atRest[0]!.violated).toEqual({
      step: 3,
      text: 'ibm,create-pe-dma-window of vcpu0 is never answered: nobody can move any more.',
    });
  });
});

describe('L-2, calls do not hold a vCPU too long', () => {
  test('counts what QEMU spends from the arrival of a call to its answer', () => {
    const replaying = lonelyQemu('newest', { replayPolicy: 'always' });
    const steps = play(replaying, [calls.reset, calls.listen, calls.create(16, 47), calls.finishCreate]);
    expect(verdict('L-2', steps)).toBe(
      'ibm,create-pe-dma-window of vcpu0 takes 172 s; the guest reports a stall after 21 s.',
    );
    const small = play(replaying, [calls.reset, calls.listen, calls.create(16, 40), calls.finishCreate]);
    expect(verdict('L-2', small)).toBeNull();
  });
});

describe('L-6, the default window comes back', () => {
  test('is violated where a machine reset leaves another window', () => {
    const left = playDoctored([calls.reset, calls.create(16, 20), calls.reset], 2, (_, before) => before);
    expect(verdict('L-6', left)).toBe('After a machine reset, PHB 0 has other windows than its default one.');
  });

  test('allows the guest to give up the default window itself', () => {
    expect(verdict('L-6', play(participants, [calls.reset, calls.remove(0x80000000)]))).toBeNull();
  });
});
