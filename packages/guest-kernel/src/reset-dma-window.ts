import type { ResetDmaWindowFrame } from './frames-ddw.js';
import { nodeOf } from './guest-state.js';
import { DDW_EXTENSIONS, ddwExtension, peAddressOf, statusOf } from './query-ddw.js';
import { printk, ret, rtas, rtasAnswer, type StepFunction } from './steps.js';

/** What the kernel's own errors are worth here: not a status of RTAS. */
const NOT_SUPPORTED = -22;

/**
 * Returns the status; NOT_SUPPORTED where firmware lacks the call, or lacks limited addressing when that is
 * what is asked for. A PE that is reset loses every dynamic window.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: reset_dma_window, limited_dma_window
 */
export const resetDmaWindow: StepFunction<ResetDmaWindowFrame> = (kernel, frame, resumed) => {
  if (frame.at === 'begin') {
    const node = nodeOf(kernel, frame.buid)!;
    const canReset = ddwExtension(node, DDW_EXTENSIONS.RESET_DMA_WIN) !== undefined;
    const canLimit = (ddwExtension(node, DDW_EXTENSIONS.LIMITED_ADDR_MODE) ?? 0) !== 0;
    if (!canReset) return ret(kernel, NOT_SUPPORTED);
    if (frame.limited && !canLimit) {
      return ret(kernel, NOT_SUPPORTED, [printk(`${frame.device}: limited addressing is not supported`)]);
    }
    const args = peAddressOf(kernel, frame.device, frame.buid);
    return rtas(
      kernel,
      { ...frame, at: 'resetting' },
      { type: 'ibm,reset-pe-dma-window', args: frame.limited ? [...args, 1] : args, nret: 1 },
    );
  }
  const status = statusOf(rtasAnswer(resumed));
  const text = `${frame.device}: reset ret=${status}`;
  return ret(kernel, status, status === 0 ? [] : [printk(text)]);
};
