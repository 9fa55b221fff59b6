import { type Buid, bytes, type Gpa, iommuPageShift, liobn, unreachable } from '@spapr-dma/protocol';
import { ddwGeometryOf, ddwMemoryHotplugMax, isLimitedByPmemory, maxRamShiftOf } from './ddw-geometry.js';
import type { CreateDdwResponse, EnableDdwFrame, QueryDdwResponse } from './frames-ddw.js';
import type { DdwProperty, DmaWin, PeNode } from './guest-objects.js';
import { type GuestKernel, nodeOf, unlocked, withDevice, withNode } from './guest-state.js';
import { isTableInUse, tablePut, withNewTable } from './iommu-table.js';
import { DDW_EXTENSIONS, ddwExtension } from './query-ddw.js';
import { misreadDefaultWindow } from './remove-dma-window.js';
import type { ReportBody } from './requests.js';
import {
  call,
  goto,
  hex,
  lock,
  printk,
  type Resumption,
  ret,
  returnedQuery,
  returnedRc,
  returnedWindow,
  type Step,
  type StepFunction,
} from './steps.js';

export const enableDdwFrame = (buid: Buid, device: string, dmaMask: bigint): EnableDdwFrame => ({
  fn: 'enable_ddw',
  at: 'begin',
  buid,
  device,
  dmaMask,
  query: null,
  defaultRemoved: false,
  limited: false,
  window: null,
  ranges: 0,
  table: null,
});

const ALL_64_BITS = (1n << 64n) - 1n;
/** How the kernel names what it returns: whether RAM is mapped directly. */
const DIRECT = 1;
const NOT_DIRECT = 0;

/** The window of a PHB that is in use. @see [Linux] pseries/iommu.c: find_existing_ddw */
export const existingDdw = (kernel: GuestKernel, buid: Buid): DmaWin | undefined =>
  kernel.dmaWinList.find((window) => window.buid === buid);

/** Whether a window found in the list maps all RAM: as it was noted, or by its size in older kernels. */
const isDirect = (kernel: GuestKernel, window: DmaWin): boolean =>
  kernel.config.version.inheritedWindow === 'dynamic'
    ? window.direct
    : window.windowShift >= maxRamShiftOf(kernel);

/** Never ask for this PHB again. */
export const withFailedDdw = (kernel: GuestKernel, buid: Buid): GuestKernel => ({
  ...kernel,
  failedDdw: [...kernel.failedDdw, buid],
});

/**
 * Returns 1 where all RAM is mapped directly, else 0; the device's offset and table are set as they are then.
 * One at a time, under dma_win_init_mutex.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: enable_ddw
 */
export const enableDdw: StepFunction<EnableDdwFrame> = (kernel, frame, resumed) => {
  const node = nodeOf(kernel, frame.buid)!;
  switch (frame.at) {
    case 'begin':
      return lock(kernel, { ...frame, at: 'waitingForMutex' }, 'dma_win_init_mutex');
    case 'waitingForMutex':
      return lock(kernel, { ...frame, at: 'lookingUp' }, 'dma_win_list_lock');
    case 'lookingUp':
      return lookUp(unlocked(kernel, 'dma_win_list_lock'), frame, node);
    case 'querying':
      return afterQuery(kernel, frame, returnedQuery(resumed));
    case 'limitingAddresses':
      if (returnedRc(resumed) !== 0) return failed(kernel, frame);
      return afterLimiting(kernel, { ...frame, limited: true }, node);
    case 'removingDefaultWindow':
      return query(kernel, { ...frame, at: 'queryingAgain', defaultRemoved: true });
    case 'queryingAgain': {
      const answer = returnedQuery(resumed);
      if (answer.ret !== 0 || answer.windowsAvailable === 0) return failed(kernel, frame);
      return create(kernel, { ...frame, query: answer });
    }
    case 'creating':
      return afterCreate(kernel, frame, returnedWindow(resumed));
    case 'mappingRam':
      return mapRam(kernel, frame, resumed);
    case 'clearingNewTable':
      return afterClearing(kernel, frame, node);
    case 'mapped':
      return lock(kernel, { ...frame, at: 'listing' }, 'dma_win_list_lock');
    case 'listing':
      return succeeded(kernel, frame);
    case 'cleaningFailedWindow':
      return removeFailed(withNode(kernel, frame.buid, { ddwProperty: null }), frame);
    case 'removingFailedWindow':
      return failed(kernel, frame);
    case 'restoringDefaultWindow':
      return giveUp(kernel, frame);
  }
};

/** Steps 1 to 3: a window that is there already; a PHB that failed before; the tokens. */
function lookUp(kernel: GuestKernel, frame: EnableDdwFrame, node: PeNode): Step {
  const existing = existingDdw(kernel, frame.buid);
  if (existing !== undefined) {
    const found = withDevice(kernel, frame.device, { dmaOffset: existing.dmaBase });
    const direct = isDirect(kernel, existing);
    return leave(found, frame, direct, existing.windowShift);
  }
  if (kernel.failedDdw.includes(frame.buid)) return leave(kernel, frame, false, 0);
  if (node.ddwApplicable === null) return failed(kernel, frame);
  return query(kernel, { ...frame, at: 'querying' });
}

const query = (kernel: GuestKernel, frame: EnableDdwFrame): Step =>
  call(kernel, frame, { fn: 'query_ddw', at: 'begin', buid: frame.buid, device: frame.device });

/** Steps 4 and 5: the query's answer; limited addressing for a device that has fewer than 64 bits. */
function afterQuery(kernel: GuestKernel, frame: EnableDdwFrame, answer: QueryDdwResponse): Step {
  if (answer.ret !== 0) return failed(kernel, frame);
  const next = { ...frame, query: answer };
  if (frame.dmaMask === ALL_64_BITS) return afterLimiting(kernel, next, nodeOf(kernel, frame.buid)!);
  return call(
    kernel,
    { ...next, at: 'limitingAddresses' },
    { fn: 'reset_dma_window', at: 'begin', buid: frame.buid, device: frame.device, limited: true },
  );
}

/** Step 6: without a window to spare the default one is given up, if nothing is mapped in it. */
function afterLimiting(kernel: GuestKernel, frame: EnableDdwFrame, node: PeNode): Step {
  if (frame.query!.windowsAvailable !== 0) return create(kernel, frame);
  if (!kernel.config.version.removesDefaultWindow) return failed(kernel, frame);
  const first = node.group?.tables[0] ?? null;
  if (first !== null && isTableInUse(kernel.tables[first]!)) {
    return failed(kernel, frame, [printk(`${frame.device}: current IOMMU table in use`)]);
  }
  const window = node.dmaWindow;
  if (window === null || ddwExtension(node, DDW_EXTENSIONS.RESET_DMA_WIN) === undefined) {
    return failed(kernel, frame);
  }
  return call(
    kernel,
    { ...frame, at: 'removingDefaultWindow' },
    {
      fn: 'remove_dma_window',
      at: 'begin',
      buid: frame.buid,
      liobn: window.liobn,
      steps: 'clean-and-remove',
      window: misreadDefaultWindow(window),
    },
  );
}

/** Steps 7 to 10: page size, size, direct or dynamic, and the call. */
function create(kernel: GuestKernel, frame: EnableDdwFrame): Step {
  const geometry = ddwGeometryOf(kernel, frame.query!, frame.dmaMask, frame.defaultRemoved);
  if (geometry === undefined) return failed(kernel, frame);
  const { pageShift, windowShift } = geometry;
  return call(
    kernel,
    { ...frame, at: 'creating' },
    { fn: 'create_ddw', at: 'begin', buid: frame.buid, device: frame.device, pageShift, windowShift },
  );
}

/** Step 11: the property that outlives this kernel; then the window is filled or its table is made. */
function afterCreate(kernel: GuestKernel, frame: EnableDdwFrame, created: CreateDdwResponse): Step {
  if (created.ret !== 0) return failed(kernel, frame);
  const geometry =
    ddwGeometryOf(kernel, frame.query!, frame.dmaMask, frame.defaultRemoved) ??
    unreachable('a window was created without a geometry');
  const direct = geometry.mapping === 'direct';
  const window: DdwProperty = {
    name: direct ? 'linux,direct64-ddr-window-info' : 'linux,dma64-ddr-window-info',
    liobn: liobn(created.liobn),
    dmaBase: created.start,
    tceShift: geometry.pageShift,
    windowShift: geometry.windowShift,
  };
  const noted = withNode(kernel, frame.buid, { ddwProperty: window });
  const next = { ...frame, window };
  return direct ? mapNextRange(noted, next) : newTable(noted, next);
}

/** Step 12: RAM range by range, as far as RAM can reach. */
function mapNextRange(kernel: GuestKernel, frame: EnableDdwFrame): Step {
  const window = frame.window!;
  const range = kernel.memory.ranges[frame.ranges];
  const end = ddwMemoryHotplugMax(kernel);
  if (range === undefined || range.gpa >= end) return afterMapping(kernel, frame);
  const size = range.gpa + range.bytes > end ? end - range.gpa : range.bytes;
  return call(
    kernel,
    { ...frame, at: 'mappingRam' },
    { fn: 'tce_setrange_multi_pSeriesLP', at: 'begin', window, gpa: range.gpa as Gpa, bytes: size, done: 0 },
  );
}

function mapRam(kernel: GuestKernel, frame: EnableDdwFrame, resumed: Resumption): Step {
  const rc = returnedRc(resumed);
  if (rc === 0) return mapNextRange(kernel, { ...frame, ranges: frame.ranges + 1 });
  const window = frame.window!;
  return call(
    kernel,
    { ...frame, at: 'cleaningFailedWindow' },
    {
      fn: 'remove_dma_window',
      at: 'begin',
      buid: frame.buid,
      liobn: window.liobn,
      steps: 'clean',
      window,
    },
    [printk(`${frame.device}: failed to map DMA window liobn=${hex(window.liobn)} rc=${rc}`)],
  );
}

/** With the default window gone, a direct window leaves the PE without a table. */
function afterMapping(kernel: GuestKernel, frame: EnableDdwFrame): Step {
  const list: EnableDdwFrame = { ...frame, at: 'mapped' };
  if (!frame.defaultRemoved) return goto(kernel, list);
  const tableless = withDevice(withoutFirstTable(kernel, frame.buid), frame.device, { base: null });
  return goto(withoutDefaultProperty(tableless, frame.buid), list);
}

/** Step 13: a table over the window, kept clear of 32-bit MMIO, and cleared like any other. */
function newTable(kernel: GuestKernel, frame: EnableDdwFrame): Step {
  const window = frame.window!;
  const { mmio32 } = nodeOf(kernel, frame.buid)!;
  const [low, high] = mmio32HoleOf(kernel, mmio32, window.tceShift);
  const made = withNewTable(
    kernel,
    {
      liobn: window.liobn,
      start: window.dmaBase,
      bytes: bytes(1n << BigInt(window.windowShift)),
      pageShift: iommuPageShift(window.tceShift),
    },
    low,
    high,
  );
  return call(
    made.kernel,
    { ...frame, at: 'clearingNewTable', table: made.id },
    { fn: 'iommu_init_table', at: 'begin', table: made.id, index: 0, busy: 0 },
  );
}

/** Page numbers to keep free for the PHB's 32-bit MMIO; older kernels take the bytes for pages. */
export function mmio32HoleOf(
  { config }: GuestKernel,
  mmio32: PeNode['mmio32'],
  tceShift: number,
): readonly [number, number] {
  if (mmio32 === null) return [0, 0];
  if (config.version.mmio32Hole === 'bytes') return [Number(mmio32.start), Number(mmio32.end)];
  return [Number(mmio32.start >> BigInt(tceShift)), Number(mmio32.end >> BigInt(tceShift))];
}

function afterClearing(kernel: GuestKernel, frame: EnableDdwFrame, node: PeNode): Step {
  const { dynamicTableSlot } = kernel.config.version;
  const table = frame.table!;
  const first = frame.defaultRemoved && dynamicTableSlot === 'first-if-default-removed';
  const group = node.group!;
  const tables = first ? ([table, group.tables[1]] as const) : ([group.tables[0], table] as const);
  let next = withNode(kernel, frame.buid, { group: { ...group, tables } });
  next = withDevice(next, frame.device, { base: table });
  if (frame.defaultRemoved) {
    if (!first) next = withoutFirstTable(next, frame.buid);
    next = withoutDefaultProperty(next, frame.buid);
  }
  return goto(next, { ...frame, at: 'mapped' });
}

/** Drops the group's first table. */
function withoutFirstTable(kernel: GuestKernel, buid: Buid): GuestKernel {
  const group = nodeOf(kernel, buid)!.group!;
  const [first, second] = group.tables;
  const dropped = first === null ? kernel : tablePut(kernel, first);
  return withNode(dropped, buid, { group: { ...group, tables: [null, second] } });
}

/** Step 14: the default window's property is saved, because a reset does not bring it back, and dropped. */
export function withoutDefaultProperty(kernel: GuestKernel, buid: Buid): GuestKernel {
  const node = nodeOf(kernel, buid)!;
  const dmaWindowSaved = node.dmaWindowSaved ?? node.dmaWindow;
  return withNode(kernel, buid, { dmaWindow: null, dmaWindowSaved });
}

/** Step 15: the window is in use, newest first. */
function succeeded(kernel: GuestKernel, frame: EnableDdwFrame): Step {
  const { name, ...window } = frame.window!;
  const direct = name === 'linux,direct64-ddr-window-info';
  const listed = {
    ...unlocked(kernel, 'dma_win_list_lock'),
    dmaWinList: [{ ...window, buid: frame.buid, direct }, ...kernel.dmaWinList],
  };
  const ready = withDevice(listed, frame.device, { dmaOffset: window.dmaBase });
  return leave(ready, frame, direct, window.windowShift);
}

/** The window is clean, or as clean as it could be made. */
const removeFailed = (kernel: GuestKernel, frame: EnableDdwFrame): Step =>
  call(
    kernel,
    { ...frame, at: 'removingFailedWindow' },
    {
      fn: 'remove_dma_window',
      at: 'begin',
      buid: frame.buid,
      liobn: frame.window!.liobn,
      steps: 'remove',
      window: null,
    },
  );

/** The default window comes back where it was given up, with every dynamic window of the PE gone. */
function failed(kernel: GuestKernel, frame: EnableDdwFrame, reports: readonly ReportBody[] = []): Step {
  if (!frame.defaultRemoved && !frame.limited) return giveUp(kernel, frame, reports);
  return call(
    kernel,
    { ...frame, at: 'restoringDefaultWindow' },
    { fn: 'reset_dma_window', at: 'begin', buid: frame.buid, device: frame.device, limited: false },
    reports,
  );
}

/** Not for this PHB, ever again; the switch spares a PHB whose device merely had a narrow mask (B-55). */
function giveUp(kernel: GuestKernel, frame: EnableDdwFrame, reports: readonly ReportBody[] = []): Step {
  const spared = kernel.config.limitedMaskPoisons === 'fixed' && frame.dmaMask !== ALL_64_BITS;
  return leave(spared ? kernel : withFailedDdw(kernel, frame.buid), frame, false, 0, reports);
}

/** Out of the mutex. Persistent memory beyond a direct window puts a limit on the device's addresses. */
function leave(
  kernel: GuestKernel,
  frame: EnableDdwFrame,
  direct: boolean,
  windowShift: number,
  reports: readonly ReportBody[] = [],
): Step {
  const { dmaOffset } = kernel.devices[frame.device]!;
  const limited = direct && isLimitedByPmemory(kernel, windowShift);
  const busDmaLimit = limited ? dmaOffset + (1n << BigInt(maxRamShiftOf(kernel))) : 0n;
  const next = withDevice(unlocked(kernel, 'dma_win_init_mutex'), frame.device, { busDmaLimit });
  return ret(next, direct ? DIRECT : NOT_DIRECT, reports);
}
