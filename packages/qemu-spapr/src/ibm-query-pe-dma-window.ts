import {
  high32,
  type IbmQueryPeDmaWindow,
  LARGEST_WINDOW_5_OUTPUTS,
  LARGEST_WINDOW_6_OUTPUTS,
  low32,
  PHB_WINDOWS_MAX,
  QUERY_PAGE_SIZES,
} from '@spapr-dma/protocol';
import { ddwPhbOf, hasBit } from './ddw-common.js';
import { type Outcome, refused, rtasReturn, traced } from './sent.js';
import { type Phb, type QemuState, windowsOfPhb } from './state.js';

/** The PHB's page sizes in the query's own order of bits. */
function queryMaskOf(qemu: QemuState, { properties }: Phb): number {
  const reported = QUERY_PAGE_SIZES.filter(
    ({ shift }) => (shift !== 21 || qemu.config.features.queryReports2M) && hasBit(properties.pgsz, shift),
  );
  return reported.reduce((mask, { bit }) => mask | bit, 0);
}

/**
 * Tells how many windows the PHB may still have, how large, and with which pages. The largest window is
 * a constant, whatever memory the guest has.
 * @see [QEMU] hw/ppc/spapr_rtas_ddw.c: rtas_ibm_query_pe_dma_window
 */
export function ibmQueryPeDmaWindow(qemu: QemuState, call: IbmQueryPeDmaWindow): Outcome {
  const sixOutputs = call.nret === 6 && qemu.config.features.sixOutputQuery;
  if (call.args.length !== 3 || !(call.nret === 5 || sixOutputs)) return refused(qemu, call, 'PARAM_ERROR');
  const phb = ddwPhbOf(qemu, call);
  if (phb === undefined) return refused(qemu, call, 'PARAM_ERROR');

  const available = PHB_WINDOWS_MAX - windowsOfPhb(qemu, phb.properties.index).length;
  const mask = queryMaskOf(qemu, phb);
  const largest = sixOutputs
    ? [high32(BigInt(LARGEST_WINDOW_6_OUTPUTS)), low32(BigInt(LARGEST_WINDOW_6_OUTPUTS))]
    : [LARGEST_WINDOW_5_OUTPUTS];
  return {
    qemu,
    sent: [
      traced({
        event: 'spapr_iommu_ddw_query',
        buid: phb.buid,
        cfgaddr: call.args[0] ?? 0,
        windowsAvailable: available,
        // The log has the 5-output figure also where the guest got the 6-output one.
        maxWindowSize: BigInt(LARGEST_WINDOW_5_OUTPUTS),
        mask,
      }),
      rtasReturn(call, 'SUCCESS', [available, ...largest, mask, 0]),
    ],
  };
}
