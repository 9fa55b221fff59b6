import { DEFAULT_WINDOW_PAGE_SHIFT, tceCount, type VioDevice } from '@spapr-dma/protocol';
import { added, addFailed } from './device-added.js';
import type { DeviceAddFrame } from './frames-qemu.js';
import { type QemuState, type SpaprTceTable, vioOf, withTable, withVio } from './state.js';
import { call, type Step } from './steps.js';
import { vioLiobn } from './window-slots.js';

/**
 * A VIO device; its table is there from the beginning, and needs no reset.
 * @see [QEMU] hw/ppc/spapr_vio.c: spapr_vio_busdev_realize
 */
export function addVio(qemu: QemuState, frame: DeviceAddFrame, device: VioDevice): Step {
  const { driver, reg, rtceWindowBytes } = device;
  if (frame.at === 'vioEnabled') return added(qemu);
  if (frame.plug === 'hot') return addFailed(qemu, `${driver} cannot be hot-plugged`);
  if (vioOf(qemu, BigInt(reg)) !== undefined) {
    return addFailed(qemu, `VIO address 0x${reg.toString(16)} is taken`);
  }
  const hasTable = rtceWindowBytes > 0n;
  const withDevice = withVio(qemu, { reg, hasTable, supportsCrq: driver === 'spapr-vscsi', crq: 'free' });
  if (!hasTable) return added(withDevice);
  const table: SpaprTceTable = {
    mode: 'disabled',
    liobn: vioLiobn(reg),
    owner: { kind: 'vio', reg },
    defWin: false,
    bypass: false,
    needVfio: false,
    skippingReplay: false,
  };
  return call(
    withTable(withDevice, table),
    { ...frame, at: 'vioEnabled' },
    {
      fn: 'spapr_tce_table_enable',
      at: 'begin',
      liobn: table.liobn,
      pageShift: DEFAULT_WINDOW_PAGE_SHIFT,
      busOffset: 0n,
      nbTable: tceCount(Number(rtceWindowBytes >> BigInt(DEFAULT_WINDOW_PAGE_SHIFT))),
    },
  );
}
