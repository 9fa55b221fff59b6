import { forEachMapped, mappedCount } from '@spapr-dma/tce-table';
import type { SystemState } from '../choices.js';
import { differenceIn, isBacked } from '../properties/entry-agreement.js';
import type { GuestMemory } from '../properties/guest-memory.js';
import { guestMemoryIn } from '../properties/guest-memory.js';
import { type ServedWindow, servedWindows } from '../properties/served-windows.js';

function missedIn(memory: GuestMemory, window: ServedWindow): number {
  if (!isBacked(window)) return mappedCount(window.view);
  let missed = 0;
  forEachMapped(window.view, (index) => {
    if (differenceIn(memory, window, index, 1) !== null) missed += 1;
  });
  return missed;
}

/** TCEs of guest views that serve passed-through devices, and those of them that the hardware does not follow. */
export function entriesIn(state: SystemState): { readonly live: number; readonly missed: number } {
  const memory = guestMemoryIn(state);
  const windows = servedWindows(state);
  const sum = (of: (window: ServedWindow) => number) => windows.reduce((all, window) => all + of(window), 0);
  return { live: sum(({ view }) => mappedCount(view)), missed: sum((window) => missedIn(memory, window)) };
}
