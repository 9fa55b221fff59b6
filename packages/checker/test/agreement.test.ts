import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import { naiveSearch } from '../src/naive.ts';
import type { SearchResult } from '../src/result.ts';
import type { SearchOptions } from '../src/search-options.ts';
import { anyModel, modelOf } from './any-model.ts';
import { CLASSICS } from './classics/index.ts';
import { isPath } from './paths.ts';

/** What both ways of searching must say; the rest is about how they went. */
const outcome = ({
  verdict,
  violations,
  unreached,
  states,
  transitions,
  depth,
  bound,
  localStates,
}: SearchResult) => ({
  verdict,
  unreached,
  states,
  transitions,
  depth,
  bound,
  localStates,
  violations: violations.map(({ property, trace }) => `${property} after ${trace.steps.length}`).sort(),
});

/** The plain search does not judge what leads to what. */
const withoutLeadsTo = (model: Model): Model => ({
  ...model,
  properties: model.properties.filter(({ kind }) => kind !== 'leads-to'),
});

function agree(whole: Model, options: SearchOptions): SearchResult {
  const model = withoutLeadsTo(whole);
  const fast = breadthFirst(model, options);
  expect(outcome(fast)).toEqual(outcome(naiveSearch(model, options)));
  for (const { trace } of fast.violations) expect(isPath(model, trace.steps)).toBe(true);
  return fast;
}

describe('the fast search and the plain one come to the same', () => {
  describe.each(CLASSICS.map((model) => [model.name, model] as const))('%s', (_, model) => {
    test.each`
      how                       | options
      ${'to the first mistake'} | ${{}}
      ${'to the end'}           | ${{ until: 'all' }}
      ${'to a depth of 4'}      | ${{ depthMax: 4 }}
    `('$how', ({ options }) => {
      agree(model, options);
    });
  });

  test('for any model', () => {
    const options = fc.record({
      until: fc.constantFrom('first' as const, 'all' as const),
      depthMax: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(anyModel, options, (parts, options) => {
        agree(modelOf(parts), options);
      }),
      { numRuns: 200 },
    );
  }, 120_000);
});
