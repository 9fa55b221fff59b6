import { BYPASS_BASE } from './config.js';
import type { Running } from './sent.js';
import { devicesOfPe, groupOf, type Pe, withDevice } from './state.js';

/**
 * Lets the table base of every device of a bus follow window 0 of its group, which may have none.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_ioda_setup_bus_dma
 */
export function setupBusDma(running: Running, pe: Pe): void {
  const tableBase = groupOf(running.powernv, pe.group)!.tables[0];
  for (const device of devicesOfPe(running.powernv, pe)) {
    running.powernv = withDevice(running.powernv, { ...device, tableBase, dmaOffset: BYPASS_BASE });
  }
}
