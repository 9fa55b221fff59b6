import { isError } from './answers.js';
import type { SetIommuFrame } from './frames.js';
import { attachGroupFrame, withoutTce } from './group-container.js';
import type { TceContainer } from './objects.js';
import { ran } from './said.js';
import { containerOf, tceOf, type VfioHost, withContainer, withTce } from './state.js';
import { call, ret, returned, type Step, type StepFunction } from './steps.js';

/** VFIO_SPAPR_TCE_IOMMU, VFIO_EEH and VFIO_SPAPR_TCE_v2_IOMMU. */
export const SPAPR_TCE_IOMMU = 2;
export const EEH = 5;
export const SPAPR_TCE_V2_IOMMU = 7;
/** What CHECK_EXTENSION answers with 1. */
export const EXTENSIONS: readonly number[] = [SPAPR_TCE_IOMMU, EEH, SPAPR_TCE_V2_IOMMU];

/** The driver's part of a container as it begins. */
export const newTce = (version: TceContainer['version']): TceContainer => ({
  mode: 'opening',
  version,
  enabled: false,
  defaultWindow: 'none',
  lockedPages: 0,
  mm: null,
  windows: [null, null],
  groups: [],
  preregs: [],
});

/** The next group is attached; behind the last one the container can be used. */
function next(host: VfioHost, frame: SetIommuFrame): Step {
  const [group, ...groups] = frame.groups;
  const { container, mm } = frame;
  if (group === undefined) return ret(withTce(host, container, { mode: 'open' }));
  return call(host, { ...frame, at: 'attaching', groups }, attachGroupFrame({ container, mm, group }));
}

/** Groups that were attached leave again, and the driver's part goes. */
function undo(host: VfioHost, frame: SetIommuFrame): Step {
  const { container, mm } = frame;
  const [last] = tceOf(host, container)?.groups ?? [];
  const callee =
    last === undefined
      ? ({ fn: 'tce_iommu_release', at: 'entered', container, mm, num: 0 } as const)
      : ({ fn: 'tce_iommu_detach_group', at: 'entered', container, mm, group: last.group, num: 0 } as const);
  return call(host, { ...frame, at: last === undefined ? 'releasing' : 'detaching' }, callee);
}

/**
 * Gives a container its driver, which attaches the groups that are in it, the newest first. If one cannot be,
 * the container has no driver.
 * @see [Linux] drivers/vfio/container.c: vfio_ioctl_set_iommu
 */
export const vfioIoctlSetIommu: StepFunction<SetIommuFrame> = (host, frame, resumed) => {
  switch (frame.at) {
    case 'entered':
      return next(host, frame);
    case 'attaching': {
      const { rc } = returned(resumed);
      return isError(rc) ? undo(host, { ...frame, rc }) : next(host, frame);
    }
    case 'detaching':
      return undo(host, frame);
    case 'releasing':
      return ret(withoutTce(host, frame.container), frame.rc);
  }
};

/** A container whose driver is about to attach its groups. */
export function withOpeningTce(host: VfioHost, id: number, version: TceContainer['version']): VfioHost {
  const container = containerOf(host, id)!;
  return withContainer(host, { ...container, iommu: newTce(version) });
}
export const OPENED = [ran('tce_iommu_ioctl'), ran('tce_iommu_open')];
