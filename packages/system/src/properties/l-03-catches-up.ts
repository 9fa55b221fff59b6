import { mappedCount } from '@spapr-dma/tce-table';
import type { SystemState } from '../choices.js';
import { disagreement, isBacked } from './entry-agreement.js';
import { guestMemoryIn } from './guest-memory.js';
import { isQuiet } from './host-state.js';
import type { Property } from './property.js';
import { type ServedWindow, servedWindows } from './served-windows.js';
import { firstOf } from './when-quiet.js';

/** Windows that have come to be served by hardware, and that already held something: not looked at in quiet yet. */
interface Memory {
  readonly known: readonly string[];
  readonly fresh: readonly string[];
}

const nameOf = ({ containerFd, table }: ServedWindow): string =>
  `${containerFd} ${table.liobn} ${table.busOffset}`;

function behind(state: SystemState, fresh: readonly string[]): string | null {
  const memory = guestMemoryIn(state);
  const windows = servedWindows(state).filter((window) => fresh.includes(nameOf(window)));
  const text = firstOf(windows, (window) => disagreement(memory, window));
  return text === null ? null : `What the guest had mapped before the device came is not there. ${text}`;
}

export const catchesUp: Property<Memory> = {
  name: 'L-3',
  title: 'Once a passed-through device is connected, its hardware has every mapping that was there before.',
  sometimes: 'a device is connected to a window that holds mappings',
  reads: ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  asksForQuiet: true,
  initial: { known: [], fresh: [] },
  observe: (memory, { before, moved: { state } }) => {
    if (state.snapshots === before.snapshots) return { memory, violation: null, reached: false };
    const windows = servedWindows(state);
    if (windows.length === 0 && memory.known.length === 0) return { memory, violation: null, reached: false };
    const known = windows.map(nameOf);
    const came = windows.filter((window) => !memory.known.includes(nameOf(window)));
    const held = came.filter((window) => !isBacked(window) || mappedCount(window.view) > 0).map(nameOf);
    const fresh = [...memory.fresh.filter((name) => known.includes(name)), ...held];
    if (!isQuiet(state)) return { memory: { known, fresh }, violation: null, reached: false };
    return { memory: { known, fresh: [] }, violation: behind(state, fresh), reached: fresh.length > 0 };
  },
};
