import { replayOf } from './notify.js';
import type { Outcome, QemuSent } from './sent.js';
import { phbOfIndex, type QemuState, windowsOfPhb, withPhb, withTable } from './state.js';
import { replayCost } from './table-life.js';

/**
 * Somebody begins to listen to a PHB's windows: each window that exists is replayed, at the cost of its
 * size, and says MAP for each mapped entry.
 * @see [QEMU] softmmu/memory.c: memory_region_register_iommu_notifier; hw/ppc/spapr_iommu.c: spapr_tce_notify_flag_changed
 */
export function registerIommuNotifier(qemu: QemuState, index: number): Outcome {
  const phb = phbOfIndex(qemu, index);
  if (phb === undefined) return { qemu, sent: [] };
  const sent: QemuSent[] = [];
  let next = withPhb(qemu, { ...phb, notifiers: phb.notifiers + 1 });
  for (const table of windowsOfPhb(qemu, index)) {
    next = withTable(next, { ...table, needVfio: true });
    sent.push(...replayCost(table), ...replayOf(table));
  }
  return { qemu: next, sent };
}

/** Somebody stops to listen; with the last one gone, a table needs nobody's ear any more. */
export function unregisterIommuNotifier(qemu: QemuState, index: number): Outcome {
  const phb = phbOfIndex(qemu, index);
  if (phb === undefined || phb.notifiers === 0) return { qemu, sent: [] };
  const notifiers = phb.notifiers - 1;
  const changed = withPhb(qemu, { ...phb, notifiers });
  const tables = windowsOfPhb(qemu, index);
  return {
    qemu: tables.reduce((state, table) => withTable(state, { ...table, needVfio: notifiers > 0 }), changed),
    sent: [],
  };
}
