import type { OfferSource } from '@spapr-dma/checker';
import { exitsDue, type Participant, type Routes } from '@spapr-dma/system';
import type { EnvironmentState } from './environment.js';
import { stateReader } from './view-state.js';

/** What the host's kernel does of itself when QEMU is gone: its files end, those of KVM first. */
export function exitsOf(participants: readonly Participant[], routes: Routes): OfferSource<EnvironmentState> {
  const qemu = routes['qemu-spapr']!;
  const machines = (['qemu-spapr', 'kvm', 'vfio-host'] as const).flatMap((component) => {
    const name = routes[component];
    return name === undefined ? [] : [name];
  });
  const stateOf = stateReader(participants, routes, { machines, inboxes: null });
  return {
    reads: machines,
    guards: { [qemu]: ({ value }) => value === 'exited' || value === 'aborted' },
    offers: (state, view) =>
      exitsDue(stateOf(view)).map(({ to, message }) => ({
        to,
        message,
        next: state,
        whenIdle: true,
        label: { process: 'kernel', do: 'exit' },
      })),
  };
}
