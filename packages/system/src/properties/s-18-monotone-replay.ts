import type { VfioCall } from '@spapr-dma/protocol';
import { tceIndex } from '@spapr-dma/protocol';
import { tceAt } from '@spapr-dma/tce-table';
import type { SystemState } from '../choices.js';
import { uaOfGpa } from '../memory-layout.js';
import { differenceIn, isBacked } from './entry-agreement.js';
import { guestMemoryIn } from './guest-memory.js';
import { isQuiet, kvmIn } from './host-state.js';
import { guestsQemu, lockHolder, type ObservedStep, type Property } from './property.js';
import { type ServedWindow, servedWindows } from './served-windows.js';

/** An entry that a replay maps, by container and bus address, and what it maps there. */
interface Mapping {
  readonly containerFd: number;
  readonly iova: bigint;
  readonly vaddr: bigint;
}

interface Memory {
  /** What VFIO is mapping for a replay. */
  readonly underWay: Mapping | null;
  /** What was mapped though the guest had, or may have had, changed the entry meanwhile. */
  readonly late: readonly Mapping[];
}

const windowAt = (state: SystemState, fd: number, iova: bigint): ServedWindow | undefined =>
  servedWindows(state, true).find(
    ({ table, containerFd }) =>
      containerFd === fd && iova >= table.region.start && iova < table.region.start + table.region.bytes,
  );

const indexOf = ({ table }: ServedWindow, iova: bigint): number =>
  Number((iova - table.region.start) >> BigInt(table.pageShift & 63));

/** What QEMU asks VFIO for in this step while it replays. */
const replayed = ({ before, moved }: ObservedStep): readonly VfioCall[] => {
  const replays = [before, moved.state].some((state) =>
    lockHolder(guestsQemu(state)).includes('spapr_tce_replay'),
  );
  if (!replays) return [];
  return moved.sent
    .map(({ message }) => message as unknown as VfioCall)
    .filter(({ type }) => type === 'VFIO_IOMMU_MAP_DMA' || type === 'VFIO_IOMMU_UNMAP_DMA');
};

/** The mapping that VFIO begins with in this step, for a replay. */
function begunIn({ moved: { delivered, state } }: ObservedStep): Mapping | null {
  const call = delivered?.message as unknown as VfioCall | undefined;
  if (call?.type !== 'VFIO_IOMMU_MAP_DMA') return null;
  const { containerFd, iova, vaddr } = call;
  return lockHolder(guestsQemu(state)).includes('spapr_tce_replay') ? { containerFd, iova, vaddr } : null;
}

const isDone = ({ moved }: ObservedStep): boolean =>
  moved.sent.some(({ message }) => message.type === 'vfio-return');

/** May the guest's entry be another by now than what was mapped? */
function mayBeLate(state: SystemState, { containerFd, iova, vaddr }: Mapping): boolean {
  const window = windowAt(state, containerFd, iova);
  if (window === undefined) return false;
  if (kvmIn(state)?.vcpus.some(({ at }) => at !== 'inGuest')) return true;
  const tce = tceAt(window.view, tceIndex(indexOf(window, iova)));
  const page = tce - (tce & ((1n << BigInt(window.table.pageShift & 63)) - 1n));
  return (tce & 3n) === 0n || uaOfGpa(page) !== vaddr;
}

/** What is wrong, now that the replay is over, with entries that it mapped too late. */
function leftWrong(late: readonly Mapping[], state: SystemState): string | null {
  const memory = guestMemoryIn(state);
  for (const { containerFd, iova } of late) {
    const window = windowAt(state, containerFd, iova);
    if (window === undefined || !isBacked(window)) continue;
    const text = differenceIn(memory, window, indexOf(window, iova), 1);
    if (text !== null) return `A replay mapped an entry that the guest had changed meanwhile. ${text}`;
  }
  return null;
}

export const monotoneReplay: Property<Memory> = {
  name: 'S-18',
  title: 'A replay only maps, and leaves the hardware with what the guest has in its entries at the end.',
  sometimes: 'a replay maps an entry',
  reads: ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  asksForQuiet: true,
  initial: { underWay: null, late: [] },
  observe: (memory, step) => {
    const { state } = step.moved;
    const calls = replayed(step);
    const begun = begunIn(step);
    let { underWay, late } = memory;
    underWay = begun ?? underWay;
    if (underWay !== null && isDone(step)) {
      if (mayBeLate(state, underWay)) late = [...late, underWay];
      underWay = null;
    }
    const settles = late.length > 0 && isQuiet(state);
    const unmaps = calls.some(({ type }) => type === 'VFIO_IOMMU_UNMAP_DMA');
    return {
      memory: { underWay, late: settles ? [] : late },
      violation: unmaps ? 'A replay takes a mapping away.' : settles ? leftWrong(late, state) : null,
      reached: calls.length > 0,
    };
  },
};
