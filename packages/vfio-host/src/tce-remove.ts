import type { TceRemoveFrame } from './frames.js';
import { tceOf, type VfioHost } from './state.js';
import { askGroup, call, ret, type Step, type StepFunction } from './steps.js';
import { clearWhole } from './tce-clear.js';
import { withWindow } from './tce-create-window.js';
import { refundWindow } from './tce-free-table.js';

/** The window is taken from the next group; behind the last one its table goes. */
function unsetWindow(host: VfioHost, frame: TceRemoveFrame): Step {
  const [group, ...groups] = frame.groups;
  if (group !== undefined) {
    const request = { type: 'unset_window', group, num: frame.num } as const;
    return askGroup(host, { ...frame, at: 'unsettingWindow', groups }, request);
  }
  if (!frame.cleared) return call(host, { ...frame, at: 'clearing', cleared: true }, clearWhole(frame));
  const request = { type: 'iommu_tce_table_put', table: frame.facts.table } as const;
  return askGroup(host, { ...frame, at: 'freeingTable' }, request);
}

/**
 * Removes a window: its TCEs are cleared, it is taken from every group, its table is freed and its charge given
 * back. Kernels before linux-6.11 clear when no group has it any more. What firmware answers is not looked at.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_remove_window
 */
export const tceIommuRemoveWindow: StepFunction<TceRemoveFrame> = (host, frame) => {
  switch (frame.at) {
    case 'entered': {
      const groups = (tceOf(host, frame.container)?.groups ?? []).map(({ group }) => group);
      if (!host.config.features.clearBeforeUnset) return unsetWindow(host, { ...frame, groups });
      return call(host, { ...frame, at: 'clearing', groups, cleared: true }, clearWhole(frame));
    }
    case 'clearing':
    case 'unsettingWindow':
      return unsetWindow(host, frame);
    case 'freeingTable': {
      const refund = refundWindow(host, frame.mm, frame);
      return ret(withWindow(refund.host, frame.container, frame.num, null), 0, refund.said);
    }
  }
};
