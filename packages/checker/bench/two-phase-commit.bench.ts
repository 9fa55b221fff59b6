/** Our search beside Spin's, `xstate/graph`'s and the naive one: two-phase commit. */

import { compare, printConditions } from '../../../compare.base.ts';
import { twoPhaseCommit } from '../test/classics/index.ts';

printConditions();
await compare('two-phase commit, 6 resource managers', twoPhaseCommit(6));
