import type { DetachGroupFrame } from './frames.js';
import type { ContainerWindow } from './objects.js';
import { ran } from './said.js';
import { tceOf, type VfioHost, withTce } from './state.js';
import { askGroup, call, ret, type Step, type StepFunction } from './steps.js';
import { clearWhole } from './tce-clear.js';

/** Whether a group that leaves clears the container's tables, which the groups that stay share (B-18). */
function clears(host: VfioHost, { container }: DetachGroupFrame): boolean {
  const stay = tceOf(host, container)?.groups.length ?? 0;
  const { clearOnDetach } = host.config.switches;
  return clearOnDetach === 'whole' || (clearOnDetach === 'onlyIfLastUser' && stay === 0);
}

function unsetWindow(host: VfioHost, frame: DetachGroupFrame, num: 0 | 1): Step {
  const request = { type: 'unset_window', group: frame.group, num } as const;
  return askGroup(host, { ...frame, at: 'unsettingWindow', num }, request);
}

/** The next window is taken from the group; behind the last one the group is given back. */
function nextWindow(host: VfioHost, frame: DetachGroupFrame): Step {
  const windows: readonly (ContainerWindow | null)[] = tceOf(host, frame.container)?.windows ?? [];
  for (let num = frame.num; num < windows.length; num += 1) {
    const window = windows[num];
    if (window === null || window === undefined) continue;
    if (!clears(host, frame)) return unsetWindow(host, frame, num as 0 | 1);
    const { container, mm } = frame;
    const { facts } = window;
    return call(host, { ...frame, at: 'clearing', num: num as 0 | 1 }, clearWhole({ container, mm, facts }));
  }
  if (host.config.features.ownership === 'claim') return ret(host);
  const request = { type: 'release_ownership', group: frame.group } as const;
  return askGroup(host, { ...frame, at: 'releasingOwnership' }, request);
}

/**
 * Takes a group out of the driver's part of a container, and the container's windows out of the group. Since
 * linux-6.11 each table is cleared before, whole, whoever else uses it.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_detach_group, tce_iommu_release_ownership
 */
export const tceIommuDetachGroup: StepFunction<DetachGroupFrame> = (host, frame) => {
  switch (frame.at) {
    case 'entered': {
      const { container, group } = frame;
      const groups = (tceOf(host, container)?.groups ?? []).filter((each) => each.group !== group);
      const step = nextWindow(withTce(host, container, { groups }), frame);
      return { ...step, said: [ran('tce_iommu_detach_group', { container, group }), ...step.said] };
    }
    case 'clearing':
      return unsetWindow(host, frame, frame.num as 0 | 1);
    case 'unsettingWindow':
      return nextWindow(host, { ...frame, num: (frame.num + 1) as 1 | 2 });
    case 'releasingOwnership':
      return ret(host);
  }
};
