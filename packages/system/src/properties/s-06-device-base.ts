import { deviceOf, groupOf, liveTableOf, type PowernvState, peOfDevice } from '@spapr-dma/powernv-ioda2';
import { powernvIn } from './host-state.js';
import type { Property } from './property.js';
import { firstOf } from './when-quiet.js';

/** A device whose base is another table than its PE's first. */
function strayBase(powernv: PowernvState, id: string): string | null {
  const device = deviceOf(powernv, id)!;
  const { tableBase } = device;
  if (tableBase === null) return null;
  const pe = peOfDevice(powernv, device);
  const first = pe === undefined ? null : (groupOf(powernv, pe.group)?.tables[0] ?? null);
  if (tableBase === first && liveTableOf(powernv, tableBase) !== undefined) return null;
  const base = `The iommu_table_base of ${id} is table ${tableBase}`;
  const freed = liveTableOf(powernv, tableBase) === undefined ? ', which is freed' : '';
  return `${base}${freed}; the first table of its PE is ${first === null ? 'none' : `table ${first}`}.`;
}

export const deviceBase: Property<null> = {
  name: 'S-6',
  title: "A device's iommu_table_base is nothing, or the first table of its PE, and that table is there.",
  sometimes: 'a group changes hands',
  reads: ['powernv-ioda2'],
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [powernv, earlier] = [powernvIn(state), powernvIn(before)];
    if (powernv === undefined || earlier === undefined || powernv === earlier) {
      return { memory, violation: null, reached: false };
    }
    return {
      memory,
      violation: firstOf(powernv.devices, ({ device }) => strayBase(powernv, device)),
      reached: powernv.groups.some(({ group, owner }) => groupOf(earlier, group)?.owner !== owner),
    };
  },
};
