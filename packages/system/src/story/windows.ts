import type { KvmState } from '@spapr-dma/kvm';
import type { EnabledTable, QemuState } from '@spapr-dma/qemu-spapr';
import { mappedCount, type TceTable } from '@spapr-dma/tce-table';
import type { AnyMachineSnapshot } from 'xstate';
import type { SystemState } from '../choices.js';
import type { Participant } from '../participants.js';
import type { WindowAtEnd } from './result.js';

const isGone = ({ value }: AnyMachineSnapshot): boolean => value === 'aborted' || value === 'exited';

/** The guest's view of a window: in the KVM beside its QEMU while its file is open there. */
function viewOf(
  participants: readonly Participant[],
  state: SystemState,
  host: string | undefined,
  table: EnabledTable,
): TceTable {
  const beside = participants.find((each) => each.component === 'kvm' && each.host === host);
  const kvm =
    beside === undefined ? undefined : (state.snapshots[beside.name]?.context as KvmState | undefined);
  return (table.fd < 0 ? undefined : kvm?.tables.find(({ fd }) => fd === table.fd)?.view) ?? table.view;
}

/**
 * The windows of every QEMU, in the order of their LIOBN; one that is gone has none any more. What is mapped
 * stands in KVM's view or in QEMU's.
 */
export const windowsOf = (participants: readonly Participant[], state: SystemState): readonly WindowAtEnd[] =>
  participants
    .filter(({ component, name }) => component === 'qemu-spapr' && !isGone(state.snapshots[name]!))
    .flatMap(({ name, host }) =>
      (state.snapshots[name]!.context as QemuState).tables.flatMap((table): readonly WindowAtEnd[] =>
        table.mode === 'enabled'
          ? [
              {
                participant: name,
                liobn: table.liobn,
                start: table.busOffset,
                pageShift: table.pageShift,
                entries: table.nbTable,
                mapped: mappedCount(viewOf(participants, state, host, table)),
              },
            ]
          : [],
      ),
    );
