import type { InitTableFrame } from './frames-boot.js';
import type { GuestKernel } from './guest-state.js';
import { tableReady, withBusyPages, withFreePages, withTable } from './iommu-table.js';
import { call, goto, hcall, printk, ret, type StepFunction } from './steps.js';
import { tceGetRequest, tceGot } from './tce-get.js';

/** What a freed entry holds on some machines. @see [Linux] arch/powerpc/kernel/iommu.c: iommu_table_clear */
const FREED_TCE = 0x7fff_ffff_ffff_ffffn;

/** One more entry has been read: the page is busy if the old kernel left something there. */
function noteEntry(kernel: GuestKernel, frame: InitTableFrame, tce: bigint) {
  const busy = tce !== 0n && tce !== FREED_TCE;
  const table = kernel.tables[frame.table]!;
  return {
    kernel: busy ? withTable(kernel, withBusyPages(table, frame.index, 1)) : kernel,
    frame: { ...frame, index: frame.index + 1, busy: frame.busy + (busy ? 1 : 0) },
  };
}

/** A kdump kernel with too few free pages takes those at the table's end, mapped or not. */
function withRoom(kernel: GuestKernel, { table: id, busy }: InitTableFrame): GuestKernel {
  const table = kernel.tables[id]!;
  const min = kernel.config.kdumpMinTceEntries;
  if (table.size - busy >= min) return kernel;
  const room = Math.min(min, table.size);
  return withTable(kernel, withFreePages(table, table.size - room, room));
}

/**
 * Clears the whole window; a kdump kernel reads it instead, entry by entry, and keeps what it finds. The
 * table is ready then. Returns nothing.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_init_table, iommu_table_clear
 */
export const iommuInitTable: StepFunction<InitTableFrame> = (kernel, frame, resumed) => {
  const table = kernel.tables[frame.table]!;
  switch (frame.at) {
    case 'begin': {
      if (kernel.kernel === 'kdump') return readNext(kernel, frame);
      const { offset: tcenum, size: npages } = table;
      return call(
        kernel,
        { ...frame, at: 'clearing' },
        { fn: 'tce_freemulti_pSeriesLP', at: 'begin', table: frame.table, tcenum, npages, done: 0 },
      );
    }
    case 'clearing':
      return goto(kernel, { ...frame, at: 'done' });
    case 'reading': {
      const noted = noteEntry(kernel, frame, tceGot(resumed));
      return readNext(noted.kernel, noted.frame);
    }
    case 'done':
      return ret(tableReady(kernel, frame.table));
  }
};

function readNext(kernel: GuestKernel, frame: InitTableFrame) {
  const table = kernel.tables[frame.table]!;
  if (frame.index < table.size) {
    const request = tceGetRequest(table, table.offset + frame.index);
    return hcall(kernel, { ...frame, at: 'reading' }, request);
  }
  const roomy = withRoom(kernel, frame);
  const freed = roomy === kernel ? [] : [printk('TCE table is full: entries freed for the kdump boot')];
  return goto(roomy, { ...frame, at: 'done' }, freed);
}
