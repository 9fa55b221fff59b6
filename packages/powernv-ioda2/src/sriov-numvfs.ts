import type { Errno, HostDeviceId, SriovNumVfs } from '@spapr-dma/protocol';
import { busOf, leavePe, setupDmaPe } from './pe.js';
import type { Running } from './sent.js';
import { deviceOf, groupOf, type HostDevice, peOfDevice, withDevice } from './state.js';

/** Where a device's virtual functions are found: from device 0x10 of its bus on, eight to a device. */
export const vfAddress = (physfn: HostDeviceId, n: number): HostDeviceId =>
  `${busOf(physfn)}:${(0x10 + (n >> 3)).toString(16).padStart(2, '0')}.${n & 7}`;

const virtualOf = ({ powernv }: Running, id: HostDeviceId): readonly HostDevice[] =>
  powernv.devices.filter(({ physfn }) => physfn === id);

/**
 * Makes virtual functions, each with a PE and a group of its own, or takes all of them away.
 *
 * Abstraction: taking them away is refused with `EBUSY` while VFIO has one, where the real call waits.
 * @returns why not: `ENODEV` without the device, `ENOENT` if no driver is bound to it, `EINVAL` for more than it
 * can make, `EBUSY` if it has some already, `EIO` where the firmware refuses
 * @see [Linux] arch/powerpc/platforms/powernv/pci-sriov.c: pnv_pci_sriov_enable, pnv_pci_sriov_disable
 */
export function sriovNumvfs(running: Running, { device: id, count }: SriovNumVfs): Errno | null {
  const device = deviceOf(running.powernv, id);
  if (device === undefined) return 'ENODEV';
  if (device.driver === null) return 'ENOENT';
  if (count > device.totalVfs || count < 0) return 'EINVAL';
  if (count === device.numVfs) return null;
  if (count > 0 && device.numVfs > 0) return 'EBUSY';
  const status = count > 0 ? makeVfs(running, device, count) : removeVfs(running, id);
  if (status !== null) return status;
  running.powernv = withDevice(running.powernv, { ...deviceOf(running.powernv, id)!, numVfs: count });
  return null;
}

function makeVfs(running: Running, { device: physfn, phb }: HostDevice, count: number): null {
  for (let n = 0; n < count; n += 1) {
    const device = vfAddress(physfn, n);
    setupDmaPe(running, phb, { mode: 'device', device }, [{ device, physfn, totalVfs: 0 }]);
  }
  return null;
}

function removeVfs(running: Running, id: HostDeviceId): Errno | null {
  const isOwned = (vf: HostDevice): boolean =>
    groupOf(running.powernv, peOfDevice(running.powernv, vf)!.group)!.owner === 'vfio';
  const vfs = virtualOf(running, id);
  if (vfs.some(isOwned)) return 'EBUSY';
  for (const { device } of vfs) if (!leavePe(running, device)) return 'EIO';
  return null;
}
