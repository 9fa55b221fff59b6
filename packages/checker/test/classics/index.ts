import type { Model } from '../../src/model.ts';
import { alternatingBit } from './alternating-bit.ts';
import { counters } from './counters.ts';
import { lockServer } from './lock-server.ts';
import { mutualExclusion } from './mutual-exclusion.ts';
import { philosophers } from './philosophers.ts';
import { tokenRing } from './token-ring.ts';
import { twoPhaseCommit, twoPhaseSet } from './two-phase-commit.ts';

export * from './alternating-bit.ts';
export * from './counters.ts';
export * from './lock-server.ts';
export * from './mutual-exclusion.ts';
export * from './philosophers.ts';
export * from './token-ring.ts';
export * from './two-phase-commit.ts';

/** One or two small models of each kind: what two ways of searching are compared on. */
export const CLASSICS: readonly Model[] = [
  twoPhaseSet(2),
  twoPhaseSet(3),
  twoPhaseCommit(3),
  twoPhaseCommit(3, { isEarly: true }),
  mutualExclusion('peterson'),
  mutualExclusion('turn-first'),
  mutualExclusion('test-and-set'),
  philosophers(3),
  philosophers(3, { isAsymmetric: true }),
  alternatingBit(3, 2),
  alternatingBit(3, 2, { isCareless: true }),
  lockServer(3),
  counters(3, 3),
  tokenRing(3, 7, 2),
];
