import {
  type Bytes,
  bytes,
  type IommuPageShift,
  iommuPageShift,
  type LevelCount,
  levelCount,
  type TceIndex,
} from '@spapr-dma/protocol';
import { MAX_BLOCK_BYTES, type PowernvConfig } from './config.js';
import { createTable } from './create-table.js';
import { iommuInitTable } from './iommu-init-table.js';
import { iommuTceTablePut } from './iommu-tce-table-put.js';
import { peNow } from './opal.js';
import { type Running, ran } from './sent.js';
import { roundDownPow2, setBypass } from './set-bypass.js';
import { setWindow } from './set-window.js';
import { type HostPhb, type Pe, phbOf, withDevice } from './state.js';

/** The window that the host makes for its own use of a PE. */
export interface DefaultWindow {
  readonly pageShift: IommuPageShift;
  readonly windowBytes: Bytes;
  readonly levels: LevelCount;
  /** IOMMU pages that are kept free, because 32-bit MMIO lies there. */
  readonly reserved: readonly [TceIndex, TceIndex];
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/**
 * The host's own window. Since linux-5.3 it is as large as its allocation map may be, but not larger than the
 * host's memory, and has pages of the host; before, it ended where 32-bit MMIO begins, and had pages of 4 KiB.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_setup_default_config
 */
export function defaultWindow(
  { hostPageShift, ramBytes, features }: PowernvConfig,
  { m32Base }: HostPhb,
): DefaultWindow {
  const memory = roundDownPow2(ramBytes);
  if (features.defaultWindow === 'below4G') {
    const none = 0 as TceIndex;
    return {
      pageShift: iommuPageShift(12),
      windowBytes: bytes(least(m32Base, memory)),
      levels: levelCount(1),
      reserved: [none, none],
    };
  }
  // The map is one block with a bit for each page. That makes 2^27 entries at most, for which two levels do.
  const windowBytes = least((MAX_BLOCK_BYTES * 8n) << BigInt(hostPageShift), memory);
  const page = (address: bigint): TceIndex => Number(address >> BigInt(hostPageShift)) as TceIndex;
  const hasHole = windowBytes > m32Base;
  return {
    pageShift: iommuPageShift(hostPageShift),
    windowBytes: bytes(windowBytes),
    levels: levelCount(2),
    reserved: hasHole ? [page(m32Base), page(least(windowBytes, 1n << 32n))] : [page(0n), page(0n)],
  };
}

/**
 * Gives a PE back to the host: a table of the host's own in window 0, and the bypass window unless the host was
 * started without. A table that cannot be made leaves the PE without either; one that the firmware refuses
 * leaves it with the bypass alone. The table base of a PE that is one function is set here, of a bus elsewhere.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_setup_default_config
 */
export function setupDefaultConfig(running: Running, pe: Pe): void {
  const { config } = running.powernv;
  ran(running, 'pnv_pci_ioda2_setup_default_config', { pe: pe.pe });
  const window = defaultWindow(config, phbOf(running.powernv, pe.phb)!);
  const made = createTable(running, { ...window, num: 0, userspace: false });
  if (typeof made === 'string') return;
  iommuInitTable(running, made.table, ...window.reserved);
  const isSet = setWindow(running, pe.group, 0, made.table) === 'OPAL_SUCCESS';
  if (!isSet) iommuTceTablePut(running, made.table);
  if (!config.nobypass) setBypass(running, peNow(running, pe), true);
  if (pe.scope.mode !== 'device') return;
  const { device } = pe.scope;
  const found = running.powernv.devices.find((each) => each.device === device);
  if (found !== undefined) {
    running.powernv = withDevice(running.powernv, { ...found, tableBase: isSet ? made.table : null });
  }
}
