import type { BindDriver, Errno, UnbindDriver } from '@spapr-dma/protocol';
import { BYPASS_BASE } from './config.js';
import { type Running, ran } from './sent.js';
import {
  deviceOf,
  groupOf,
  type HostDevice,
  type PowernvState,
  peOfDevice,
  tableOf,
  withAccident,
  withDevice,
} from './state.js';
import { shownDevice } from './take-ownership.js';

/** Whether a device that reaches that far may go by the bypass window. */
export function isBypassSupported(powernv: PowernvState, device: HostDevice, dmaMask: bigint): boolean {
  const bypassEnd = BYPASS_BASE + powernv.config.ramBytes - 1n;
  return (peOfDevice(powernv, device)?.bypassEnabled ?? false) && dmaMask >= bypassEnd;
}

/**
 * Binds a driver that uses the host's DMA API, and lets it set its mask: by the bypass window where the mask
 * covers it, else by the device's table base.
 * @returns why not: `ENODEV` without the device, `EBUSY` if VFIO owns the group or a driver is bound, `EIO` where
 * neither way is open to the mask, for then the driver's probe fails
 * @see [Linux] drivers/iommu/iommu.c: iommu_device_use_default_domain
 * @see [Linux] arch/powerpc/kernel/dma-iommu.c: dma_iommu_dma_supported
 */
export function bindDriver(running: Running, { device: id, dmaMask }: BindDriver): Errno | null {
  const device = deviceOf(running.powernv, id);
  if (device === undefined) return 'ENODEV';
  if (device.driver !== null) return 'EBUSY';
  ran(running, 'iommu_device_use_default_domain', shownDevice(running, id));
  const group = groupOf(running.powernv, peOfDevice(running.powernv, device)!.group)!;
  if (group.owner === 'vfio') return 'EBUSY';
  ran(running, 'pnv_pci_ioda_iommu_bypass_supported');
  const bypass = isBypassSupported(running.powernv, device, dmaMask);
  if (!bypass && device.tableBase === null) return 'EIO';
  if (!bypass && tableOf(running.powernv, device.tableBase)?.mode !== 'live') {
    // The mask is compared with what the freed table says of itself.
    running.powernv = withAccident(running.powernv, 'useAfterFree');
  }
  running.powernv = withDevice(running.powernv, { ...device, driver: { dmaMask, bypass } });
  return null;
}

/** Unbinds the driver of a device. What it has mapped stays mapped, as when a driver forgets it. */
export function unbindDriver(running: Running, { device: id }: UnbindDriver): Errno | null {
  const device = deviceOf(running.powernv, id);
  if (device === undefined || device.driver === null) return 'ENODEV';
  running.powernv = withDevice(running.powernv, { ...device, driver: null });
  return null;
}
