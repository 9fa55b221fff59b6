import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { remember, replayJournal } from '../src/answers.ts';
import { BreadthFirst, breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import { ParallelSearch, type Sharing } from '../src/parallel/parallel-search.ts';
import type { SearchResult } from '../src/result.ts';
import type { SearchOptions } from '../src/search-options.ts';
import { interchangeable } from '../src/symmetry.ts';
import { anyModel, modelOf } from './any-model.ts';
import { CLASSICS, counters, lockServer } from './classics/index.ts';
import { outcomeOf } from './outcome.ts';
import { isPath } from './paths.ts';

/** Shares out as much as there is, in rounds so small that most of what the tables lack is missed in one. */
const EAGER: Sharing = { aloneBelow: 1, startAt: 1, roundMax: 16, grain: 1, waits: true, helps: true };

function agree(model: Model, options: SearchOptions, workers: number, sharing: Partial<Sharing> = {}): void {
  const shared = new ParallelSearch(model, options, workers, { ...EAGER, ...sharing }).run();
  expect(outcomeOf(shared)).toEqual(outcomeOf(breadthFirst(model, options)));
  for (const { trace } of shared.violations) {
    if (trace.loopAfter === null) expect(isPath(model, trace.steps)).toBe(true);
  }
}

/** A search by a thread that has no model and lacks no answer: another search has asked all that there is to ask. */
function agreeOnceAsked(model: Model): void {
  const options: SearchOptions = { until: 'all' };
  const first = new BreadthFirst(remember(model), options);
  const alone = first.run();
  const shared = new ParallelSearch(model, options, 2, { ...EAGER, helps: false });
  const { journal } = first.remembered;
  replayJournal(shared.remembered, journal.data.subarray(0, journal.length));
  expect(outcomeOf(shared.run())).toEqual(outcomeOf(alone));
}

describe('several threads come to what one comes to', () => {
  test.each(CLASSICS.map((model) => [model.name, model] as const))('%s', (_, model) => {
    // Without the thread that has the model, all is gone on from by one that has not.
    agree(model, {}, 2, { helps: false });
    agree(model, { until: 'all' }, 3);
    agreeOnceAsked(model);
  });

  test.each([
    { ...counters(4, 4), symmetry: interchangeable(['counter1', 'counter2', 'counter3']) },
    {
      ...lockServer(3),
      properties: lockServer(3).properties.filter(({ kind }) => kind !== 'leads-to'),
      symmetry: interchangeable(['client0', 'client1', 'client2']),
    },
  ] as const)('$name, by symmetry', (model) => {
    // Which of the images of a state is stored depends on who came first.
    const told = (result: SearchResult) => ({ ...outcomeOf(result), asked: null, localStates: null });
    const alone = breadthFirst(model);
    expect(alone.states).toBeLessThan(breadthFirst(model, { symmetry: false }).states);
    expect(told(new ParallelSearch(model, {}, 2, { ...EAGER, helps: false }).run())).toEqual(told(alone));
    expect(told(new ParallelSearch(model, {}, 3, EAGER).run())).toEqual(told(alone));
  });

  test('for any model', () => {
    const options = fc.record({
      until: fc.constantFrom('first' as const, 'all' as const),
      depthMax: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(
        anyModel,
        options,
        fc.constantFrom(2, 3),
        fc.boolean(),
        (parts, options, workers, helps) => {
          const model = modelOf(parts);
          // Some grow without end: one thread says so soonest.
          fc.pre(breadthFirst(model, { ...options, statesMax: 5000 }).bound !== 'states');
          agree(model, options, workers, { helps });
        },
      ),
      { numRuns: 30, seed: 20 },
    );
  }, 120_000);
});
