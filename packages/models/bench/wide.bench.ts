/** Our search beside Spin's, `xstate/graph`'s and the naive one, on models of the system. */
import { compare, printConditions } from '../../checker/bench/compare.ts';
import { wideModels } from './wide-models.ts';

printConditions();
for (const [name, model] of wideModels()) await compare(name, model);
