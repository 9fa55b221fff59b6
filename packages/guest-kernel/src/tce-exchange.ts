import { TCE_READ, TCE_WRITE } from '@spapr-dma/protocol';
import type { TceExchangeFrame } from './frames-tce.js';
import { unlocked } from './guest-state.js';
import { hcall, lock, rcOf, ret, type StepFunction } from './steps.js';
import { iobaOf } from './tce-build.js';
import { tceGetRequest } from './tce-get.js';

/** Permissions that VFIO asks for; here a device that only writes gets no read permission. */
const PERMISSIONS = {
  DMA_NONE: 0n,
  DMA_BIDIRECTIONAL: TCE_READ | TCE_WRITE,
  DMA_TO_DEVICE: TCE_READ,
  DMA_FROM_DEVICE: TCE_WRITE,
} as const;

/**
 * Returns 0 or the first refusal. The two calls are one exchange only towards other exchanges: another vCPU's
 * hypercall may come between them.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_exchange_pseries
 */
export const tceExchange: StepFunction<TceExchangeFrame> = (kernel, frame, resumed) => {
  const table = kernel.tables[frame.table]!;
  switch (frame.at) {
    case 'begin':
      return lock(kernel, { ...frame, at: 'locked' }, 'large_pool.lock');
    case 'locked':
      return hcall(kernel, { ...frame, at: 'getting' }, tceGetRequest(table, frame.tcenum));
    case 'getting': {
      const rc = rcOf(resumed);
      if (rc !== 0) return ret(unlocked(kernel, 'large_pool.lock'), rc);
      return hcall(
        kernel,
        { ...frame, at: 'putting' },
        {
          type: 'H_PUT_TCE',
          liobn: BigInt(table.liobn),
          ioba: iobaOf(frame.tcenum, table.pageShift),
          tce: (frame.rpn << BigInt(table.pageShift)) | PERMISSIONS[frame.direction],
        },
      );
    }
    case 'putting':
      return ret(unlocked(kernel, 'large_pool.lock'), rcOf(resumed));
  }
};
