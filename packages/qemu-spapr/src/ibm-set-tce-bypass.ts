import type { IbmSetTceBypass } from '@spapr-dma/protocol';
import { type Outcome, refused, rtasReturn } from './sent.js';
import { type QemuState, tableOf, vioOf, withTable } from './state.js';

/**
 * Switches translation of a VIO device's DMA off or on. The TCEs stay.
 * @see [QEMU] hw/ppc/spapr_vio.c: rtas_set_tce_bypass
 */
export function ibmSetTceBypass(qemu: QemuState, call: IbmSetTceBypass): Outcome {
  const [unit = 0, enable = 0] = call.args;
  if (call.args.length !== 2) return refused(qemu, call, 'PARAM_ERROR');
  const vio = vioOf(qemu, BigInt(unit >>> 0));
  const table = vio?.hasTable ? tableOf(qemu, BigInt(vio.reg)) : undefined;
  if (table === undefined) return refused(qemu, call, 'PARAM_ERROR');
  return {
    qemu: withTable(qemu, { ...table, bypass: enable !== 0 }),
    sent: [rtasReturn(call, 'SUCCESS')],
  };
}
