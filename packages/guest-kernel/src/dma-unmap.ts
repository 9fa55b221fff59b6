import type { DmaUnmapFrame } from './frames-driver.js';
import type { TableId } from './guest-objects.js';
import type { GuestKernel } from './guest-state.js';
import { iommuRangeFree, isInTable } from './iommu-range-alloc.js';
import { withTable } from './iommu-table.js';
import { call, hex, printk, ret, type StepFunction } from './steps.js';

/**
 * Reports `unmapped`. The entries are cleared first; the pages are free afterwards whatever the hypervisor
 * answered. A range that is not the table's is printed and left alone.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_free, __iommu_free, iommu_free_check
 */
export const dmaUnmap: StepFunction<DmaUnmapFrame> = (kernel, frame) => {
  const { device, dmaAddress, entry, npages } = frame;
  const done = device === null ? [] : [{ type: 'unmapped' as const, device, dmaAddress }];
  const table = frame.table === null ? undefined : kernel.tables[frame.table];
  if (table === undefined) return ret(kernel, null, done);
  if (frame.at === 'clearing') {
    return ret(withTable(kernel, iommuRangeFree(table, entry, npages)), null, done);
  }
  if (!isInTable(table, entry, npages)) {
    return ret(kernel, null, [printk(`iommu_free: invalid entry ${hex(entry)}`), ...done]);
  }
  return call(
    kernel,
    { ...frame, at: 'clearing' },
    { fn: 'tce_freemulti_pSeriesLP', at: 'begin', table: table.id, tcenum: entry, npages, done: 0 },
  );
};

/** The table through which a device's mapping goes, if it goes through one. */
export const tableOfDevice = (kernel: GuestKernel, id: string): TableId | null => {
  const device = kernel.devices[id];
  return device === undefined || device.bypass ? null : device.base;
};
