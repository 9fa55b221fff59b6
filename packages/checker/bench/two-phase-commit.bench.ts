/** Our search beside Spin's, `xstate/graph`'s and the naive one: two-phase commit. */
import { twoPhaseCommit } from '../test/classics/index.ts';
import { compare, printConditions } from './compare.ts';

printConditions();
await compare('two-phase commit, 6 resource managers', twoPhaseCommit(6));
