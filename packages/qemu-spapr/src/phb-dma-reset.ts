import { DEFAULT_WINDOW_PAGE_SHIFT, tceCount } from '@spapr-dma/protocol';
import { type Aborting, aborts } from './qemu-abort.js';
import type { Outcome, QemuSent } from './sent.js';
import { type Phb, type QemuState, tablesOfPhb, withTable } from './state.js';
import { disableTable, enableTable, replayCost } from './table-life.js';

/** Entries of the default window, cut to 32 bits as QEMU's argument is. */
const defaultEntriesOf = ({ properties }: Phb): number =>
  Number(BigInt.asUintN(32, properties.dmaWinSize >> BigInt(DEFAULT_WINDOW_PAGE_SHIFT)));

/**
 * Drops every window of a PHB and makes the default one: 4K pages in slot 0. Notifiers are replayed the
 * fresh window; it is empty, but walking it costs all the same.
 * @see [QEMU] hw/ppc/spapr_pci.c: spapr_phb_dma_reset
 */
export function phbDmaReset(qemu: QemuState, phb: Phb): Outcome & Aborting {
  let next = qemu;
  for (const table of tablesOfPhb(qemu, phb.properties.index)) {
    if (table.mode === 'enabled') next = withTable(next, disableTable(next, table));
  }
  const slot = tablesOfPhb(next, phb.properties.index)[0];
  if (slot === undefined || slot.mode === 'enabled') return { qemu: next, sent: [], aborted: null };

  const { table, sent, aborted } = enableTable(next, slot, {
    pageShift: DEFAULT_WINDOW_PAGE_SHIFT,
    busOffset: phb.properties.dmaWinAddr,
    nbTable: tceCount(defaultEntriesOf(phb)),
  });
  if (aborted) return aborts(next, sent);
  const replayed: readonly QemuSent[] = table.mode === 'enabled' && table.needVfio ? replayCost(table) : [];
  return { qemu: withTable(next, { ...table, defWin: true }), sent: [...sent, ...replayed], aborted: null };
}
