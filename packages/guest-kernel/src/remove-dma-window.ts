import {
  type DmaWindowProperty,
  type DynamicDmaWindowProperty,
  gpa,
  high32,
  ioba,
  low32,
} from '@spapr-dma/protocol';
import type { RemoveDmaWindowFrame } from './frames-ddw.js';
import { nodeOf } from './guest-state.js';
import { statusOf } from './query-ddw.js';
import type { ReportBody } from './requests.js';
import { call, hex, printk, ret, returnedRc, rtas, rtasAnswer, type StepFunction } from './steps.js';

/**
 * What cleaning makes of `ibm,dma-window`: it reads the 20 bytes of that property (LIOBN, start, size) as the
 * 24 bytes of a dynamic window's (LIOBN, gap, start, TCE shift, window shift). The start is half the start
 * and half the size, and the shifts come out so large that no page is left to clear.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: struct dynamic_dma_window_prop, clean_dma_window
 */
export const misreadDefaultWindow = ({
  liobn,
  start,
  bytes,
}: DmaWindowProperty): DynamicDmaWindowProperty => ({
  liobn,
  dmaBase: ioba((BigInt(low32(start)) << 32n) | BigInt(high32(bytes))),
  tceShift: 0,
  windowShift: NO_PAGES,
});
/** A shift that leaves nothing, as a shift by 64 bits or more does on POWER. */
const NO_PAGES = -1;

/**
 * Clears every TCE of the window and removes it, each where asked for. A refusal of either is printed, and
 * the caller goes on. Without `ibm,ddw-applicable` nothing happens, as there is no call to remove with.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: clean_dma_window, __remove_dma_window, remove_dma_window
 */
export const removeDmaWindow: StepFunction<RemoveDmaWindowFrame> = (kernel, frame, resumed) => {
  const remove = (reports: readonly ReportBody[]) =>
    rtas(
      kernel,
      { ...frame, at: 'removing' },
      { type: 'ibm,remove-pe-dma-window', args: [frame.liobn], nret: 1 },
      reports,
    );
  switch (frame.at) {
    case 'begin': {
      if (nodeOf(kernel, frame.buid)?.ddwApplicable === null) return ret(kernel);
      if (frame.steps === 'remove' || frame.window === null) return remove([]);
      const { windowShift } = frame.window;
      const bytes = windowShift === NO_PAGES ? 0n : 1n << BigInt(windowShift);
      return call(
        kernel,
        { ...frame, at: 'cleaning' },
        {
          fn: 'tce_clearrange_multi_pSeriesLP',
          at: 'begin',
          window: frame.window,
          gpa: gpa(0n),
          bytes,
          done: 0,
        },
      );
    }
    case 'cleaning': {
      const failed =
        returnedRc(resumed) === 0 ? [] : [printk(`failed to clear window liobn=${hex(frame.liobn)}`)];
      return frame.steps === 'clean' ? ret(kernel, null, failed) : remove(failed);
    }
    case 'removing': {
      const status = statusOf(rtasAnswer(resumed));
      const text = `failed to remove window liobn=${hex(frame.liobn)} ret=${status}`;
      return ret(kernel, null, status === 0 ? [] : [printk(text)]);
    }
  }
};
