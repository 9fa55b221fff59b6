import type { TceCreateFrame } from './frames.js';
import { tceOf } from './state.js';
import { call, ret, returned, returnedError, type StepFunction } from './steps.js';
import { createWindowFrame } from './tce-create-window.js';

/**
 * VFIO_IOMMU_SPAPR_TCE_CREATE behind its checks: first the default window, if one is owed, which takes a slot.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_ioctl
 */
export const tceCreate: StepFunction<TceCreateFrame> = (host, frame, resumed) => {
  const { container, mm, request } = frame;
  switch (frame.at) {
    case 'entered':
      return call(
        host,
        { ...frame, at: 'creatingDefaultWindow' },
        { fn: 'tce_iommu_create_default_window', at: 'entered', container, mm },
      );
    case 'creatingDefaultWindow': {
      if (returnedError(resumed)) return ret(host, returned(resumed).rc);
      const groups = tceOf(host, container)?.groups ?? [];
      return call(host, { ...frame, at: 'creating' }, createWindowFrame(container, mm, request, groups));
    }
    case 'creating':
      return ret(host, returned(resumed));
  }
};
