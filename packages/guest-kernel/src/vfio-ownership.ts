import { existingDdw } from './enable-ddw.js';
import type { VfioOwnershipFrame } from './frames-vfio.js';
import { type GuestKernel, nodeOf, unlocked, withNode } from './guest-state.js';
import { withNewTable } from './iommu-table.js';
import { defaultTableOf } from './pci-dma-setup.js';
import { call, goto, lock, printk, ret, type Step, type StepFunction } from './steps.js';
import {
  firstDeviceOf,
  leaveGroup,
  vfioReturn,
  withBases,
  withGroupTable,
  withoutListed,
  withoutNamedDefault,
  withSavedDefault,
} from './vfio-group.js';

/**
 * Reports `guest-vfio-return`. Taking removes the dynamic window, clean, and forgets the default one; giving
 * back resets the PE, which restores the default window, and makes its table anew.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: spapr_tce_take_ownership, spapr_tce_release_ownership
 */
export const vfioOwnership: StepFunction<VfioOwnershipFrame> = (kernel, frame) => {
  const { buid, command } = frame;
  const group = nodeOf(kernel, buid)?.group ?? null;
  const supported = kernel.config.version.guestVfio;
  if (group === null || !supported) return ret(kernel, null, [vfioReturn(command, 'ENODEV')]);
  if (frame.at === 'begin') {
    const nothingToDo =
      command === 'vfio-take-ownership'
        ? group.tables[0] === null && group.maxDynamicWindows !== 1
        : group.tables[0] !== null;
    if (nothingToDo) return ret(owned(kernel, frame), null, [vfioReturn(command, 0)]);
    return lock(kernel, { ...frame, at: 'waitingForMutex' }, 'dma_win_init_mutex');
  }
  return command === 'vfio-take-ownership' ? take(kernel, frame) : release(kernel, frame);
};

const owned = (kernel: GuestKernel, { buid, command }: VfioOwnershipFrame): GuestKernel =>
  withNode(kernel, buid, { owner: command === 'vfio-take-ownership' ? 'vfio' : 'kernel' });

function take(kernel: GuestKernel, frame: VfioOwnershipFrame): Step {
  const { buid, command } = frame;
  const node = nodeOf(kernel, buid)!;
  switch (frame.at) {
    case 'waitingForMutex': {
      if (node.dmaWindow === null && node.ddwProperty === null) return leaveGroup(kernel, command, 'EPERM');
      const existing = existingDdw(kernel, buid);
      if (existing === undefined) return takeDefault(kernel, frame);
      // The property to remove is the one that fits how the window is used now, which after kexec may not be
      // the one there is; then nothing is removed.
      const name = existing.direct ? 'linux,direct64-ddr-window-info' : 'linux,dma64-ddr-window-info';
      if (node.ddwProperty?.name !== name) return goto(kernel, { ...frame, at: 'removingWindow' });
      return call(
        withNode(kernel, buid, { ddwProperty: null }),
        { ...frame, at: 'removingWindow' },
        {
          fn: 'remove_dma_window',
          at: 'begin',
          buid,
          liobn: existing.liobn,
          steps: 'clean-and-remove',
          window: existing,
        },
      );
    }
    case 'removingWindow':
      return lock(kernel, { ...frame, at: 'unlisting' }, 'dma_win_list_lock');
    default: {
      const direct = existingDdw(kernel, buid)?.direct ?? true;
      const unlisted = withoutListed(unlocked(kernel, 'dma_win_list_lock'), buid);
      const num = node.group!.tables[1] === null ? 0 : 1;
      return takeDefault(direct ? unlisted : withGroupTable(unlisted, buid, num, null), frame);
    }
  }
}

/** What is left in the first slot is the default window's table. */
function takeDefault(kernel: GuestKernel, frame: VfioOwnershipFrame): Step {
  const { buid, command } = frame;
  const hasDefault = nodeOf(kernel, buid)!.group!.tables[0] !== null;
  const gone = hasDefault ? withGroupTable(withoutNamedDefault(kernel, buid), buid, 0, null) : kernel;
  return leaveGroup(owned(withBases(gone, buid, null), frame), command, 0);
}

function release(kernel: GuestKernel, frame: VfioOwnershipFrame): Step {
  const { buid, command } = frame;
  switch (frame.at) {
    case 'waitingForMutex': {
      const device = firstDeviceOf(kernel, buid);
      if (device === undefined) return leaveGroup(kernel, command, 'EPERM');
      return call(
        kernel,
        { ...frame, at: 'restoringDefaultWindow' },
        { fn: 'reset_dma_window', at: 'begin', buid, device, limited: false },
      );
    }
    case 'restoringDefaultWindow': {
      const restored = withSavedDefault(kernel, buid);
      const { dmaWindow } = nodeOf(restored, buid)!;
      if (dmaWindow === null) {
        const left = leaveGroup(restored, command, 'EPERM');
        return { ...left, reports: [printk('default DMA window missing'), ...left.reports] };
      }
      const made = withNewTable(restored, defaultTableOf(dmaWindow));
      return call(
        withBases(withGroupTable(made.kernel, buid, 0, made.id), buid, made.id),
        { ...frame, at: 'clearingNewTable' },
        { fn: 'iommu_init_table', at: 'begin', table: made.id, index: 0, busy: 0 },
      );
    }
    default:
      return leaveGroup(owned(kernel, frame), command, 0);
  }
}
