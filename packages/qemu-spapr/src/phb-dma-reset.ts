import { DEFAULT_WINDOW_PAGE_SHIFT, tceCount, unreachable } from '@spapr-dma/protocol';
import type { PhbDmaResetFrame } from './frames-qemu.js';
import type { QemuSent } from './sent.js';
import { type Phb, phbOfIndex, type QemuState, tablesOfPhb, windowsOfPhb, withTable } from './state.js';
import { call, type Resumption, ret, returned, type Step } from './steps.js';
import { replayCost } from './table-life.js';

/** Entries of the default window, cut to 32 bits as QEMU's argument is. */
const defaultEntriesOf = ({ properties }: Phb): number =>
  Number(BigInt.asUintN(32, properties.dmaWinSize >> BigInt(DEFAULT_WINDOW_PAGE_SHIFT)));

/** The function to call. */
export const phbDmaReset = (index: number): PhbDmaResetFrame => ({
  fn: 'spapr_phb_dma_reset',
  at: 'begin',
  index,
});

/**
 * Drops every window of a PHB and makes the default one: 4K pages in slot 0. Notifiers are replayed the
 * fresh window; it is empty, but walking it costs all the same.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_dma_reset
 */
export function spaprPhbDmaReset(qemu: QemuState, frame: PhbDmaResetFrame, resumed: Resumption): Step {
  const { index } = frame;
  const phb = phbOfIndex(qemu, index) ?? unreachable(`PHB ${index} is reset, which is not there`);
  const slot = tablesOfPhb(qemu, index)[0] ?? unreachable(`PHB ${index} has no slot`);
  switch (frame.at) {
    case 'begin': {
      const [window] = windowsOfPhb(qemu, index);
      if (window !== undefined) {
        return call(qemu, frame, { fn: 'spapr_tce_table_disable', at: 'begin', liobn: window.liobn });
      }
      return call(
        qemu,
        { ...frame, at: 'enabled' },
        {
          fn: 'spapr_tce_table_enable',
          at: 'begin',
          liobn: slot.liobn,
          pageShift: DEFAULT_WINDOW_PAGE_SHIFT,
          busOffset: phb.properties.dmaWinAddr,
          nbTable: tceCount(defaultEntriesOf(phb)),
        },
      );
    }
    case 'enabled': {
      const replayed: readonly QemuSent[] =
        slot.mode === 'enabled' && phb.notifiers > 0 ? replayCost(slot) : [];
      return ret(withTable(qemu, { ...slot, defWin: true }), returned(resumed), replayed);
    }
    default:
      return unreachable(`spapr_phb_dma_reset at ${frame.at satisfies never}`);
  }
}
