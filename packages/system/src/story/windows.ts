import { mappedIn, type QemuState } from '@spapr-dma/qemu-spapr';
import type { SystemState } from '../choices.js';
import type { Participant } from '../participants.js';
import type { WindowAtEnd } from './result.js';

/** The windows of every QEMU, in the order of their LIOBN. */
export const windowsOf = (
  participants: readonly Participant[],
  { snapshots }: SystemState,
): readonly WindowAtEnd[] =>
  participants
    .filter(({ component }) => component === 'qemu-spapr')
    .flatMap(({ name }) =>
      (snapshots[name]!.context as QemuState).tables.flatMap((table): readonly WindowAtEnd[] =>
        table.mode === 'enabled'
          ? [
              {
                participant: name,
                liobn: table.liobn,
                start: table.busOffset,
                pageShift: table.pageShift,
                entries: table.nbTable,
                mapped: mappedIn(table),
              },
            ]
          : [],
      ),
    );
