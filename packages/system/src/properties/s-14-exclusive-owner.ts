import { devicesOfPe, type PowernvState, peOfGroup } from '@spapr-dma/powernv-ioda2';
import type { VfioHost } from '@spapr-dma/vfio-host';
import { powernvIn, vfioIn } from './host-state.js';
import type { Property } from './property.js';
import { firstOf } from './when-quiet.js';

/** What the host still has of a group that is VFIO's. */
function shared(powernv: PowernvState, group: number): string | null {
  const pe = peOfGroup(powernv, group);
  if (pe === undefined) return null;
  const bypass = pe.tves.find((tve) => tve.mode === 'BYPASS');
  if (bypass !== undefined || pe.bypassEnabled) {
    return `Group ${group} is VFIO's, and the bypass window of PE ${pe.pe} on PHB ${pe.phb} lets its devices get at all memory of the host.`;
  }
  const device = devicesOfPe(powernv, pe).find(({ tableBase }) => tableBase !== null);
  return device === undefined
    ? null
    : `Group ${group} is VFIO's, and the iommu_table_base of ${device.device} is still table ${device.tableBase}.`;
}

function twoContainers({ containers }: VfioHost): string | null {
  const groups = containers.flatMap((container) => container.groups);
  const double = groups.find((group, at) => groups.indexOf(group) !== at);
  return double === undefined ? null : `Group ${double} is in two containers.`;
}

export const exclusiveOwner: Property<null> = {
  name: 'S-14',
  title:
    "A group is the host's or one container's; while it is VFIO's, its bypass is off and the host makes no DMA.",
  sometimes: 'a group is handed to VFIO',
  reads: ['vfio-host', 'powernv-ioda2'],
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [powernv, earlier, vfio] = [powernvIn(state), powernvIn(before), vfioIn(state)];
    const same = powernv === earlier && vfio === vfioIn(before);
    if (powernv === undefined || earlier === undefined || same)
      return { memory, violation: null, reached: false };
    const owned = powernv.groups.filter(({ owner }) => owner === 'vfio');
    const used = powernv.accidents.hostDmaWhileOwned && !earlier.accidents.hostDmaWhileOwned;
    const violation =
      firstOf(owned, ({ group }) => shared(powernv, group)) ??
      (vfio === undefined ? null : twoContainers(vfio)) ??
      (used ? "The host's DMA API works on a device whose group is VFIO's." : null);
    return { memory, violation, reached: owned.length > 0 };
  },
};
