import { expect, test } from 'vitest';
import { breadthFirst } from '../src/breadth-first.ts';
import { depthFirst } from '../src/depth-first.ts';
import { randomWalks } from '../src/random-walk.ts';
import type { SearchResult } from '../src/result.ts';
import { search } from '../src/search.ts';
import { mutualExclusion } from './classics/index.ts';

const model = mutualExclusion('turn-first');

/** Three orders that go three ways about this model. */
const told = ({ seconds: _, ...rest }: SearchResult) => rest;

test.each`
  order        | expected
  ${undefined} | ${breadthFirst(model)}
  ${'breadth'} | ${breadthFirst(model)}
  ${'depth'}   | ${depthFirst(model)}
  ${'random'}  | ${randomWalks(model, { seed: 4 })}
`('in the order that is asked for: $order', ({ order, expected }) => {
  expect(told(search(model, { order, seed: 4 }))).toEqual(told(expected));
});

test.each`
  order       | reduction
  ${'depth'}  | ${'symmetry'}
  ${'depth'}  | ${'partialOrder'}
  ${'random'} | ${'symmetry'}
  ${'random'} | ${'partialOrder'}
`('the order $order takes states as they are, without $reduction', ({ order, reduction }) => {
  expect(() => search(model, { order, seed: 4, [reduction]: true })).toThrow(
    new RegExp(`^a .* takes states as they are, without ${reduction}$`),
  );
  expect(search(model, { order, seed: 4, [reduction]: false }).verdict).toBe('violated');
});

test('the orders differ', () => {
  const lengths = (['breadth', 'depth', 'random'] as const).map((order) => {
    const { states, violations } = search(model, { order, seed: 4 });
    return `${states} states, ${violations[0]!.trace.steps.length} steps`;
  });
  expect(new Set(lengths).size).toBe(3);
});

test('an order that there is not is refused', () => {
  expect(() => search(model, { order: 'deepest' } as object)).toThrow(
    new RangeError("there is no order 'deepest' of a search"),
  );
});
