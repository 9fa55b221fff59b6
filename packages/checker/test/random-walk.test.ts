import { describe, expect, test } from 'vitest';
import { assign, setup } from 'xstate';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import { randomWalks } from '../src/random-walk.ts';
import { Chance } from '../src/random-walk-chance.ts';
import type { SearchResult } from '../src/result.ts';
import { alternatingBit, CLASSICS, counters, mutualExclusion, philosophers } from './classics/index.ts';
import { isPath } from './paths.ts';

const timeless = ({ seconds: _, ...rest }: SearchResult) => rest;

describe('the numbers that walks are made of', () => {
  test('are those of xoshiro128**', () => {
    // What the reference implementation gives, as the tests of several libraries have it, Rust's rand_xoshiro first.
    const chance = new Chance([1, 2, 3, 4]);
    expect(Array.from({ length: 6 }, () => chance.next())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492,
    ]);
  });

  test('are others for another seed, and all of a range', () => {
    const firsts = Array.from({ length: 100 }, (_, seed) => Chance.of(seed).next());
    expect(new Set(firsts).size).toBe(100);
    const chance = Chance.of(7);
    const counts = [0, 0, 0];
    for (let n = 0; n < 3000; n += 1) counts[chance.below(3)]! += 1;
    // Six standard deviations.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(155);
  });
});

test('the same seed walks the same ways', () => {
  const [model, options] = [mutualExclusion('turn-first'), { walks: 20, steps: 50, until: 'all' } as const];
  const one = randomWalks(model, { ...options, seed: 1 });
  expect(timeless(randomWalks(model, { ...options, seed: 1 }))).toEqual(timeless(one));
  const other = randomWalks(model, { ...options, seed: 2 });
  expect([other.states, other.transitions]).not.toEqual([one.states, one.transitions]);
});

describe('finds what is wrong, and shows a path that leads to it', () => {
  test.each(CLASSICS.map((model) => [model.name, model] as const))('%s', (_, model) => {
    const isSafety = (property: string): boolean =>
      model.properties.find(({ name }) => name === property)?.kind !== 'leads-to';
    const near = breadthFirst(model, { until: 'all' }).violations.filter(({ property }) =>
      isSafety(property),
    );
    const walked = randomWalks(model, { seed: 1, walks: 500, steps: 200, until: 'all' });
    expect(walked.verdict).toBe(near.length > 0 ? 'violated' : 'bounded');
    expect(walked.bound).toBe('steps');
    expect(walked.violations.map(({ property }) => property).sort()).toEqual(
      near.map(({ property }) => property).sort(),
    );
    for (const { property, trace } of walked.violations) {
      const nearest = near.find((each) => each.property === property)!;
      expect(isPath(model, trace.steps)).toBe(true);
      // A path of a walk has up to 200 steps.
      expect(trace.steps.length).toBeLessThanOrEqual(2 * nearest.trace.steps.length);
    }
  });

  test('a deadlock', () => {
    const { violations } = randomWalks(philosophers(4), { seed: 3, walks: 2000 });
    expect(violations.map(({ property }) => property)).toEqual(['no-deadlock']);
  });
});

/** Counts up and down; it must not come to `limit`, nor up to 2 by a step from 1. */
const swing = (limit: number): Model => ({
  name: 'swing',
  machines: [
    {
      name: 'swing',
      machine: setup({ types: {} as { context: { readonly at: number } } }).createMachine({
        context: { at: 0 },
        on: {
          up: { actions: assign({ at: ({ context }) => context.at + 1 }) },
          down: {
            guard: ({ context }) => context.at > -100,
            actions: assign({ at: ({ context }) => context.at - 1 }),
          },
        },
      }),
      ownMoves: () => [{ type: 'up' }, { type: 'down' }],
    },
  ],
  route: () => null,
  properties: [
    {
      kind: 'invariant',
      name: 'below',
      title: 'It stays below its limit',
      reads: { machines: ['swing'] },
      sometimes: null,
      judge: (view) => ({
        violation: view.snapshot('swing').context.at >= limit ? 'it is at its limit' : null,
        reached: true,
      }),
    },
    {
      kind: 'observer',
      name: 'never-up-again',
      title: 'It does not go up to 2 a second time',
      reads: { machines: ['swing'] },
      sometimes: null,
      initial: 0,
      remembers: true,
      observe: (memory: number, { after, message }) => {
        const isUp = message.type === 'up' && after.snapshot('swing').context.at === 2;
        const times = isUp ? Math.min(memory + 1, 2) : memory;
        return { memory: times, violation: times > 1 ? 'it went up twice' : null, reached: true };
      },
    },
  ],
});

test('leaves out of a path what it does not take', () => {
  const { violations, depth } = randomWalks(swing(12), { seed: 5, walks: 50, steps: 2000, until: 'all' });
  expect(depth).toBe(2000);
  const pathOf = (property: string): readonly string[] =>
    violations.find((each) => each.property === property)!.trace.steps.map(({ message }) => message.type);
  expect(pathOf('below')).toEqual(Array.from({ length: 12 }, () => 'up'));
  expect(pathOf('never-up-again')).toEqual(['up', 'up', 'down', 'up']);
});

test('reports a mistake at the start with no steps', () => {
  const { violations } = randomWalks(swing(0), { seed: 1 });
  expect(violations).toMatchObject([{ property: 'below', trace: { steps: [], loopAfter: null } }]);
});

test('walks no further than it is told', () => {
  // With this seed, all three go the same way.
  expect(randomWalks(swing(1000), { seed: 1, walks: 3, steps: 1, until: 'all' })).toMatchObject({
    verdict: 'bounded',
    bound: 'steps',
    transitions: 3,
    depth: 1,
    states: 2,
  });
  expect(randomWalks(swing(1000), { seed: 1, walks: 1, depthMax: 2, until: 'all' }).transitions).toBe(2);
});

test.each`
  bound        | options
  ${'states'}  | ${{ statesMax: 100 }}
  ${'memory'}  | ${{ bytesMax: 1 }}
  ${'stopped'} | ${{ isStopped: () => true }}
`('stops at a bound: $bound', ({ bound, options }) => {
  const result = randomWalks(counters(6, 9), { seed: 1, ...options });
  expect(result).toMatchObject({ verdict: 'bounded', bound, violations: [] });
  expect(result.transitions).toBe(1024);
});

test('is not asked what leads to what, nor says that something was not reached', () => {
  const result = randomWalks(alternatingBit(3, 2), { seed: 1, walks: 1, steps: 1 });
  expect(result).toMatchObject({ verdict: 'bounded', unreached: [] });
});
