import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';
import { depthFirst } from '../src/depth-first.ts';
import type { Model } from '../src/model.ts';
import type { Progress, SearchResult } from '../src/result.ts';
import type { SearchOptions } from '../src/search-options.ts';
import { anyModel, modelOf } from './any-model.ts';
import { CLASSICS, counters } from './classics/index.ts';
import { lockOf } from './liveness-models.ts';
import { isPath } from './paths.ts';

/** What does not depend on the order of the search, where everything within reach was seen. */
const outcome = ({
  verdict,
  violations,
  unreached,
  states,
  transitions,
  bound,
  localStates,
}: SearchResult) => ({
  verdict,
  violated: violations.map(({ property }) => property).sort(),
  unreached,
  states,
  transitions,
  bound,
  localStates,
});

function agree(model: Model, options: SearchOptions): void {
  const deep = depthFirst(model, options);
  const near = breadthFirst(model, options);
  expect(outcome(deep)).toEqual(outcome(near));
  expect(deep.depth).toBeGreaterThanOrEqual(near.depth);
  for (const { property, trace } of deep.violations) {
    expect(isPath(model, trace.steps)).toBe(true);
    const nearest = near.violations.find((each) => each.property === property)!;
    expect(trace.steps.length).toBeGreaterThanOrEqual(nearest.trace.steps.length);
  }
}

/** What both searches see, whatever symmetry makes of it. */
const ALL: SearchOptions = { until: 'all', symmetry: false };

describe('depth first sees what nearest first sees', () => {
  test.each([...CLASSICS, lockOf('unfair'), lockOf('ticket')].map((model) => [model.name, model] as const))(
    '%s',
    (_, model) => {
      agree(model, ALL);
    },
  );

  test.each(CLASSICS.map((model) => [model.name, model] as const))('%s, to a depth', (_, model) => {
    for (const depthMax of [1, 2, 5, 9]) agree(model, { ...ALL, depthMax });
  });

  test('for any model, to any depth', () => {
    const depth = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined });
    fc.assert(
      fc.property(anyModel, depth, (parts, depthMax) => {
        // A model may have no end.
        agree(modelOf(parts), { ...ALL, depthMax: depthMax ?? 6 });
      }),
      { numRuns: 100 },
    );
  }, 120_000);
});

/** By a long way to `near`, which is one step from the start as well, and from there on to `far`. */
const detour: Model = {
  name: 'detour',
  machines: [
    {
      name: 'walker',
      machine: setup({}).createMachine({
        initial: 'start',
        states: {
          start: { on: { detour: 'one', short: 'near' } },
          one: { on: { detour: 'two' } },
          two: { on: { detour: 'near' } },
          near: { on: { short: 'far' } },
          far: {},
        },
      }),
      ownMoves: () => [{ type: 'detour' }, { type: 'short' }],
    },
  ],
  route: () => null,
  properties: [
    {
      kind: 'sometimes',
      name: 'far',
      title: 'somebody is far away',
      reads: { machines: ['walker'] },
      holds: (view) => view.snapshot('walker').value === 'far',
    },
    {
      kind: 'deadlock',
      name: 'goes-on',
      title: 'Nobody stands still',
      reads: { machines: ['walker'] },
      waits: () => 'the walker stands still',
    },
  ],
};

test('goes on again from a state that it meets nearer to the start', () => {
  // The detour comes to `near` by the last step that the bound allows.
  expect(depthFirst(detour, { depthMax: 3, until: 'all' })).toMatchObject({
    verdict: 'violated',
    states: 5,
    transitions: 5,
    bound: null,
  });
  expect(depthFirst(detour, { depthMax: 1 })).toMatchObject({
    verdict: 'bounded',
    states: 3,
    bound: 'depth',
  });
});

test('shows the path on which it is', () => {
  const { violations, depth } = depthFirst(detour);
  expect(depth).toBe(4);
  expect(violations.map(({ property, text }) => [property, text])).toEqual([
    ['goes-on', 'the walker stands still'],
  ]);
  expect(violations[0]!.trace.steps.map(({ message }) => message.type)).toEqual([
    'detour',
    'detour',
    'detour',
    'short',
  ]);
});

test.each`
  bound        | options
  ${'states'}  | ${{ statesMax: 3000 }}
  ${'memory'}  | ${{ bytesMax: 1 }}
  ${'stopped'} | ${{ isStopped: () => true }}
`('stops at a bound: $bound', ({ bound, options }) => {
  const whole = 10_000;
  const result = depthFirst(counters(4, 9), options);
  expect(result).toMatchObject({ verdict: 'bounded', bound, violations: [], unreached: [] });
  expect(result.states).toBeLessThan(whole);
});

test('tells how it goes on', () => {
  const told: Progress[] = [];
  const { states } = depthFirst(counters(4, 9), { onProgress: (progress) => told.push(progress) });
  expect(states).toBe(10_000);
  expect(told[0]).toMatchObject({ transitions: expect.any(Number), depth: expect.any(Number) });
  // All that is known and not gone on from is on its way or left for later.
  expect(told[0]!.frontier).toBeGreaterThan(0);
  expect(told[0]!.frontier).toBeLessThan(told[0]!.states);
});
