import { sttPages } from '@spapr-dma/kvm';
import type { Mm, VfioHost } from '@spapr-dma/vfio-host';
import type { SystemState } from '../choices.js';
import { kvmIn, qemusMm, vfioIn } from './host-state.js';
import { firstOf, whenQuiet } from './when-quiet.js';

/** What a process is to be charged, in host pages, and for what. */
interface Due {
  readonly regions: number;
  readonly windows: number;
  readonly views: number;
  readonly enabled: number;
}

/** The containers whose use is charged to a process. */
const containersOf = (vfio: VfioHost, { mm }: Mm) =>
  vfio.containers.flatMap(({ iommu }) =>
    iommu !== null && (iommu.mm ?? qemusMm(vfio)?.mm) === mm ? [iommu] : [],
  );

function dueOf(state: SystemState, vfio: VfioHost, mm: Mm): Due {
  const containers = containersOf(vfio, mm);
  const held = new Set(containers.flatMap(({ preregs }) => preregs));
  // Until linux-4.10 what is registered belongs to the process, and to no container.
  const isMms = vfio.config.switches.preregOwner === 'mm';
  const regions = mm.regions.filter(({ region }) => isMms || held.has(region));
  const kvm = qemusMm(vfio)?.mm === mm.mm ? kvmIn(state) : undefined;
  const views = kvm?.config.features.chargesViews ? kvm.tables.filter(({ mode }) => mode === 'PRESENT') : [];
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
  return {
    regions: sum(regions.map(({ entries }) => entries)),
    windows: sum(containers.flatMap(({ windows }) => windows.map((window) => window?.chargedPages ?? 0))),
    views: sum(views.map(({ size }) => sttPages(kvm!.config.hostPageShift, BigInt(size)))),
    enabled: sum(containers.map(({ lockedPages }) => lockedPages)),
  };
}

function wrongCharge(state: SystemState, vfio: VfioHost, mm: Mm): string | null {
  const { regions, windows, views, enabled } = dueOf(state, vfio, mm);
  const due = regions + windows + views + enabled;
  if (mm.lockedPages === due) return null;
  const parts = `${regions} for registered memory, ${windows} for hardware windows, ${views} for views in KVM, ${enabled} by ENABLE`;
  const way = mm.lockedPages > due ? 'more' : 'fewer';
  return `Process ${mm.process} is charged ${mm.lockedPages} host pages, which is ${Math.abs(mm.lockedPages - due)} ${way} than it holds (${parts}).`;
}

export const accounting = whenQuiet(
  'S-11',
  'Between calls, a process is charged what it holds: registered memory, hardware windows, views in KVM, and no more.',
  'a process is charged',
  ['kvm', 'vfio-host'],
  (state) => {
    const vfio = vfioIn(state);
    if (vfio === undefined) return { violation: null, reached: false };
    const judged = vfio.mms.filter(({ mode }) => mode !== 'leaked');
    return {
      violation: firstOf(judged, (mm) => wrongCharge(state, vfio, mm)),
      reached: vfio.mms.some(({ lockedPages }) => lockedPages > 0),
    };
  },
);
