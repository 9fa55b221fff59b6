import { unreachable } from '@spapr-dma/protocol';
import { tceTable } from '@spapr-dma/tce-table';
import type { VioResetFrame } from './frames-qemu.js';
import { traced } from './sent.js';
import { type QemuState, tableOf, vioOf, withTable, withVio } from './state.js';
import { call, goto, ret, type Step } from './steps.js';
import { isInKvm, wholeOf } from './view.js';

/** The function to call for every VIO device, the one that was added last first: the order of QEMU's bus. */
export const allViosReset = ({ vios }: QemuState): VioResetFrame => ({
  fn: 'spapr_vio_quiesce_one',
  at: 'begin',
  regs: vios.map(({ reg }) => reg).reverse(),
});

/**
 * Puts VIO devices back, one after the other: its TCEs become 0 without a line in the log, its queue is freed,
 * which does have a line. Bypass stays as it is.
 * @see [QEMU] hw/ppc/spapr_vio.c: spapr_vio_quiesce_one
 */
export function spaprVioQuiesceOne(qemu: QemuState, frame: VioResetFrame): Step {
  const [reg, ...regs] = frame.regs;
  if (reg === undefined) return ret(qemu);
  const table = tableOf(qemu, BigInt(reg));
  if (frame.at === 'begin' && table?.mode === 'enabled') {
    const next: VioResetFrame = { ...frame, at: 'zeroed' };
    if (!isInKvm(table)) return goto(withTable(qemu, { ...table, view: tceTable(table.nbTable) }), next);
    const { liobn } = table;
    return call(qemu, next, { fn: 'write_view', at: 'begin', liobn, runs: wholeOf(table, 0n) });
  }
  const vio = vioOf(qemu, BigInt(reg)) ?? unreachable('a VIO device went in its reset');
  const freed = traced({ event: 'spapr_vio_free_crq', unit: BigInt(vio.reg) });
  return goto(withVio(qemu, { ...vio, crq: 'free' }), { ...frame, at: 'begin', regs }, [freed]);
}
