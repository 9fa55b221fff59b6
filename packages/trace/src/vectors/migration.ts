import type { Device } from '@spapr-dma/protocol';
import { phbsMade, type QemuState } from '@spapr-dma/qemu-spapr';

/**
 * The command line of who goes on: the PHBs and the devices that are there, in the order of their making, and what
 * else stood on the first one's.
 */
export const devicesAfter = (given: readonly Device[], qemu: QemuState): readonly Device[] => [
  ...phbsMade(qemu).map(({ properties }): Device => ({ driver: 'spapr-pci-host-bridge', ...properties })),
  ...given.filter(({ driver }) => driver !== 'spapr-pci-host-bridge' && driver !== 'pci'),
  ...qemu.devices,
];
