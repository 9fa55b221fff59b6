import { mappedCount, nonZeroCount } from '@spapr-dma/tce-table';
import type { SystemState } from '../choices.js';
import { enabledTable, guestsQemu, hex, type Property, rtasAnswer } from './property.js';
import { servedWindows, viewOf } from './served-windows.js';

/** What is in a window that a create has just returned. */
function leftIn(state: SystemState, liobn: number): string | null {
  const table = enabledTable(guestsQemu(state), BigInt(liobn));
  if (table === undefined) return `A create returns LIOBN ${hex(liobn)}, which has no window.`;
  const left = nonZeroCount(viewOf(state, table));
  if (left > 0) return `A create returns LIOBN ${hex(liobn)} with ${left} entries already in it.`;
  for (const { table: served, iommuTable } of servedWindows(state)) {
    const mapped = served === table && iommuTable !== null ? mappedCount(iommuTable.hardware) : 0;
    if (mapped > 0) {
      return `A create returns LIOBN ${hex(liobn)}, and ${mapped} entries of hardware table ${iommuTable!.table} already let devices through.`;
    }
  }
  return null;
}

export const newWindowEmpty: Property<null> = {
  name: 'S-20',
  title: 'A window that a create returns is empty.',
  sometimes: 'a create succeeds',
  reads: ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  initial: null,
  observe: (memory, step) => {
    const answer = rtasAnswer(step);
    const isCreate = answer?.call === 'ibm,create-pe-dma-window' && answer.status === 'SUCCESS';
    if (!isCreate) return { memory, violation: null, reached: false };
    return { memory, violation: leftIn(step.moved.state, answer.outputs[0] ?? 0), reached: true };
  },
};
