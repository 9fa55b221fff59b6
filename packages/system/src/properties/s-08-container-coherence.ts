import { groupOf, type PowernvState, peOfGroup } from '@spapr-dma/powernv-ioda2';
import type { Container } from '@spapr-dma/vfio-host';
import { powernvIn, vfioIn } from './host-state.js';
import { firstOf, whenQuiet } from './when-quiet.js';

/** A group that lacks a window of its container. */
function incoherent(powernv: PowernvState, { container, groups, iommu }: Container): string | null {
  if (iommu === null) return null;
  for (const [number, window] of iommu.windows.entries()) {
    if (window === null) continue;
    const { table } = window.facts;
    for (const group of groups) {
      const slot = groupOf(powernv, group)?.tables[number] ?? null;
      const tve = peOfGroup(powernv, group)?.tves[number];
      const window = `Window ${number} of container ${container} is table ${table}`;
      if (slot !== table)
        return `${window}, but group ${group} has ${slot === null ? 'no table' : `table ${slot}`} there.`;
      if (tve?.mode !== 'TCE' || tve.table !== table) {
        return `${window}, but TVE ${number} of group ${group} does not name it.`;
      }
    }
  }
  return null;
}

export const containerCoherence = whenQuiet(
  'S-8',
  'Between calls, every group of a container has all windows of the container, in the kernel and in its TVEs.',
  'a container has a window and a group',
  ['vfio-host', 'powernv-ioda2'],
  (state) => {
    const [powernv, vfio] = [powernvIn(state), vfioIn(state)];
    if (powernv === undefined || vfio === undefined) return { violation: null, reached: false };
    return {
      violation: firstOf(vfio.containers, (container) => incoherent(powernv, container)),
      reached: vfio.containers.some(
        ({ groups, iommu }) => groups.length > 0 && iommu?.windows.some((window) => window !== null),
      ),
    };
  },
);
