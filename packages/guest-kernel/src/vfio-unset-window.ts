import type { Buid } from '@spapr-dma/protocol';
import { withFailedDdw } from './enable-ddw.js';
import type { VfioUnsetWindowFrame } from './frames-vfio.js';
import type { IommuTable, PeNode } from './guest-objects.js';
import { type GuestKernel, nodeOf, unlocked, withNode } from './guest-state.js';
import { tableBytes, tablePut } from './iommu-table.js';
import { call, lock, ret, type Step, type StepFunction } from './steps.js';
import { leaveGroup, vfioReturn, withGroupTable, withoutListed, withoutNamedDefault } from './vfio-group.js';

const COMMAND = 'vfio-unset-window';

/** Whether slot 0 holds the default window or one that passes for it. @see [Linux] is_default_window_table */
const isDefaultTable = (node: PeNode, num: 0 | 1, table: IommuTable): boolean =>
  num === 0 && table.pageShift === 12 && tableBytes(table) <= node.group!.tce32Bytes;

/**
 * Whether a table is the one that a slot of the group holds; VFIO's set_window only asks that.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: spapr_tce_set_window
 */
export function vfioSetWindow(kernel: GuestKernel, buid: Buid, num: 0 | 1, table: 0 | 1): 0 | 'EPERM' {
  const tables = nodeOf(kernel, buid)?.group?.tables ?? [null, null];
  return tables[num] === tables[table] ? 0 : 'EPERM';
}

/**
 * Reports `guest-vfio-return`. A dynamic window is removed as it is: clearing it is VFIO's part, done before.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: spapr_tce_unset_window
 */
export const vfioUnsetWindow: StepFunction<VfioUnsetWindowFrame> = (kernel, frame) => {
  const { buid, num } = frame;
  const node = nodeOf(kernel, buid);
  const id = node?.group?.tables[num] ?? null;
  if (node === undefined || id === null) return ret(kernel, null, [vfioReturn(COMMAND, 0)]);
  switch (frame.at) {
    case 'begin':
      return lock(kernel, { ...frame, at: 'waitingForMutex' }, 'dma_win_init_mutex');
    case 'waitingForMutex': {
      if (isDefaultTable(node, num, kernel.tables[id]!)) {
        if (node.dmaWindow === null) return failed(kernel, buid);
        return dropped(withoutNamedDefault(kernel, buid), frame);
      }
      const window = node.ddwProperty;
      if (window?.name !== 'linux,dma64-ddr-window-info') return failed(kernel, buid);
      return call(
        withNode(kernel, buid, { ddwProperty: null }),
        { ...frame, at: 'removingWindow' },
        { fn: 'remove_dma_window', at: 'begin', buid, liobn: window.liobn, steps: 'remove', window: null },
      );
    }
    case 'removingWindow':
      return lock(kernel, { ...frame, at: 'unlisting' }, 'dma_win_list_lock');
    case 'unlisting':
      return dropped(withoutListed(unlocked(kernel, 'dma_win_list_lock'), buid), frame);
  }
};

/** The group lets the table go, and so does VFIO; a device may not keep it either. */
function dropped(kernel: GuestKernel, { buid, num }: VfioUnsetWindowFrame): Step {
  const id = nodeOf(kernel, buid)!.group!.tables[num]!;
  const released = withGroupTable(kernel, buid, num, null);
  const freed = released.tables[id] === undefined ? released : tablePut(released, id);
  const devices = Object.entries(freed.devices).map(([name, device]) => [
    name,
    device.base === id ? { ...device, base: null } : device,
  ]);
  return leaveGroup({ ...freed, devices: Object.fromEntries(devices) }, COMMAND, 0);
}

const failed = (kernel: GuestKernel, buid: Buid): Step =>
  leaveGroup(withFailedDdw(kernel, buid), COMMAND, 'ENODEV');
