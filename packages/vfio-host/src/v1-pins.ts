import type { MmId } from './objects.js';
import { mmOf, type VfioHost, withMm } from './state.js';

/** Pages are pinned by v1, once for each entry. */
export function pinned(host: VfioHost, id: MmId | null, pages: number): VfioHost {
  const mm = mmOf(host, id);
  return mm === undefined ? host : withMm(host, { ...mm, pinnedPages: mm.pinnedPages + pages });
}
/** Pages are unpinned. @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_unuse_page */
export const unpinned = (host: VfioHost, id: MmId | null, pages: number): VfioHost =>
  pinned(host, id, -pages);
