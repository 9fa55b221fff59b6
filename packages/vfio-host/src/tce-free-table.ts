import { accountLockedVm, type Outcome } from './account-locked-vm.js';
import type { ContainerWindow, MmId } from './objects.js';
import type { VfioHost } from './state.js';

/** What is given back for a window. @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_free_table */
export function refundWindow(
  host: VfioHost,
  mm: MmId | null,
  { facts, chargedPages }: ContainerWindow,
): Outcome {
  const { switches, hostPageShift } = host.config;
  const allocated = Number(facts.allocatedBytes >> BigInt(hostPageShift));
  const pages = switches.chargeMatchesAllocation === 'fixed' ? chargedPages : allocated;
  return accountLockedVm(host, mm, pages, false);
}
