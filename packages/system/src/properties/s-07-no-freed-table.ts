import { liveTableOf, type Pe, type PowernvState } from '@spapr-dma/powernv-ioda2';
import { powernvIn } from './host-state.js';
import type { Property } from './property.js';
import { firstOf } from './when-quiet.js';

function freedBehind(powernv: PowernvState, { phb, pe, tves }: Pe): string | null {
  for (const [number, tve] of tves.entries()) {
    if (tve.mode !== 'TCE' || liveTableOf(powernv, tve.table) !== undefined) continue;
    return `TVE ${number} of PE ${pe} on PHB ${phb} still names table ${tve.table}, whose memory is freed.`;
  }
  return null;
}

export const noFreedTable: Property<null> = {
  name: 'S-7',
  title: 'No TVE names a table that is freed, and nobody works on one.',
  sometimes: 'a table is freed',
  reads: ['powernv-ioda2'],
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [powernv, earlier] = [powernvIn(state), powernvIn(before)];
    if (powernv === undefined || earlier === undefined || powernv === earlier) {
      return { memory, violation: null, reached: false };
    }
    const used = powernv.accidents.useAfterFree && !earlier.accidents.useAfterFree;
    const violation =
      firstOf(powernv.pes, (pe) => freedBehind(powernv, pe)) ??
      (used ? 'Memory of a hardware table is touched after it was freed.' : null);
    const reached = earlier.tables.some(
      ({ table, mode }) => mode === 'live' && liveTableOf(powernv, table) === undefined,
    );
    return { memory, violation, reached };
  },
};
