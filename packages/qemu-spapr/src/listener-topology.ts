import type { Liobn } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type {
  PreregFrame,
  RegionAddFrame,
  RegionDelFrame,
  TopologyJob,
  UpdateTopologyFrame,
} from './frames-vfio.js';
import { ramChanges, ramSectionsOf } from './prereg-sections.js';
import { type QemuState, type RamBlock, tableOf } from './state.js';
import { call, type Resumption, ret, returned, type Step } from './steps.js';
import { sectionChanges, sectionsOf } from './vfio-sections.js';
import {
  containersOfPhb,
  type RamSection,
  type Section,
  type VfioContainer,
  type VfioState,
} from './vfio-state.js';

const regionAdd = (containerFd: number, section: Section): RegionAddFrame => ({
  fn: 'vfio_listener_region_add',
  at: 'begin',
  containerFd,
  section,
  pageShift: 0,
  levels: 0,
  levelsMax: 0,
  startAddr: 0n,
  groups: [],
});
const regionDel = (containerFd: number, section: Section): RegionDelFrame => ({
  fn: 'vfio_listener_region_del',
  at: 'begin',
  containerFd,
  section,
});
const ramAdd = (containerFd: number, section: RamSection): PreregFrame => ({
  fn: 'vfio_prereg_listener_region_add',
  at: 'begin',
  containerFd,
  section,
});
const ramDel = (containerFd: number, section: RamSection): PreregFrame => ({
  fn: 'vfio_prereg_listener_region_del',
  at: 'begin',
  containerFd,
  section,
});

const TELL = {
  region_add: regionAdd,
  region_del: regionDel,
  ram_add: ramAdd,
  ram_del: ramDel,
} as const;

function frameOf({ tell, containerFd, section }: TopologyJob): Frame {
  const told = TELL[tell] as (containerFd: number, section: Section | RamSection) => Frame;
  return told(containerFd, section);
}

/**
 * Tells listeners of changed sections: all that went before all that came, by address, and each to one listener
 * after the other. Returns the first message of one that could not do it, else null; the listeners after it are
 * not told.
 * @see [QEMU] softmmu/memory.c: address_space_update_topology_pass
 */
export function addressSpaceUpdateTopology(
  qemu: QemuState,
  frame: UpdateTopologyFrame,
  resumed: Resumption,
): Step {
  const failed = returned(resumed);
  if (frame.at === 'told' && typeof failed === 'string') return ret(qemu, failed);
  const [job, ...jobs] = frame.jobs;
  if (job === undefined) return ret(qemu);
  return call(qemu, { ...frame, at: 'told', jobs }, frameOf(job));
}

export const topologyFrame = (jobs: readonly TopologyJob[]): UpdateTopologyFrame | null =>
  jobs.length === 0 ? null : { fn: 'address_space_update_topology', at: 'begin', jobs };

/** A listener that came first hears of a coming first, and of a going last. */
const oldestFirst = (vfio: VfioState, phb: number): readonly VfioContainer[] =>
  containersOfPhb(vfio, phb)
    .filter(({ listener }) => listener)
    .reverse();

/** What the listeners of a PHB are told of two flat views of it. */
function windowJobs(
  { vfio }: QemuState,
  phb: number,
  before: readonly Section[],
  after: readonly Section[],
): readonly TopologyJob[] {
  const listeners = oldestFirst(vfio, phb);
  const { gone, come } = sectionChanges(before, after);
  return [
    ...gone.flatMap((section) =>
      [...listeners]
        .reverse()
        .map(({ fd }): TopologyJob => ({ tell: 'region_del', containerFd: fd, section })),
    ),
    ...come.flatMap((section) =>
      listeners.map(({ fd }): TopologyJob => ({ tell: 'region_add', containerFd: fd, section })),
    ),
  ];
}

/** What is told where a window comes or goes; null where nobody listens. `qemu` has the window. */
export function windowChange(
  qemu: QemuState,
  liobn: Liobn,
  change: 'comes' | 'goes',
): UpdateTopologyFrame | null {
  const owner = tableOf(qemu, BigInt(liobn))?.owner;
  if (owner?.kind !== 'phb' || qemu.vfio.containers.length === 0) return null;
  const there = sectionsOf(qemu, owner.index);
  const tables = qemu.tables.filter((table) => table.liobn !== liobn);
  const away = sectionsOf({ ...qemu, tables }, owner.index);
  const [before, after] = change === 'comes' ? [away, there] : [there, away];
  return topologyFrame(windowJobs(qemu, owner.index, before, after));
}

/** What is told where guest memory comes or goes; null where nobody listens. `qemu` has the memory. */
export function memoryChange(
  qemu: QemuState,
  block: RamBlock,
  change: 'comes' | 'goes',
): UpdateTopologyFrame | null {
  const { vfio, config } = qemu;
  const there = ramSectionsOf(qemu);
  const away = ramSectionsOf({ ram: qemu.ram.filter(({ gpa }) => gpa !== block.gpa) });
  const [before, after] = change === 'comes' ? [away, there] : [there, away];
  const { gone, come } = ramChanges(before, after, config.switches.ramSplit);
  const live = vfio.containers.filter(({ preregListener }) => preregListener).map(({ fd }) => fd);
  const listeners = [...vfio.leakedPrereg, ...live.reverse()];
  return topologyFrame([
    ...gone.flatMap((section) =>
      [...listeners].reverse().map((containerFd): TopologyJob => ({ tell: 'ram_del', containerFd, section })),
    ),
    ...come.flatMap((section) =>
      listeners.map((containerFd): TopologyJob => ({ tell: 'ram_add', containerFd, section })),
    ),
  ]);
}
