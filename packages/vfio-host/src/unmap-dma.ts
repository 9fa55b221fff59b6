import type { Rc } from './answers.js';
import type { UnmapDmaFrame } from './frames.js';
import { entriesOf, isAligned, rangeRc } from './map-dma.js';
import type { TceContainer } from './objects.js';
import { tceOf, type VfioHost, windowAt } from './state.js';
import { call, ret, returned, returnedError, type StepFunction } from './steps.js';
import { clearFrame } from './tce-clear.js';

/**
 * What UNMAP_DMA answers once there is a default window; 0 where entries are to be cleared. ENXIO outside every
 * window, EINVAL for a size that is no multiple of the window's pages, 1 for an address that is none, and in
 * kernels that look, for a range across the window's end.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_ioctl
 */
export function unmapDmaStatus(host: VfioHost, tce: TceContainer, unmap: UnmapDmaFrame): Rc {
  const facts = windowAt(tce, unmap.iova)?.window.facts;
  if (facts === undefined) return 'ENXIO';
  if (!isAligned(unmap.size, facts)) return 'EINVAL';
  return rangeRc(host, facts, unmap.iova, host.config.switches.rangeCheck === 'firstOnly' ? 0n : unmap.size);
}

/** VFIO_IOMMU_UNMAP_DMA: the default window if it is owed, then the entries. */
export const unmapDma: StepFunction<UnmapDmaFrame> = (host, frame, resumed) => {
  const { container, mm } = frame;
  switch (frame.at) {
    case 'entered':
      return call(
        host,
        { ...frame, at: 'creatingDefaultWindow' },
        { fn: 'tce_iommu_create_default_window', at: 'entered', container, mm },
      );
    case 'creatingDefaultWindow': {
      if (returnedError(resumed)) return ret(host, returned(resumed).rc);
      const tce = tceOf(host, container);
      // Another thread may have taken the last group out meanwhile.
      if (tce === undefined) return ret(host, 'ENXIO');
      const rc = unmapDmaStatus(host, tce, frame);
      if (rc !== 0) return ret(host, rc);
      const { facts } = windowAt(tce, frame.iova)!.window;
      const span = entriesOf(facts, frame.iova, frame.size);
      return call(host, { ...frame, at: 'clearing' }, clearFrame({ container, mm, facts }, span));
    }
    case 'clearing':
      return ret(host, returned(resumed).rc);
  }
};
