import { type DmaDirection, TCE_READ, TCE_WRITE } from '@spapr-dma/protocol';
import type { TceBuildFrame } from './frames-tce.js';
import { call, H_NOT_ENOUGH_RESOURCES, hcall, hex, printk, rcOf, ret, type StepFunction } from './steps.js';

/** Permissions of a new TCE: always read, and write unless data only goes to the device. */
export const protoTceOf = (direction: DmaDirection): bigint =>
  direction === 'DMA_TO_DEVICE' ? TCE_READ : TCE_READ | TCE_WRITE;

/** The address on the bus of a page by its number. */
export const iobaOf = (tcenum: number, tceShift: number): bigint => BigInt(tcenum) << BigInt(tceShift);

/**
 * Returns 0, or −44 after taking back what was put. Any other answer is only printed, and the next page is put
 * (B-44): the mapping counts as done, with a hole in it.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_build_pSeriesLP
 */
export const tceBuild: StepFunction<TceBuildFrame> = (kernel, frame, resumed) => {
  const put = (next: TceBuildFrame, reports: Parameters<typeof hcall>[3] = []) =>
    next.done === next.npages
      ? ret(kernel, 0, reports)
      : hcall(
          kernel,
          { ...next, at: 'putting' },
          {
            type: 'H_PUT_TCE',
            liobn: BigInt(frame.liobn),
            ioba: iobaOf(frame.tcenum + next.done, frame.tceShift),
            tce: ((frame.rpn + BigInt(next.done)) << BigInt(frame.tceShift)) | protoTceOf(frame.direction),
          },
          reports,
        );
  switch (frame.at) {
    case 'begin':
      return put(frame);
    case 'putting': {
      const rc = rcOf(resumed);
      if (rc === H_NOT_ENOUGH_RESOURCES) {
        const { liobn, tcenum, tceShift, done } = frame;
        return call(
          kernel,
          { ...frame, at: 'unwinding' },
          { fn: 'tce_free_pSeriesLP', at: 'begin', liobn, tcenum, tceShift, npages: done, done: 0 },
        );
      }
      const next = { ...frame, done: frame.done + 1 };
      if (rc === 0) return put(next);
      return put(next, [printk(`tce_build_pSeriesLP: rc=${rc} liobn=${hex(frame.liobn)}`)]);
    }
    case 'unwinding':
      return ret(kernel, H_NOT_ENOUGH_RESOURCES);
  }
};
