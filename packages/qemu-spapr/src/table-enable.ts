import { tceCount, unreachable } from '@spapr-dma/protocol';
import { tceTable } from '@spapr-dma/tce-table';
import type { DisableTableFrame, EnableTableFrame, WindowShape } from './frames-qemu.js';
import { type Phb, phbOfIndex, type QemuState, type SpaprTceTable, tableOf, withTable } from './state.js';
import { abort, call, callOrGo, type Resumption, ret, returned, type Step } from './steps.js';
import { disableTable, enabledTable, SUBREGION_ASSERTION } from './table-life.js';
import { forgetOwnPuts, tableDisabling, tableEnabled } from './vfio-hooks.js';
import { bindsLate } from './vfio-lazy-bind.js';
import { windowOf } from './view.js';

const slotOf = (qemu: QemuState, liobn: number): SpaprTceTable =>
  tableOf(qemu, BigInt(liobn)) ?? unreachable(`there is no table 0x${liobn.toString(16)}`);

/** The PHB of a table; undefined for a VIO device's. */
export const phbOfTable = (qemu: QemuState, { owner }: SpaprTceTable): Phb | undefined =>
  owner.kind === 'phb' ? phbOfIndex(qemu, owner.index) : undefined;

/**
 * Makes the window of a table that has none: allocates the view, sizes the memory region, attaches it, which all
 * listeners hear at once. With 0 entries the region stays attached to nothing and the slot is stuck; enabling a
 * stuck slot aborts.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_enable
 */
export function spaprTceTableEnable(qemu: QemuState, frame: EnableTableFrame, resumed: Resumption): Step {
  const { liobn } = frame;
  const { pageShift, busOffset } = frame;
  const nbTable = tceCount(frame.nbTable);
  const shape: WindowShape = { pageShift, busOffset, nbTable };
  const table = slotOf(qemu, liobn);
  switch (frame.at) {
    case 'begin': {
      const needVfio = table.needVfio || phbOfTable(qemu, table)?.hasVfio === true;
      return call(
        qemu,
        { ...frame, at: 'allocated' },
        {
          fn: 'spapr_tce_alloc_table',
          at: 'begin',
          liobn,
          ...shape,
          needVfio,
          forceUserspace: bindsLate(qemu, table.owner),
          fd: -1,
        },
      );
    }
    case 'allocated': {
      if (table.mode === 'enabled') return unreachable('a window is made where one is');
      // The assertion fails where the memory region is attached, after the view was made.
      if (table.mode === 'stuck') return abort(qemu, SUBREGION_ASSERTION);
      const fd = returned(resumed) as number;
      const notified = (phbOfTable(qemu, table)?.notifiers ?? 0) > 0;
      const made = withTable(qemu, enabledTable(table, shape, fd, table.needVfio || notified));
      return callOrGo(made, { ...frame, at: 'shown' }, tableEnabled(made, liobn));
    }
    case 'shown':
      return ret(qemu, returned(resumed) ?? '');
    default:
      return unreachable(`spapr_tce_table_enable at ${frame.at satisfies never}`);
  }
}

/**
 * Removes a window: the listeners hear of it first, while the view is there and KVM's fd is open; then the view is
 * given back. So a guest's call may still reach KVM after the hardware's window went (B-46); the switch
 * disableOrder turns the two round. Mappings are not unwound one by one.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_disable
 */
export function spaprTceTableDisable(qemu: QemuState, frame: DisableTableFrame): Step {
  const { liobn } = frame;
  const table = windowOf(qemu, liobn);
  const kvmFirst = qemu.config.switches.disableOrder === 'kvmFirst';
  const hide = (at: QemuState) =>
    callOrGo(at, { ...frame, at: kvmFirst ? 'freed' : 'hidden' }, tableDisabling(at, liobn));
  const free = (at: QemuState) =>
    call(
      at,
      { ...frame, at: kvmFirst ? 'hidden' : 'freed' },
      { fn: 'spapr_tce_free_table', at: 'begin', fd: table.fd },
    );
  switch (frame.at) {
    case 'begin':
      return kvmFirst ? free(qemu) : hide(qemu);
    case 'hidden':
      return kvmFirst
        ? hide(withTable(qemu, { ...table, fd: -1, view: tceTable(table.nbTable) }))
        : free(qemu);
    case 'freed':
      return ret(forgetOwnPuts(withTable(qemu, disableTable(qemu, windowOf(qemu, liobn))), liobn));
    default:
      return unreachable(`spapr_tce_table_disable at ${frame.at satisfies never}`);
  }
}
