/** Our search beside Spin's, `xstate/graph`'s and the naive one: two vCPUs that map, unmap and read. */
import { compare, printConditions } from '../../../compare.base.ts';
import { wideModel } from './wide-models.ts';

printConditions();
await compare('two vCPUs, 4 and 4 calls', wideModel('two vCPUs, 4 and 4 calls'));
