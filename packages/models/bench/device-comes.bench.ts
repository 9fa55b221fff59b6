/** Our search beside Spin's, `xstate/graph`'s and the naive one: a device that is plugged in while a vCPU maps. */
import { compare, printConditions } from '../../../compare.base.ts';
import { wideModel } from './wide-models.ts';

printConditions();
await compare('a device comes, 6 calls', wideModel('a device comes, 6 calls'));
