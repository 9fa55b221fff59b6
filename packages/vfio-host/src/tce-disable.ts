import { accountLockedVm, type Outcome } from './account-locked-vm.js';
import type { ContainerId, MmId } from './objects.js';
import { ran } from './said.js';
import { tceOf, type VfioHost, withTce } from './state.js';

/**
 * Gives back what ENABLE charged; nothing to do for a container that is not enabled. Mappings stay.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_disable
 */
export function tceIommuDisable(host: VfioHost, container: ContainerId, mm: MmId | null): Outcome {
  const tce = tceOf(host, container);
  if (tce?.enabled !== true) return { host, rc: 0, said: [] };
  const refund = accountLockedVm(host, mm, tce.lockedPages, false);
  return {
    host: withTce(refund.host, container, { enabled: false, lockedPages: 0 }),
    rc: 0,
    said: [ran('tce_iommu_disable.part.0'), ...refund.said],
  };
}
