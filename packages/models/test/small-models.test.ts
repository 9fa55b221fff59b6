import { fileURLToPath } from 'node:url';
import { breadthFirst } from '@spapr-dma/checker';
import { expect, test } from 'vitest';
import { loadModels, modelOf } from '../src/index.ts';

const { models } = loadModels(fileURLToPath(new URL('../../../', import.meta.url)));
const small = models.filter(({ tier }) => tier === 'small');

test.each(small.map((entry) => [entry.name, entry] as const))('%s', (_, entry) => {
  const { verdict, violations, unreached, states, transitions, depth } = breadthFirst(modelOf(entry).model, {
    until: 'all',
  });
  expect({ verdict, violated: violations.map(({ property }) => property), unreached }).toEqual({
    verdict: entry.verdict,
    violated: entry.violated,
    unreached: [],
  });
  expect({ states, transitions, depth }).toEqual({
    states: entry.states,
    transitions: entry.transitions,
    depth: entry.depth,
  });
});
