/** Our search beside Spin's, `xstate/graph`'s and the naive one: dining philosophers. */
import { philosophers } from '../test/classics/index.ts';
import { compare, printConditions } from './compare.ts';

printConditions();
await compare('dining philosophers, 6', philosophers(6));
