import { fail } from 'node:assert';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { spinLacks, spinRun } from '../../../spin.base.ts';
import { breadthFirst } from '../src/breadth-first.ts';
import type { Model } from '../src/model.ts';
import { promelaOf } from '../src/promela.ts';
import { PROMELA_TRANSITIONS_MAX } from '../src/promela-explored.ts';
import { anyModel, modelOf } from './any-model.ts';
import {
  alternatingBit,
  counters,
  lockServer,
  mutualExclusion,
  philosophers,
  tokenRing,
  twoPhaseCommit,
  twoPhaseSet,
} from './classics/index.ts';

const lacks = spinLacks();
const spin = lacks === null ? 'Spin' : `Spin (skipped: ${lacks})`;

/** What both count: Spin takes the start for a step of its own. */
async function counts(model: Model) {
  const { states, transitions } = breadthFirst(model, { until: 'all', statesMax: 10_000 });
  const promela = promelaOf(model);
  const found = await spinRun(promela.text, { states, flags: ['-O0', '-DSAFETY', '-DNOREDUCE'] });
  return {
    ours: { states, transitions },
    exported: { states: promela.states, transitions: promela.transitions },
    spins: { states: found.states, transitions: found.transitions - 1 },
  };
}

/** A token ring to which another token comes at any moment, and comes in the end. */
function ringWithDueToken(): Model {
  const ring = tokenRing(3, 2, 1);
  const sources = ring.environment!.sources.map((source) => ({
    offers: (...seen: Parameters<typeof source.offers>) =>
      source.offers(...seen).map((offer) => ({ ...offer, whenIdle: false, isDue: true })),
  }));
  return { ...ring, name: 'token ring with a due token', environment: { ...ring.environment!, sources } };
}

const CLASSICS = [
  ringWithDueToken(),
  counters(3, 4),
  tokenRing(3, 2, 1),
  philosophers(4),
  lockServer(3),
  alternatingBit(2, 2),
  mutualExclusion('peterson'),
  twoPhaseSet(3),
  twoPhaseCommit(3),
];

describe.skipIf(lacks !== null)(`${spin}, searching what is exported`, () => {
  test.each(CLASSICS.map((model) => [model.name, model] as const))(
    'visits the same: %s',
    async (_, model) => {
      const { ours, exported, spins } = await counts(model);
      expect({ exported, spins }).toEqual({ exported: ours, spins: ours });
    },
  );

  test('visits the same of models of any kind', { timeout: 300_000 }, async () => {
    const models = fc
      .sample(anyModel, { numRuns: 150, seed: 1 })
      .map(modelOf)
      .filter((model) => {
        const { states, bound } = breadthFirst(model, { until: 'all', depthMax: 10, statesMax: 500 });
        return states > 20 && bound === null;
      });
    expect(models.length).toBeGreaterThan(6);
    for (const model of models) {
      const { ours, exported, spins } = await counts(model);
      expect({ exported, spins }).toEqual({ exported: ours, spins: ours });
    }
  });

  test('holds an invariant against each state where it is told to', async () => {
    const run = (model: Model) => spinRun(promelaOf(model).text, { states: 1000, spin: ['-DASSERT'] });
    expect(promelaOf(twoPhaseCommit(3)).asserted).toEqual(['consistent']);
    expect(await run(twoPhaseCommit(3))).toMatchObject({ states: 415, errors: 0 });
    expect(await run(twoPhaseCommit(3, { isEarly: true }))).toMatchObject({ errors: 1 });
  });
});

test('a model with more to remember than a C compiler takes is refused', () => {
  const { message } = refusal(() => promelaOf(counters(1, PROMELA_TRANSITIONS_MAX + 1)));
  expect(message).toBe(
    `1 counters to ${PROMELA_TRANSITIONS_MAX + 1} has more than ${PROMELA_TRANSITIONS_MAX} transitions to remember: too many for a Promela model`,
  );
});

function refusal(run: () => unknown): RangeError {
  try {
    run();
  } catch (error) {
    if (error instanceof RangeError) return error;
    throw error;
  }
  return fail('nothing was refused');
}
