import { fileURLToPath } from 'node:url';
import { breadthFirst } from '@spapr-dma/checker';
import { expect, test } from 'vitest';
import { loadModels, modelOf } from '../src/index.ts';

const { models } = loadModels(fileURLToPath(new URL('../../../', import.meta.url)));
const small = models.filter(({ tier }) => tier === 'small');

test.each(small.map((entry) => [entry.name, entry] as const))('%s', (_, entry) => {
  const { model } = modelOf(entry);
  const { verdict, unreached, states, transitions, depth } = breadthFirst(model);
  expect({ verdict, unreached, states, transitions, depth }).toEqual({
    verdict: entry.verdict,
    unreached: [],
    states: entry.states,
    transitions: entry.transitions,
    depth: entry.depth,
  });
  if (entry.verdict === 'holds') return;
  // A search ends with the first violation; which properties are violated at all, a whole one tells.
  const { violations } = breadthFirst(model, { until: 'all' });
  const names = new Set(violations.map(({ property }) => property));
  expect([...names].sort()).toEqual([...entry.violated].sort());
});
