import type { Bytes, Ioba } from '@spapr-dma/protocol';
import { call, hex, printk, ret, type StepFunction } from './frames.js';
import type { GuestKernel, TableId } from './guest-state.js';
import { iommuRangeFree, isInTable } from './iommu-range-alloc.js';
import { withTable } from './iommu-table.js';

/** Gives one mapping back. */
export interface DmaUnmapFrame {
  readonly fn: 'iommu_free';
  readonly at: 'begin' | 'clearing';
  /** Whose mapping it was, for the report; null where the kernel itself takes a failed mapping back. */
  readonly device: string | null;
  /** The table; null for a device that makes no hypercalls. */
  readonly table: TableId | null;
  readonly entry: number;
  readonly npages: number;
  readonly dmaAddress: Ioba;
  readonly bytes: Bytes;
}

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
