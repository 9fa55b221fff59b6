import type { Errno, GroupId } from '@spapr-dma/protocol';
import { releaseOwnership } from './release-ownership.js';
import { type Running, ran } from './sent.js';
import { deviceOf, groupOf, type IommuGroup, type PowernvState, withGroup } from './state.js';
import { shownDevice, takeOwnership } from './take-ownership.js';

/** Whether VFIO owns a group, or a driver of the host is bound to one of its devices. */
export const isClaimed = (powernv: PowernvState, { owner, devices }: IommuGroup): boolean =>
  owner === 'vfio' || devices.some((id) => (deviceOf(powernv, id)?.driver ?? null) !== null);

/** Whether VFIO may become the owner. */
export function claimStatus(powernv: PowernvState, id: GroupId): Errno | null {
  const group = groupOf(powernv, id);
  if (group === undefined) return 'ENODEV';
  return isClaimed(powernv, group) ? 'EPERM' : null;
}

/** The platform gives a group away, or takes it back, device by device. */
const attachEach = (running: Running, id: GroupId, attach: (device: string) => void): void => {
  ran(running, '__iommu_group_set_domain_internal');
  for (const device of groupOf(running.powernv, id)!.devices) {
    ran(running, '__iommu_device_set_domain');
    ran(running, '__iommu_attach_device');
    attach(device);
  }
};

/**
 * VFIO becomes the owner of a group, which each of its devices is taken for.
 * @returns why not: `EPERM` if it has an owner, `EIO` where the platform refused
 * @see [Linux] drivers/iommu/iommu.c: iommu_group_claim_dma_owner
 * @see [Linux] arch/powerpc/kernel/iommu.c: spapr_tce_blocked_iommu_attach_dev
 */
export function iommuGroupClaimDmaOwner(running: Running, id: GroupId): Errno | null {
  ran(running, 'iommu_group_claim_dma_owner', { group: id });
  const status = claimStatus(running.powernv, id);
  if (status !== null) return status;
  let refused = false;
  attachEach(running, id, (device) => {
    if (refused) return;
    ran(running, 'spapr_tce_blocked_iommu_attach_dev', shownDevice(running, device));
    refused = takeOwnership(running, id, device) !== 'OPAL_SUCCESS';
  });
  if (refused) return 'EIO';
  running.powernv = withGroup(running.powernv, { ...groupOf(running.powernv, id)!, owner: 'vfio' });
  return null;
}

/**
 * VFIO stops being the owner of a group.
 * @returns why not: `EINVAL` where it is not
 * @see [Linux] drivers/iommu/iommu.c: iommu_group_release_dma_owner
 * @see [Linux] arch/powerpc/kernel/iommu.c: spapr_tce_platform_iommu_attach_dev
 */
export function iommuGroupReleaseDmaOwner(running: Running, id: GroupId): Errno | null {
  ran(running, 'iommu_group_release_dma_owner', { group: id });
  const group = groupOf(running.powernv, id);
  if (group?.owner !== 'vfio') return 'EINVAL';
  ran(running, '__iommu_group_set_domain_nofail');
  attachEach(running, id, (device) => {
    ran(running, 'spapr_tce_platform_iommu_attach_dev', shownDevice(running, device));
    releaseOwnership(running, id, device);
  });
  running.powernv = withGroup(running.powernv, { ...groupOf(running.powernv, id)!, owner: 'platform' });
  return null;
}
