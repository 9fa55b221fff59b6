/** Our search beside Spin's, `xstate/graph`'s and the naive one: dining philosophers. */

import { compare, printConditions } from '../../../compare.base.ts';
import { philosophers } from '../test/classics/index.ts';

printConditions();
await compare('dining philosophers, 6', philosophers(6));
