import type { Errno, RemoveDevice } from '@spapr-dma/protocol';
import { leavePe } from './pe.js';
import type { Running } from './sent.js';
import { deviceOf, groupOf, peOfDevice } from './state.js';

/**
 * Takes a function out of the host's kernel, its driver first. It stays in its slot, for a rescan to find.
 *
 * Abstraction: where VFIO has the group, the real call waits until its user lets go; here it is refused with
 * `EBUSY`, as is a function whose virtual functions are there.
 * @returns why not: `ENODEV` without the device, `EINVAL` for a virtual function, `EIO` where the firmware refuses
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_release_device
 */
export function removeDevice(running: Running, { device: id }: RemoveDevice): Errno | null {
  const device = deviceOf(running.powernv, id);
  if (device === undefined) return 'ENODEV';
  if (device.physfn !== null) return 'EINVAL';
  const { owner } = groupOf(running.powernv, peOfDevice(running.powernv, device)!.group)!;
  if (owner === 'vfio' || device.numVfs > 0) return 'EBUSY';
  return leavePe(running, id) ? null : 'EIO';
}
