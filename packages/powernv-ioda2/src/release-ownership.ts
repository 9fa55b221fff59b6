import type { GroupId, HostDeviceId } from '@spapr-dma/protocol';
import { type Running, ran } from './sent.js';
import { setupBusDma } from './setup-bus-dma.js';
import { setupDefaultConfig } from './setup-default-config.js';
import { groupOf, peOfGroup } from './state.js';
import { shownGroup } from './take-ownership.js';

/**
 * Gives a group back to the host, with a new table of the host's own. By device, the first one does it all, and
 * the others find that a table is there.
 *
 * Before db08e1d53034 the table base of a bus's devices stayed as it was: on the table that was freed when the
 * group was taken (B-10).
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_ioda2_release_ownership
 */
export function releaseOwnership(running: Running, id: GroupId, device: HostDeviceId | null): void {
  ran(running, 'pnv_ioda2_release_ownership', shownGroup(running, id, device));
  if (groupOf(running.powernv, id)!.tables[0] !== null) return;
  const pe = peOfGroup(running.powernv, id)!;
  setupDefaultConfig(running, pe);
  if (pe.scope.mode === 'bus' && running.powernv.config.switches.tableBaseUpdate !== 'none') {
    setupBusDma(running, pe);
  }
}
