import type { EntryRuns, RegisterNotifierFrame } from './frames-qemu.js';
import { replayOf } from './notify.js';
import type { Outcome } from './sent.js';
import { setNeedVfio } from './set-need-vfio.js';
import { phbOfIndex, type QemuState, windowsOfPhb, withPhb, withTable } from './state.js';
import { call, goto, type Resumption, ret, returned, type Step } from './steps.js';
import { replayCost } from './table-life.js';
import { isHeard } from './vfio-hooks.js';
import { windowOf } from './view.js';

/** The function to call. */
export const registerIommuNotifier = (index: number): RegisterNotifierFrame => ({
  fn: 'memory_region_register_iommu_notifier',
  at: 'begin',
  index,
  liobns: [],
});

/**
 * Somebody begins to listen to a PHB's windows: each window that exists is replayed, at the cost of its
 * size, and says MAP for each mapped entry.
 *
 * Abstraction: without KVM the views stay where they are, and no line tells that they were made anew.
 * @see [QEMU] softmmu/memory.c: memory_region_register_iommu_notifier; hw/ppc/spapr_iommu.c: spapr_tce_notify_flag_changed
 */
export function memoryRegionRegisterIommuNotifier(
  qemu: QemuState,
  frame: RegisterNotifierFrame,
  resumed: Resumption,
): Step {
  const phb = phbOfIndex(qemu, frame.index);
  const [liobn, ...liobns] = frame.liobns;
  switch (frame.at) {
    case 'begin': {
      if (phb === undefined) return ret(qemu);
      const windows = windowsOfPhb(qemu, frame.index).map((table) => table.liobn);
      const heard = withPhb(qemu, { ...phb, notifiers: phb.notifiers + 1 });
      return goto(heard, { ...frame, at: 'noted', liobns: windows });
    }
    case 'noted': {
      if (liobn === undefined) return ret(qemu);
      const table = windowOf(qemu, liobn);
      if (table.needVfio) {
        const read = { fn: 'read_view', at: 'begin', liobn, fromKvm: false, index: 0, runs: [] } as const;
        return call(qemu, { ...frame, at: 'read' }, read);
      }
      return qemu.config.kvm === null
        ? goto(withTable(qemu, { ...table, needVfio: true }), frame)
        : call(qemu, frame, setNeedVfio(liobn, true));
    }
    case 'read': {
      const table = windowOf(qemu, liobn ?? 0);
      const told = replayOf(table, returned(resumed) as EntryRuns);
      return goto(qemu, { ...frame, at: 'noted', liobns }, [...replayCost(table), ...told]);
    }
  }
}

/** Somebody stops to listen; with the last one gone, a table needs nobody's ear any more. */
export function unregisterIommuNotifier(qemu: QemuState, index: number): Outcome {
  const phb = phbOfIndex(qemu, index);
  if (phb === undefined || phb.notifiers === 0) return { qemu, sent: [] };
  const notifiers = phb.notifiers - 1;
  const changed = withPhb(qemu, { ...phb, notifiers });
  const tables = windowsOfPhb(qemu, index);
  return {
    qemu: tables.reduce(
      (state, table) => withTable(state, { ...table, needVfio: notifiers > 0 || isHeard(qemu, table.liobn) }),
      changed,
    ),
    sent: [],
  };
}
