import { describe, expect, test } from 'vitest';
import type { Model } from '../src/model.ts';
import { naiveSearch } from '../src/naive.ts';
import { alternatingBitCounts, petersonCounts, testAndSetCounts } from './classics/by-hand.ts';
import {
  alternatingBit,
  CARELESS_STEPS,
  counterCounts,
  counters,
  deadlockSteps,
  EARLY_COMMIT_STEPS,
  lockServer,
  lockServerCounts,
  mutualExclusion,
  philosopherStates,
  philosophers,
  TURN_FIRST_STEPS,
  tokenRing,
  tokenRingCounts,
  twoPhaseCommit,
  twoPhaseCommitCounts,
  twoPhaseSet,
  twoPhaseSetCounts,
} from './classics/index.ts';

const wholeSearch = (model: Model) => naiveSearch(model, { until: 'all' });

test('two-phase commit with 3 resource managers has the states, steps and depth that TLC reports', () => {
  const result = wholeSearch(twoPhaseSet(3));
  expect(result).toMatchObject({ verdict: 'holds', states: 288, transitions: 1145, depth: 10 });
});

describe('a model without a mistake holds, with the counts that were worked out by hand', () => {
  test.each`
    model                                      | counts
    ${twoPhaseSet(2)}                          | ${twoPhaseSetCounts(2)}
    ${twoPhaseSet(4)}                          | ${twoPhaseSetCounts(4)}
    ${twoPhaseCommit(2)}                       | ${twoPhaseCommitCounts(2)}
    ${twoPhaseCommit(3)}                       | ${twoPhaseCommitCounts(3)}
    ${counters(1, 5)}                          | ${counterCounts(1, 5)}
    ${counters(3, 4)}                          | ${counterCounts(3, 4)}
    ${lockServer(1)}                           | ${lockServerCounts(1)}
    ${lockServer(4)}                           | ${lockServerCounts(4)}
    ${tokenRing(3, 5, 0)}                      | ${tokenRingCounts(5, 0)}
    ${tokenRing(2, 3, 2)}                      | ${tokenRingCounts(3, 2)}
    ${mutualExclusion('peterson')}             | ${petersonCounts()}
    ${mutualExclusion('test-and-set')}         | ${testAndSetCounts()}
    ${alternatingBit(3, 1)}                    | ${alternatingBitCounts(3, 1)}
    ${alternatingBit(4, 2)}                    | ${alternatingBitCounts(4, 2)}
    ${philosophers(3, { isAsymmetric: true })} | ${{ states: philosopherStates(3, { isAsymmetric: true }) }}
    ${philosophers(4, { isAsymmetric: true })} | ${{ states: philosopherStates(4, { isAsymmetric: true }) }}
  `('$model.name: $counts.states states', ({ model, counts }) => {
    expect(wholeSearch(model)).toMatchObject({
      verdict: 'holds',
      violations: [],
      unreached: [],
      bound: null,
      ...counts,
    });
  });
});

describe('a mistake is found by the shortest way there is', () => {
  test.each`
    model                                         | property         | steps
    ${twoPhaseCommit(2, { isEarly: true })}       | ${'consistent'}  | ${EARLY_COMMIT_STEPS}
    ${twoPhaseCommit(3, { isEarly: true })}       | ${'consistent'}  | ${EARLY_COMMIT_STEPS}
    ${mutualExclusion('turn-first')}              | ${'exclusive'}   | ${TURN_FIRST_STEPS}
    ${philosophers(2)}                            | ${'no-deadlock'} | ${deadlockSteps(2)}
    ${philosophers(3)}                            | ${'no-deadlock'} | ${deadlockSteps(3)}
    ${philosophers(4)}                            | ${'no-deadlock'} | ${deadlockSteps(4)}
    ${alternatingBit(2, 1, { isCareless: true })} | ${'in-order'}    | ${CARELESS_STEPS}
    ${alternatingBit(2, 2, { isCareless: true })} | ${'in-order'}    | ${CARELESS_STEPS}
  `('$model.name: $property after $steps steps', ({ model, property, steps }) => {
    const { verdict, violations } = naiveSearch(model);
    expect(verdict).toBe('violated');
    expect(violations.map((each) => [each.property, each.trace.steps.length])).toEqual([[property, steps]]);
  });
});

test('a search goes on behind a mistake when it is told to', () => {
  const { verdict, states } = wholeSearch(philosophers(3));
  expect(verdict).toBe('violated');
  expect(states).toBe(philosopherStates(3));
});
