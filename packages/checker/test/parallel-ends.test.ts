import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import { nearestFirst, nearestFirstAsync } from '../src/nearest-first.ts';
import { ParallelSearch } from '../src/parallel/parallel-search.ts';
import { CELLS, type Start } from '../src/parallel/round.ts';
import { newRowCount } from '../src/parallel/shared-store.ts';
import { Threads } from '../src/parallel/threads.ts';
import { counters } from './classics/index.ts';
import { outcomeOf } from './outcome.ts';

const EAGER = { aloneBelow: 1, startAt: 1, roundMax: 16, grain: 1, waits: true, helps: true };

const model = counters(4, 8);

/** A model that fails when a machine has come to a number: the property does not expect it. */
const failing: Model = {
  ...model,
  properties: [
    {
      kind: 'invariant',
      name: 'I',
      title: 'All is well',
      reads: { machines: ['counter0'] },
      sometimes: null,
      judge: (view) => {
        if (view.snapshot('counter0').context.count === 5) throw new Error('the property is broken');
        return { violation: null, reached: true };
      },
    },
  ],
};

/** Threads that were told to end. */
let ended: number;
beforeEach(() => {
  ended = 0;
  const { terminate } = Worker.prototype;
  vi.spyOn(Worker.prototype, 'terminate').mockImplementation(function (this: Worker) {
    ended += 1;
    return terminate.call(this);
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('a search by several threads ends them', () => {
  test('where it comes to its end', () => {
    new ParallelSearch(model, {}, 3, EAGER).run();
    expect(ended).toBe(2);
  });

  test('where the model fails, and says so', () => {
    expect(() => new ParallelSearch(failing, {}, 3, EAGER).run()).toThrow('the property is broken');
    expect(ended).toBe(2);
  });

  test('where one of them fails in a round, and says so', () => {
    const search = new ParallelSearch(model, {}, 3, EAGER);
    // Memory that no thread can make anything of.
    const share = search.store.share.bind(search.store);
    vi.spyOn(search.store, 'share').mockImplementation(() => ({ ...share(), blocks: null as never }));
    expect(() => search.run()).toThrow(/^a thread of the search failed: .*/);
    expect(ended).toBe(2);
  });

  test('where one cannot start, and says so', () => {
    const cells = new Int32Array(new SharedArrayBuffer(CELLS * 4));
    const start: Start = { layout: null as never, hasSymmetry: false, cells, rowCount: newRowCount() };
    const threads = new Threads(1, start);
    threads.waitUntilReady();
    expect(() => threads.areReady).toThrow(/^a thread of the search failed: .*layout|null/);
    threads.stop();
    expect(ended).toBe(1);
  });
});

describe('a search by several threads keeps to its bounds', () => {
  const of = (options: object) => new ParallelSearch(model, options, 2, EAGER);

  test('of states', () => {
    const { bound, verdict, states } = of({ statesMax: 2000 }).run();
    expect({ bound, verdict }).toEqual({ bound: 'states', verdict: 'bounded' });
    expect(states).toBeGreaterThanOrEqual(2000);
    expect(states).toBeLessThan(2500);
  });

  test('of memory', () => {
    const bytesMax = 5_000_000;
    const wide = counters(6, 9);
    for (const workers of [1, 2]) {
      const { bound, states, bytesPerState } = nearestFirst(wide, { bytesMax, workers });
      expect(bound).toBe('memory');
      expect(states * bytesPerState).toBeLessThanOrEqual(bytesMax);
      expect(states).toBeGreaterThan(10_000);
    }
  });

  test('of whoever stops it', () => {
    const { bound, verdict } = of({ isStopped: () => true }).run();
    expect({ bound, verdict }).toEqual({ bound: 'stopped', verdict: 'bounded' });
  });
});

test('a search that lets others through comes to the same, and hears of them', async () => {
  const wide = counters(6, 6);
  expect(outcomeOf(await nearestFirstAsync(wide, { workers: 2 }))).toEqual(outcomeOf(breadthFirst(wide)));
  let isStopped = false;
  setTimeout(() => {
    isStopped = true;
  }, 1);
  const { bound } = await nearestFirstAsync(counters(7, 9), { isStopped: () => isStopped });
  expect(bound).toBe('stopped');
});
