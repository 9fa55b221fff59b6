/** Our search beside Spin's, `xstate/graph`'s and the naive one: QEMU that is gone at any step. */
import { compare, printConditions } from '../../../compare.base.ts';
import { wideModel } from './wide-models.ts';

printConditions();
await compare('QEMU goes, 7 calls', wideModel('QEMU goes, 7 calls'));
