import type { Buid } from '@spapr-dma/protocol';
import { enableDdwFrame } from './enable-ddw.js';
import type { DmaSetMaskFrame } from './frames-driver.js';
import type { GuestDevice } from './guest-objects.js';
import { type GuestKernel, nodeOf, withDevice } from './guest-state.js';
import { pciDmaFind } from './pci-dma-setup.js';
import type { ReportBody } from './requests.js';
import { call, printk, ret, returnedRc, type Step, type StepFunction } from './steps.js';

const MASK_32 = (1n << 32n) - 1n;
const MASK_64 = (1n << 64n) - 1n;

/**
 * The PHB whose windows are tried, or undefined where none is: `disable_ddw`, a VIO device, a mask too
 * narrow for the kernel's version, or no window in the device tree.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: iommu_bypass_supported_pSeriesLP
 */
function bypassCandidate(kernel: GuestKernel, { buid }: GuestDevice, dmaMask: bigint): Buid | undefined {
  if (buid === null || kernel.bootArgs.disableDdw) return undefined;
  const wideEnough = kernel.config.version.limitedAddressing ? dmaMask > MASK_32 : dmaMask >= MASK_64;
  if (!wideEnough) return undefined;
  const node = nodeOf(kernel, buid);
  if (node === undefined) return undefined;
  const hasWindow = node.ddwProperty !== null || pciDmaFind(kernel, node) !== undefined;
  return hasWindow ? buid : undefined;
}

/** Reports `probed`. @see [Linux] arch/powerpc/kernel/dma-iommu.c: dma_iommu_dma_supported */
export const dmaSetMask: StepFunction<DmaSetMaskFrame> = (kernel, frame, resumed) => {
  const { device: id, dmaMask } = frame;
  const device = kernel.devices[id];
  if (device === undefined || isOwnedByVfio(kernel, device)) return refused(kernel, id, []);
  if (frame.at === 'begin') {
    const buid = bypassCandidate(kernel, device, dmaMask);
    if (buid === undefined) return withTable(kernel, frame);
    return call(kernel, { ...frame, at: 'enablingDdw' }, enableDdwFrame(buid, id, dmaMask));
  }
  return returnedRc(resumed) === 0 ? withTable(kernel, frame) : withWindow(kernel, frame);
};

const isOwnedByVfio = (kernel: GuestKernel, { buid }: GuestDevice): boolean =>
  buid !== null && nodeOf(kernel, buid)?.owner === 'vfio';

/** All RAM is mapped: no hypercalls, unless persistent memory sets a limit. */
function withWindow(kernel: GuestKernel, { device: id, dmaMask }: DmaSetMaskFrame): Step {
  const device = kernel.devices[id]!;
  const bypass = device.busDmaLimit === 0n;
  const next = withDevice(kernel, id, { mode: 'bound', dmaMask, bypass });
  const table = device.base === null ? undefined : kernel.tables[device.base];
  return ret(next, null, [
    {
      type: 'probed',
      device: id,
      outcome: bypass ? 'direct' : 'dynamic',
      dmaOffset: device.dmaOffset,
      liobn: bypass ? null : (table?.liobn ?? null),
    },
  ]);
}

/** The device's table, if it has one that its mask reaches. */
function withTable(kernel: GuestKernel, { device: id, dmaMask }: DmaSetMaskFrame): Step {
  const { base } = kernel.devices[id]!;
  const table = base === null ? undefined : kernel.tables[base];
  if (table === undefined) return refused(kernel, id, [printk(`${id}: DMA not supported: no table`)]);
  if (BigInt(table.offset) > dmaMask >> BigInt(table.pageShift)) {
    return refused(kernel, id, [printk(`${id}: table offset too big for the device's mask`)]);
  }
  const next = withDevice(kernel, id, { mode: 'bound', dmaMask, bypass: false });
  return ret(next, null, [
    { type: 'probed', device: id, outcome: 'dynamic', dmaOffset: null, liobn: table.liobn },
  ]);
}

const refused = (kernel: GuestKernel, device: string, reports: readonly ReportBody[]): Step =>
  ret(kernel, null, [
    ...reports,
    { type: 'probed', device, outcome: 'refused', dmaOffset: null, liobn: null },
  ]);
