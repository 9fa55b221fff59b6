import { tceTable } from '@spapr-dma/tce-table';
import { type Outcome, type QemuSent, traced } from './sent.js';
import { type QemuState, tableOf, type Vio, withTable, withVio } from './state.js';

/**
 * Puts one VIO device back: its TCEs become 0 without a line in the log, its queue is freed,
 * which does have a line. Bypass stays as it is.
 * @see [QEMU] hw/ppc/spapr_vio.c: spapr_vio_quiesce_one
 */
export function vioReset(qemu: QemuState, vio: Vio): Outcome {
  const table = tableOf(qemu, BigInt(vio.reg));
  const zeroed =
    table?.mode === 'enabled' ? withTable(qemu, { ...table, view: tceTable(table.nbTable) }) : qemu;
  return {
    qemu: withVio(zeroed, { ...vio, crq: 'free' }),
    sent: [traced({ event: 'spapr_vio_free_crq', unit: BigInt(vio.reg) })],
  };
}

/** Every VIO device, the one that was added last first: the order of QEMU's bus. */
export function allViosReset(qemu: QemuState): Outcome {
  let next = qemu;
  const sent: QemuSent[] = [];
  for (const vio of [...qemu.vios].reverse()) {
    const outcome = vioReset(next, vio);
    next = outcome.qemu;
    sent.push(...outcome.sent);
  }
  return { qemu: next, sent };
}
