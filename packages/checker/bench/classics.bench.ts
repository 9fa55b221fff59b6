/** Our search beside Spin's, `xstate/graph`'s and the naive one, on models that everybody knows. */
import { philosophers, twoPhaseCommit } from '../test/classics/index.ts';
import { compare, printConditions } from './compare.ts';

printConditions();
await compare('dining philosophers, 6', philosophers(6));
await compare('two-phase commit, 6 resource managers', twoPhaseCommit(6));
