import { connectorOf, withConnector } from './device-del.js';
import { drcReset } from './drc.js';
import { phbDmaReset } from './phb-dma-reset.js';
import { type Aborting, aborts } from './qemu-abort.js';
import { type Outcome, type QemuSent, traced } from './sent.js';
import { phbOfIndex, type QemuState } from './state.js';
import { allViosReset } from './vio-reset.js';

/** Connectors with a device or with something pending, in the order of their index. */
const connectorsOf = (qemu: QemuState): readonly number[] =>
  qemu.phbs
    .filter(({ mode }) => mode === 'present')
    .flatMap(({ drc, slots }) => [drc.index, ...slots.map((slot) => slot.drc.index)])
    .sort((a, b) => a - b);

/** A machine reset, unlike `quiesce`, puts every VIO device back to translating. */
const withoutBypass = (qemu: QemuState): QemuState => ({
  ...qemu,
  tables: qemu.tables.map((table) => (table.bypass ? { ...table, bypass: false } : table)),
});

/**
 * Machine reset. Every PHB gets its default window; VIO devices are put back; connectors whose unplug waits
 * lose their device. TCEs of the fresh windows are 0.
 *
 * Abstraction: PHBs are reset from the highest index down, QEMU takes the one that was made last first; the
 * connectors, whose order is that of a hash table in QEMU, are reset by index.
 * @see [QEMU] hw/ppc/spapr.c: spapr_machine_reset; hw/ppc/spapr_pci.c: spapr_phb_reset
 */
export function systemReset(qemu: QemuState): Outcome & Aborting {
  const sent: QemuSent[] = [];
  let next = qemu;
  for (const { properties } of [...qemu.phbs].reverse()) {
    const phb = phbOfIndex(next, properties.index);
    if (phb?.mode !== 'present') continue;
    const reset = phbDmaReset(next, phb);
    if (reset.aborted !== null) return aborts(next, [...sent, ...reset.sent.slice(0, -1)]);
    next = reset.qemu;
    sent.push(...reset.sent);
  }
  const vios = allViosReset(next);
  next = withoutBypass(vios.qemu);
  sent.push(...vios.sent);
  for (const index of connectorsOf(next)) {
    const at = connectorOf(next, index);
    if (at === undefined) continue;
    const { drc, released } = drcReset(at.drc);
    next = withConnector(next, at, drc, released);
    sent.push(traced({ event: 'spapr_drc_reset', index }));
  }
  return { qemu: next, sent, aborted: null };
}
