import { type HcallCode, type TceIndex, tceIndex, tce as tceValue, unreachable } from '@spapr-dma/protocol';
import { withTce } from '@spapr-dma/tce-table';
import type { PutTceFrame } from './frames-qemu.js';
import { notifiesOf } from './notify.js';
import type { QemuSent } from './sent.js';
import { type EnabledTable, type QemuState, withTable } from './state.js';
import { callOrGo, type Resumption, ret, returned, type Step, viewAccess } from './steps.js';
import { ringOf } from './tce-index.js';
import { isHeard, noteOwnPut, notifyEntry, usesVfio } from './vfio-hooks.js';
import { bindView, isUnbound } from './vfio-lazy-bind.js';
import { isInKvm, windowOf } from './view.js';

/** Does a call that writes to this window, or reads it, take more than one step? */
export const isLong = (qemu: QemuState, table: EnabledTable): boolean =>
  isInKvm(table) || (usesVfio(qemu) && isHeard(qemu, table.liobn)) || isUnbound(qemu, table);

/** The function to call for one entry. */
export const putTceFrame = ({ liobn }: EnabledTable, index: TceIndex, tce: bigint): PutTceFrame => ({
  fn: 'put_tce_emu',
  at: 'begin',
  liobn,
  index,
  tce,
});

/**
 * The entry that a loop over pages writes at its `nth` turn, or undefined where it stops; a window that spans the
 * 64-bit address space comes round.
 */
export function entryAt(table: EnabledTable, first: TceIndex, nth: number): TceIndex | undefined {
  const ring = ringOf(table);
  const index = first + nth;
  if (table.nbTable >= ring) return tceIndex(index % ring);
  return index < table.nbTable ? tceIndex(index) : undefined;
}

/**
 * Writes one entry, unread, and tells who listens. What they say is not heard, so the guest gets H_SUCCESS
 * whatever became of it (B-24); with the switch propagateMapError it gets H_HARDWARE.
 * @see [QEMU] hw/ppc/spapr_iommu.c: put_tce_emu
 */
export function putTceEmu(qemu: QemuState, frame: PutTceFrame, resumed: Resumption): Step {
  const { liobn, index, tce } = frame;
  const table = windowOf(qemu, liobn);
  switch (frame.at) {
    case 'begin':
      return callOrGo(noteOwnPut(qemu, liobn, tce), { ...frame, at: 'bound' }, bindView(qemu, table, tce));
    case 'bound': {
      if (isInKvm(table)) {
        const request = { type: 'view_store', liobn, index, count: 1, tce } as const;
        return viewAccess(qemu, { ...frame, at: 'storingEntry' }, request);
      }
      const stored = withTable(qemu, { ...table, view: withTce(table.view, index, tceValue(tce)) });
      return notify(stored, frame, notifiesOf(table, index, [tce]));
    }
    case 'storingEntry':
      return notify(qemu, frame, notifiesOf(table, index, [tce]));
    case 'notified': {
      const failed = returned(resumed) === false && qemu.config.switches.propagateMapError === 'yes';
      return ret(qemu, failed ? 'H_HARDWARE' : 'H_SUCCESS');
    }
    default:
      return unreachable(`put_tce_emu at ${frame.at satisfies never}`);
  }
}

const notify = (qemu: QemuState, frame: PutTceFrame, told: readonly QemuSent[]): Step =>
  callOrGo(qemu, { ...frame, at: 'notified' }, notifyEntry(qemu, frame.liobn, frame.index, frame.tce), told);

/** What `put_tce_emu` returned. */
export const putStatus = (resumed: Resumption): HcallCode => returned(resumed) as HcallCode;
