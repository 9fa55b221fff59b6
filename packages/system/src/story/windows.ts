import type { QemuState } from '@spapr-dma/qemu-spapr';
import { mappedCount } from '@spapr-dma/tce-table';
import type { AnyMachineSnapshot } from 'xstate';
import type { SystemState } from '../choices.js';
import type { Participant } from '../participants.js';
import { viewOf } from '../properties/served-windows.js';
import type { WindowAtEnd } from './result.js';

const isGone = ({ value }: AnyMachineSnapshot): boolean => value === 'aborted' || value === 'exited';

/**
 * The windows of every QEMU, in the order of their LIOBN; one that is gone has none any more. What is mapped
 * stands in KVM's view or in QEMU's.
 */
export const windowsOf = (participants: readonly Participant[], state: SystemState): readonly WindowAtEnd[] =>
  participants
    .filter(({ component, name }) => component === 'qemu-spapr' && !isGone(state.snapshots[name]!))
    .flatMap(({ name }) =>
      (state.snapshots[name]!.context as QemuState).tables.flatMap((table): readonly WindowAtEnd[] =>
        table.mode === 'enabled'
          ? [
              {
                participant: name,
                liobn: table.liobn,
                start: table.busOffset,
                pageShift: table.pageShift,
                entries: table.nbTable,
                mapped: mappedCount(viewOf(state, table)),
              },
            ]
          : [],
      ),
    );
