import type { TceFreeFrame, TceFreeMultiFrame } from './frames-tce.js';
import { type GuestKernel, usesMultiTce } from './guest-state.js';
import type { ReportBody } from './requests.js';
import { call, hcall, hex, printk, rcOf, ret, type StepFunction } from './steps.js';
import { iobaOf } from './tce-build.js';

/**
 * Returns nothing: a refused page is printed, and the next one is put.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_free_pSeriesLP
 */
export const tceFree: StepFunction<TceFreeFrame> = (kernel, frame, resumed) => {
  const failed = frame.at === 'putting' && rcOf(resumed) !== 0;
  const reports: ReportBody[] = failed
    ? [printk(`tce_free_pSeriesLP: rc=${rcOf(resumed)} liobn=${hex(frame.liobn)}`)]
    : [];
  const done = frame.at === 'putting' ? frame.done + 1 : 0;
  if (done === frame.npages) return ret(kernel, null, reports);
  const request = {
    type: 'H_PUT_TCE',
    liobn: BigInt(frame.liobn),
    ioba: iobaOf(frame.tcenum + done, frame.tceShift),
    tce: 0n,
  } as const;
  return hcall(kernel, { ...frame, at: 'putting', done }, request, reports);
};

/** Entries in one H_STUFF_TCE: 512, or all at once in kernels that do not split (B-43). */
export function stuffLimit({ config }: GuestKernel, npages: number): number {
  const { stuffTcesMax } = config.version;
  if (stuffTcesMax === null) return npages;
  return Math.min(npages, stuffTcesMax, config.indirectTcesMax);
}

/**
 * Returns nothing: the first refusal ends the loop and is printed, and the caller goes on as if all were
 * clear. With no pages at all it still makes one call, of 0 pages.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_freemulti_pSeriesLP
 */
export const tceFreeMulti: StepFunction<TceFreeMultiFrame> = (kernel, frame, resumed) => {
  const { liobn, pageShift: tceShift } = kernel.tables[frame.table]!;
  const stuff = (done: number) =>
    hcall(
      kernel,
      { ...frame, at: 'stuffing', done },
      {
        type: 'H_STUFF_TCE',
        liobn: BigInt(liobn),
        ioba: iobaOf(frame.tcenum + done, tceShift),
        tceValue: 0n,
        npages: BigInt(stuffLimit(kernel, frame.npages - done)),
      },
    );
  switch (frame.at) {
    case 'begin': {
      if (usesMultiTce(kernel)) return stuff(0);
      const { tcenum, npages } = frame;
      return call(
        kernel,
        { ...frame, at: 'puttingOneByOne' },
        { fn: 'tce_free_pSeriesLP', at: 'begin', liobn, tcenum, tceShift, npages, done: 0 },
      );
    }
    case 'stuffing': {
      const rc = rcOf(resumed);
      const done = frame.done + stuffLimit(kernel, frame.npages - frame.done);
      if (rc === 0 && done < frame.npages) return stuff(done);
      const text = `tce_freemulti_pSeriesLP: rc=${rc} liobn=${hex(liobn)} npages=${frame.npages}`;
      return ret(kernel, null, rc === 0 ? [] : [printk(text)]);
    }
    case 'puttingOneByOne':
      return ret(kernel);
  }
};
