import { isError } from './answers.js';
import type { AttachContainerFrame, AttachGroupFrame, DetachContainerFrame } from './frames.js';
import type { ContainerId, VfioGroup } from './objects.js';
import { ran, type Said } from './said.js';
import {
  containerOf,
  groupOf,
  isHeld,
  tceOf,
  type VfioHost,
  withContainer,
  withGroup,
  withoutUnheldMms,
} from './state.js';
import { askGroup, call, groupRc, ret, returned, type Step, type StepFunction } from './steps.js';

export const attachGroupFrame = ({
  container,
  mm,
  group,
}: Pick<AttachGroupFrame, 'container' | 'mm' | 'group'>): AttachGroupFrame => ({
  fn: 'tce_iommu_attach_group',
  at: 'entered',
  container,
  mm,
  group,
  facts: null,
  num: 0,
  rc: 0,
});

const inContainer = (host: VfioHost, group: VfioGroup, id: ContainerId): VfioHost => {
  const container = containerOf(host, id)!;
  const joined = withGroup(host, { ...group, container: id });
  return withContainer(joined, { ...container, groups: [group.group, ...container.groups] });
};

/** The group is the core's now; the driver attaches it, where the container has one. */
function attach(host: VfioHost, frame: AttachContainerFrame, said: readonly Said[]): Step {
  if (tceOf(host, frame.container) === undefined) {
    return ret(inContainer(host, groupOf(host, frame.group)!, frame.container), 0, said);
  }
  return call(host, { ...frame, at: 'attaching' }, attachGroupFrame(frame), said);
}

/**
 * A group joins a container: VFIO claims it, before any IOMMU type is set, and the driver attaches it. A claim
 * that the platform refuses is the answer: EPERM where a driver of the host has a device of the group.
 *
 * Abstraction: before linux-6.4 nobody claims, and whether all of the group's drivers are harmless is not asked.
 * @see [Linux] drivers/vfio/container.c: vfio_container_attach_group
 */
export const vfioContainerAttachGroup: StepFunction<AttachContainerFrame> = (host, frame, resumed) => {
  const { group, container } = frame;
  switch (frame.at) {
    case 'entered': {
      const said = [ran('vfio_container_attach_group')];
      if (host.config.features.ownership === 'attach') return attach(host, frame, said);
      const claim = { type: 'iommu_group_claim_dma_owner', group } as const;
      return askGroup(host, { ...frame, at: 'claimingOwner' }, claim, said);
    }
    case 'claimingOwner': {
      const rc = groupRc(resumed);
      return isError(rc) ? ret(host, rc) : attach(host, frame, []);
    }
    case 'attaching': {
      const { rc } = returned(resumed);
      if (!isError(rc)) return ret(inContainer(host, groupOf(host, group)!, container));
      if (host.config.features.ownership === 'attach') return ret(host, rc);
      const release = { type: 'iommu_group_release_dma_owner', group } as const;
      return askGroup(host, { ...frame, at: 'releasingOwner', rc }, release);
    }
    case 'releasingOwner':
      return ret(host, frame.rc);
  }
};

/** A group that leaves keeps its container until it is out, and ends it then. */
const isBeingLeft = ({ threads }: VfioHost, id: ContainerId): boolean =>
  threads.some(({ stack }) =>
    stack.some((frame) => frame.fn === 'vfio_group_detach_container' && frame.container === id),
  );

/**
 * A container's last file is gone; so is the container, where no group is in it or on its way out.
 * @see [Linux] drivers/vfio/container.c: vfio_fops_release, vfio_container_put
 */
export const withoutFileOfContainer = (host: VfioHost, id: ContainerId): VfioHost =>
  isBeingLeft(host, id) ? host : withoutUnheldContainer(host, id);

/** A container without files and groups is gone. */
function withoutUnheldContainer(host: VfioHost, id: ContainerId): VfioHost {
  const container = containerOf(host, id);
  if (container === undefined || container.groups.length > 0) return host;
  if (isHeld(host, { kind: 'container', container: id })) return host;
  return { ...host, containers: host.containers.filter((each) => each !== container) };
}

/** The driver's part of a container is gone, and with it its hold on a process's memory. */
export function withoutTce(host: VfioHost, id: ContainerId): VfioHost {
  const container = containerOf(host, id);
  return container === undefined
    ? host
    : withoutUnheldMms(withContainer(host, { ...container, iommu: null }));
}

/** The group is out; the last one to leave ends the driver's part of the container. */
function unlink(host: VfioHost, frame: DetachContainerFrame): Step {
  const { group, container: id, mm } = frame;
  const container = containerOf(host, id)!;
  const groups = container.groups.filter((each) => each !== group);
  const out = withGroup(withContainer(host, { ...container, groups }), {
    ...groupOf(host, group)!,
    container: null,
  });
  if (container.iommu === null || groups.length > 0) return ret(withoutUnheldContainer(out, id));
  return call(
    out,
    { ...frame, at: 'releasing' },
    { fn: 'tce_iommu_release', at: 'entered', container: id, mm, num: 0 },
  );
}

/** The group goes back to the host. */
function releaseOwner(host: VfioHost, frame: DetachContainerFrame, said: readonly Said[]): Step {
  if (host.config.features.ownership === 'attach') {
    const step = unlink(host, frame);
    return { ...step, said: [...said, ...step.said] };
  }
  const release = { type: 'iommu_group_release_dma_owner', group: frame.group } as const;
  return askGroup(host, { ...frame, at: 'releasingOwner' }, release, said);
}

/**
 * A group leaves its container: the driver takes its windows out, the host gets the group back, and only then
 * go the tables, if it was the last. Cannot fail.
 * @see [Linux] drivers/vfio/container.c: vfio_group_detach_container
 */
export const vfioGroupDetachContainer: StepFunction<DetachContainerFrame> = (host, frame) => {
  const { group, container, mm } = frame;
  switch (frame.at) {
    case 'entered': {
      const said = [ran('vfio_group_detach_container')];
      if (tceOf(host, container) === undefined) return releaseOwner(host, frame, said);
      return call(
        host,
        { ...frame, at: 'detaching' },
        { fn: 'tce_iommu_detach_group', at: 'entered', container, mm, group, num: 0 },
        said,
      );
    }
    case 'detaching':
      return releaseOwner(host, frame, []);
    case 'releasingOwner':
      return unlink(host, frame);
    case 'releasing':
      return ret(withoutUnheldContainer(withoutTce(host, container), container));
  }
};
