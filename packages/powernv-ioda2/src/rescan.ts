import type { Errno, RescanBus } from '@spapr-dma/protocol';
import { busOf, type FoundDevice, joinPe, setupDmaPe } from './pe.js';
import type { Running } from './sent.js';
import { deviceOf, groupOf, type Pe, type PowernvState, phbOf } from './state.js';

/** The PE of a bus. */
const peOfBus = ({ pes }: PowernvState, bus: string): Pe | undefined =>
  pes.find(({ scope }) => scope.mode === 'bus' && scope.bus === bus);

/** The functions in a PHB's slots that the kernel does not have, by bus. */
function missing(powernv: PowernvState, phb: number): ReadonlyMap<string, readonly FoundDevice[]> {
  const found = new Map<string, FoundDevice[]>();
  for (const { device, totalVfs } of phbOf(powernv, phb)!.plugged) {
    if (deviceOf(powernv, device) !== undefined) continue;
    const bus = busOf(device);
    found.set(bus, [...(found.get(bus) ?? []), { device, totalVfs, physfn: null }]);
  }
  return found;
}

/**
 * Looks for functions behind a PHB. All functions of a bus share a PE, which the first one makes.
 *
 * Abstraction: a bus whose group VFIO has is passed over.
 * @returns `ENODEV` without the PHB
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_configure_bus
 */
export function rescan(running: Running, { phb }: Pick<RescanBus, 'phb'>): Errno | null {
  if (phbOf(running.powernv, phb) === undefined) return 'ENODEV';
  for (const [bus, found] of missing(running.powernv, phb)) {
    const pe = peOfBus(running.powernv, bus);
    if (pe === undefined) setupDmaPe(running, phb, { mode: 'bus', bus }, found);
    else if (groupOf(running.powernv, pe.group)!.owner === 'platform') {
      for (const each of found) joinPe(running, pe, each);
    }
  }
  return null;
}
