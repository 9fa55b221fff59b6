import type { Mm, VfioHost } from '@spapr-dma/vfio-host';
import type { SystemState } from '../choices.js';
import { bytesOfPages } from './hardware-tables.js';
import { vfioIn } from './host-state.js';
import { hex, type Property, type StateVerdict } from './property.js';
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

function judge(state: SystemState): StateVerdict {
  const vfio = vfioIn(state);
  return {
    violation: vfio === undefined ? null : firstOf(vfio.mms, (mm) => overlapIn(vfio, mm)),
    reached: vfio?.mms.some(({ regions }) => regions.length > 1) ?? false,
  };
}

export const regionDisjointness: Property<null> = {
  name: 'S-15',
  title: 'Registered regions of a process never overlap.',
  sometimes: 'a process has two regions',
  reads: ['vfio-host'],
  rules: [{ reads: ['vfio-host'], when: 'always', judge }],
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [vfio, earlier] = [vfioIn(state), vfioIn(before)];
    if (vfio === undefined || vfio.mms === earlier?.mms) return { memory, violation: null, reached: false };
    return { memory, ...judge(state) };
  },
};
