import { type Buid, bytes, type DmaWindowProperty, iommuPageShift } from '@spapr-dma/protocol';
import type { BusSetupFrame, DevSetupFrame } from './frames-boot.js';
import type { PeNode, TableGroup, TableId } from './guest-objects.js';
import { type GuestKernel, nodeOf, withDevice, withNode } from './guest-state.js';
import { type TableParameters, withNewTable } from './iommu-table.js';
import { call, printk, ret, returnedQuery, type StepFunction } from './steps.js';

const DEFAULT_PAGE_SHIFT = iommuPageShift(12);

/** A default window's table: 4K pages. */
export const defaultTableOf = ({ liobn, start, bytes }: DmaWindowProperty): TableParameters => ({
  liobn,
  start,
  bytes,
  pageShift: DEFAULT_PAGE_SHIFT,
});

/** A dynamic window's table. */
const dynamicTableOf = ({ ddwProperty }: PeNode): TableParameters | undefined =>
  ddwProperty === null
    ? undefined
    : {
        liobn: ddwProperty.liobn,
        start: ddwProperty.dmaBase,
        bytes: bytes(1n << BigInt(ddwProperty.windowShift)),
        pageShift: iommuPageShift(ddwProperty.tceShift),
      };

/**
 * The window that a PE's first table manages, or undefined where the device tree has none.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: pci_dma_find
 */
export function pciDmaFind({ config }: GuestKernel, node: PeNode): TableParameters | undefined {
  const byDefault = node.dmaWindow === null ? undefined : defaultTableOf(node.dmaWindow);
  const dynamic = dynamicTableOf(node);
  return config.version.firstTable === 'dynamic-window' ? (dynamic ?? byDefault) : (byDefault ?? dynamic);
}

/** A group whose first table is new. */
const newGroup = (window: TableParameters, table: TableId): TableGroup => ({
  tables: [table, null],
  tce32Start: window.start,
  tce32Bytes: window.bytes,
  maxDynamicWindows: 0,
});

/**
 * Makes the PHB's first table and initializes it; nothing where it has one or firmware gave no window.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: pci_dma_bus_setup_pSeriesLP
 */
export const busSetup: StepFunction<BusSetupFrame> = (kernel, frame) => {
  if (frame.at === 'initializing') return ret(kernel);
  const node = nodeOf(kernel, frame.buid)!;
  const window = pciDmaFind(kernel, node);
  if (window === undefined || node.group !== null) return ret(kernel);
  const made = withNewTable(kernel, window);
  return call(
    withNode(made.kernel, frame.buid, { group: newGroup(window, made.id) }),
    { ...frame, at: 'initializing' },
    { fn: 'iommu_init_table', at: 'begin', table: made.id, index: 0, busy: 0 },
  );
};

/** Whether the first device of the PE has yet to ask how many windows there can be. */
const wantsQuery = (kernel: GuestKernel, node: PeNode): boolean =>
  kernel.config.version.queriesAtSetup &&
  kernel.kernel !== 'kdump' &&
  node.group !== null &&
  node.group.maxDynamicWindows === 0;

const withWindowCount = (kernel: GuestKernel, buid: Buid, count: TableGroup['maxDynamicWindows']) => {
  const group = nodeOf(kernel, buid)!.group!;
  return withNode(kernel, buid, { group: { ...group, maxDynamicWindows: count } });
};

/** The device uses the PE's first table until a driver sets a wider mask. */
const withBase = (kernel: GuestKernel, { buid, device }: DevSetupFrame): GuestKernel =>
  withDevice(kernel, device, { base: nodeOf(kernel, buid)!.group?.tables[0] ?? null });

/**
 * Finds the device a table, making it where the bus has none yet; since 6.11 the first device of a PE also
 * queries its windows, for VFIO's sake.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: pci_dma_dev_setup_pSeriesLP, spapr_tce_init_table_group
 */
export const devSetup: StepFunction<DevSetupFrame> = (kernel, frame, resumed) => {
  const { buid, device } = frame;
  const node = nodeOf(kernel, buid)!;
  switch (frame.at) {
    case 'begin': {
      if (pciDmaFind(kernel, node) === undefined) {
        return ret(kernel, null, [printk(`${device}: no DMA window found`)]);
      }
      const callee = { fn: 'pci_dma_bus_setup_pSeriesLP', at: 'begin', buid } as const;
      return call(kernel, { ...frame, at: 'settingUpBus' }, callee);
    }
    case 'settingUpBus': {
      if (!wantsQuery(kernel, node)) return ret(withBase(kernel, frame));
      if (node.ddwApplicable === null) return ret(withBase(withWindowCount(kernel, buid, -1), frame));
      return call(kernel, { ...frame, at: 'querying' }, { fn: 'query_ddw', at: 'begin', buid, device });
    }
    case 'querying': {
      const query = returnedQuery(resumed);
      const count = query.ret !== 0 ? -1 : query.windowsAvailable === 0 ? 1 : 2;
      return ret(withBase(withWindowCount(kernel, buid, count), frame));
    }
  }
};
