import type { Mm, VfioHost } from '@spapr-dma/vfio-host';
import { bytesOfPages } from './hardware-tables.js';
import { vfioIn } from './host-state.js';
import { hex, type Property } from './property.js';
import { firstOf } from './when-quiet.js';

function overlapIn(vfio: VfioHost, { process, regions }: Mm): string | null {
  const byAddress = regions.toSorted((a, b) => (a.ua < b.ua ? -1 : a.ua > b.ua ? 1 : a.region - b.region));
  for (const [at, region] of byAddress.entries()) {
    const next = byAddress[at + 1];
    if (next === undefined || region.ua + bytesOfPages(vfio, region.entries) <= next.ua) continue;
    return `Process ${process} has registered memory at ${hex(region.ua)} and at ${hex(next.ua)}, and the two overlap.`;
  }
  return null;
}

export const regionDisjointness: Property<null> = {
  name: 'S-15',
  title: 'Registered regions of a process never overlap.',
  sometimes: 'a process has two regions',
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [vfio, earlier] = [vfioIn(state), vfioIn(before)];
    if (vfio === undefined || vfio.mms === earlier?.mms) return { memory, violation: null, reached: false };
    return {
      memory,
      violation: firstOf(vfio.mms, (mm) => overlapIn(vfio, mm)),
      reached: vfio.mms.some(({ regions }) => regions.length > 1),
    };
  },
};
