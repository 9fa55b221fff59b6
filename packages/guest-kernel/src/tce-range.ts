import { type DynamicDmaWindowProperty, TCE_READ, TCE_WRITE } from '@spapr-dma/protocol';
import type { TceClearRangeFrame, TceSetRangeFrame } from './frames-tce.js';
import { usesMultiTce } from './guest-state.js';
import { call, hcall, rcOf, ret, returnedRc, type StepFunction } from './steps.js';
import { tcePageOf } from './tce-page.js';

/**
 * The range in whole IOMMU pages: from the page that holds its first byte, and without the page that holds
 * its last bytes if they do not fill it.
 */
export function rangeOf(window: DynamicDmaWindowProperty, gpa: bigint, bytes: bigint) {
  const tceBytes = 1n << BigInt(window.tceShift);
  const first = gpa - (gpa % tceBytes);
  return { first, count: Number((bytes + (gpa - first)) / tceBytes), tceBytes };
}

/** Where a byte of RAM appears on the bus. */
const iobaAt = (window: DynamicDmaWindowProperty, gpa: bigint): bigint => gpa + window.dmaBase;

/**
 * Returns 0 or the first refusal, and leaves the clearing up to its caller. All of it runs with interrupts off.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_setrange_multi_pSeriesLP
 */
export const tceSetRange: StepFunction<TceSetRangeFrame> = (kernel, frame, resumed, cpu) => {
  const { window } = frame;
  const { first, count, tceBytes } = rangeOf(window, frame.gpa, frame.bytes);
  const limitOf = (done: number) => Math.min(count - done, kernel.config.indirectTcesMax);
  const put = (done: number) => {
    const start = first + BigInt(done) * tceBytes;
    const tces = Array.from(
      { length: limitOf(done) },
      (_, i) => (start + BigInt(i) * tceBytes) | TCE_READ | TCE_WRITE,
    );
    return hcall(
      kernel,
      { ...frame, at: 'putting', done },
      {
        type: 'H_PUT_TCE_INDIRECT',
        liobn: BigInt(window.liobn),
        ioba: iobaAt(window, start),
        tceList: tcePageOf(kernel.config, cpu),
        npages: BigInt(tces.length),
        tces,
      },
    );
  };
  switch (frame.at) {
    case 'begin': {
      if (usesMultiTce(kernel)) return put(0);
      const tceShift = window.tceShift;
      return call(
        kernel,
        { ...frame, at: 'puttingOneByOne' },
        {
          fn: 'tce_build_pSeriesLP',
          at: 'begin',
          liobn: window.liobn,
          tcenum: Number(iobaAt(window, frame.gpa) >> BigInt(tceShift)),
          tceShift,
          npages: Number(frame.bytes >> BigInt(tceShift)),
          rpn: frame.gpa >> BigInt(tceShift),
          direction: 'DMA_BIDIRECTIONAL',
          done: 0,
        },
      );
    }
    case 'puttingOneByOne':
      return ret(kernel, returnedRc(resumed));
    case 'putting': {
      const rc = rcOf(resumed);
      const done = frame.done + limitOf(frame.done);
      return rc === 0 && done < count ? put(done) : ret(kernel, rc);
    }
  }
};

/**
 * Returns 0 or the first refusal. Every kernel sends blocks of 512 here, with multi-TCE or without.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_clearrange_multi_pSeriesLP
 */
export const tceClearRange: StepFunction<TceClearRangeFrame> = (kernel, frame, resumed) => {
  const { window } = frame;
  const { first, count, tceBytes } = rangeOf(window, frame.gpa, frame.bytes);
  const limitOf = (done: number) => Math.min(count - done, kernel.config.indirectTcesMax);
  const rc = frame.at === 'stuffing' ? rcOf(resumed) : 0;
  const done = frame.at === 'stuffing' ? frame.done + limitOf(frame.done) : 0;
  if (rc !== 0 || (frame.at === 'stuffing' && done >= count)) return ret(kernel, rc);
  return hcall(
    kernel,
    { ...frame, at: 'stuffing', done },
    {
      type: 'H_STUFF_TCE',
      liobn: BigInt(window.liobn),
      ioba: iobaAt(window, first + BigInt(done) * tceBytes),
      tceValue: 0n,
      npages: BigInt(limitOf(done)),
    },
  );
};
