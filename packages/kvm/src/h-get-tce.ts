import { type HGetTce, tceIndex } from '@spapr-dma/protocol';
import { tceAt } from '@spapr-dma/tce-table';
import { entryAt, iobaStatus } from './ioba-validate.js';
import { type KvmState, presentTable } from './state.js';
import { answerHcall, type Step } from './steps.js';

/**
 * H_GET_TCE: reads the guest view; a page that is not there reads as zeros.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_h_get_tce
 */
export function hGetTce(kvm: KvmState, hcall: HGetTce): Step {
  const table = presentTable(kvm, hcall.liobn);
  if (table === undefined) return answerHcall(kvm, 'H_TOO_HARD');
  const addressed = iobaStatus(kvm.config, table, hcall.type, hcall.ioba, 1n);
  if (addressed !== 'H_SUCCESS') return answerHcall(kvm, addressed);
  return answerHcall(kvm, 'H_SUCCESS', [], tceAt(table.view, tceIndex(entryAt(table, hcall.ioba))));
}
