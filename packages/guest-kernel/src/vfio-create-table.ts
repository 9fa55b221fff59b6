import { bytes, type Errno, ioba, liobn } from '@spapr-dma/protocol';
import { orderBase2 } from './ddw-geometry.js';
import { existingDdw, mmio32HoleOf, withFailedDdw } from './enable-ddw.js';
import type { CreateDdwResponse } from './frames-ddw.js';
import type { VfioCreateTableFrame } from './frames-vfio.js';
import type { DdwProperty, TableId } from './guest-objects.js';
import { type GuestKernel, nodeOf, unlocked, withDevice, withNode } from './guest-state.js';
import { tableGet, tableStart, withNewTable } from './iommu-table.js';
import { defaultTableOf } from './pci-dma-setup.js';
import { call, lock, ret, returnedQuery, returnedWindow, type Step, type StepFunction } from './steps.js';
import { firstDeviceOf, leaveGroup, vfioReturn, withGroupTable, withSavedDefault } from './vfio-group.js';

const COMMAND = 'vfio-create-table';
const isPowerOf2 = (value: bigint): boolean => value > 0n && (value & (value - 1n)) === 0n;
const windowShiftOf = ({ windowBytes }: VfioCreateTableFrame): number => orderBase2(windowBytes);

/** A window of 4K pages no larger than the default one is taken for the default one. */
function asksForDefault(kernel: GuestKernel, frame: VfioCreateTableFrame): boolean {
  const { tce32Bytes } = nodeOf(kernel, frame.buid)!.group!;
  return frame.pageShift === 12 && frame.windowBytes <= tce32Bytes;
}

/**
 * Reports `guest-vfio-return` with the window's start. Slot 0 can have the default window back, if that was
 * forgotten and no dynamic window would be lost by the reset; anything else is a dynamic window.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: spapr_tce_create_table
 */
export const vfioCreateTable: StepFunction<VfioCreateTableFrame> = (kernel, frame, resumed) => {
  const { buid } = frame;
  switch (frame.at) {
    case 'begin': {
      if (!isPowerOf2(frame.windowBytes) || frame.levels > 1) {
        return ret(kernel, null, [vfioReturn(COMMAND, 'EINVAL')]);
      }
      if (!kernel.config.version.guestVfio || nodeOf(kernel, buid)?.group == null) {
        return ret(kernel, null, [vfioReturn(COMMAND, 'ENODEV')]);
      }
      return lock(kernel, { ...frame, at: 'waitingForMutex' }, 'dma_win_init_mutex');
    }
    case 'waitingForMutex':
      return chooseWindow(kernel, frame);
    case 'restoringDefaultWindow':
      return makeDefault(withSavedDefault(kernel, buid), frame);
    case 'querying': {
      const query = returnedQuery(resumed);
      if (query.ret !== 0) return failed(kernel, frame);
      const windowShift = windowShiftOf(frame);
      const wanted = 1n << BigInt(Math.max(0, windowShift - frame.pageShift));
      if (query.largestBlock < wanted) return leaveGroup(kernel, COMMAND, 'EINVAL');
      const { pageShift } = frame;
      const device = firstDeviceOf(kernel, buid)!;
      return call(
        kernel,
        { ...frame, at: 'creating' },
        { fn: 'create_ddw', at: 'begin', buid, device, pageShift, windowShift },
      );
    }
    case 'creating':
      return makeDynamic(kernel, frame, returnedWindow(resumed));
    case 'clearingNewTable':
      if (frame.window === null) return succeeded(kernel, frame);
      return lock(kernel, { ...frame, at: 'listing' }, 'dma_win_list_lock');
    case 'listing':
      return listed(unlocked(kernel, 'dma_win_list_lock'), frame);
  }
};

/** Which window is meant, and whether it can be had. */
function chooseWindow(kernel: GuestKernel, frame: VfioCreateTableFrame): Step {
  const { buid, num } = frame;
  const node = nodeOf(kernel, buid)!;
  const device = firstDeviceOf(kernel, buid);
  if (kernel.failedDdw.includes(buid)) return leaveGroup(kernel, COMMAND, 'ENODEV');
  if (device === undefined) return failed(kernel, frame);
  const existing = existingDdw(kernel, buid) !== undefined;
  if (num === 0 && !asksForDefault(kernel, frame)) {
    if (existing) return leaveGroup(kernel, COMMAND, 'EPERM');
  } else if (num === 0 && node.dmaWindow === null) {
    if (existing) return leaveGroup(kernel, COMMAND, 'EPERM');
    return call(
      kernel,
      { ...frame, at: 'restoringDefaultWindow' },
      { fn: 'reset_dma_window', at: 'begin', buid, device, limited: false },
    );
  }
  if (node.ddwApplicable === null) return failed(kernel, frame, 'EINVAL');
  return call(kernel, { ...frame, at: 'querying' }, { fn: 'query_ddw', at: 'begin', buid, device });
}

const initialize = (kernel: GuestKernel, frame: VfioCreateTableFrame, table: TableId): Step =>
  call(
    kernel,
    { ...frame, at: 'clearingNewTable', table },
    { fn: 'iommu_init_table', at: 'begin', table, index: 0, busy: 0 },
  );

/** The default window, no larger than asked for. */
function makeDefault(kernel: GuestKernel, frame: VfioCreateTableFrame): Step {
  const { dmaWindow } = nodeOf(kernel, frame.buid)!;
  if (dmaWindow === null) return failed(kernel, frame);
  const made = withNewTable(kernel, { ...defaultTableOf(dmaWindow), bytes: frame.windowBytes });
  return initialize(made.kernel, frame, made.id);
}

function makeDynamic(kernel: GuestKernel, frame: VfioCreateTableFrame, created: CreateDdwResponse): Step {
  if (created.ret !== 0) return failed(kernel, frame);
  const { pageShift } = frame;
  const windowShift = windowShiftOf(frame);
  const window: DdwProperty = {
    name: 'linux,dma64-ddr-window-info',
    liobn: liobn(created.liobn),
    dmaBase: created.start,
    tceShift: pageShift,
    windowShift,
  };
  const noted = withNode(kernel, frame.buid, { ddwProperty: window });
  const [low, high] = mmio32HoleOf(kernel, nodeOf(kernel, frame.buid)!.mmio32, pageShift);
  const made = withNewTable(
    noted,
    { liobn: window.liobn, start: created.start, bytes: bytes(1n << BigInt(windowShift)), pageShift },
    low,
    high,
  );
  return initialize(made.kernel, { ...frame, window }, made.id);
}

/** A dynamic window is the first device's, too. */
function listed(kernel: GuestKernel, frame: VfioCreateTableFrame): Step {
  const { name: _name, ...window } = frame.window!;
  const entry = { ...window, buid: frame.buid, direct: false };
  const next = { ...kernel, dmaWinList: [entry, ...kernel.dmaWinList] };
  const device = firstDeviceOf(kernel, frame.buid)!;
  return succeeded(withDevice(next, device, { base: frame.table, dmaOffset: window.dmaBase }), frame);
}

/** The group holds the table, and so does VFIO. */
function succeeded(kernel: GuestKernel, frame: VfioCreateTableFrame): Step {
  const table = frame.table!;
  const held = tableGet(withGroupTable(kernel, frame.buid, frame.num, table), table);
  return leaveGroup(held, COMMAND, 0, ioba(tableStart(kernel.tables[table]!)));
}

/** Never ask for this PHB again. */
const failed = (kernel: GuestKernel, { buid }: VfioCreateTableFrame, errno: Errno = 'ENODEV'): Step =>
  leaveGroup(withFailedDdw(kernel, buid), COMMAND, errno);
