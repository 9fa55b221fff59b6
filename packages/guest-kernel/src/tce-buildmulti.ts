import type { TceBuildMultiFrame } from './frames-tce.js';
import { usesMultiTce } from './guest-state.js';
import {
  call,
  H_NOT_ENOUGH_RESOURCES,
  hcall,
  hex,
  printk,
  rcOf,
  ret,
  returnedRc,
  type StepFunction,
} from './steps.js';
import { iobaOf, protoTceOf } from './tce-build.js';
import { tcePageOf } from './tce-page.js';

/**
 * Returns 0 or −44. One page, or a kernel without multi-TCE, goes one by one. A list that is refused for want
 * of resources takes back the lists before it; what that list itself had put stays (B-44). Any other refusal
 * ends the loop, is printed, and counts as done.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_buildmulti_pSeriesLP
 */
export const tceBuildMulti: StepFunction<TceBuildMultiFrame> = (kernel, frame, resumed, cpu) => {
  const table = kernel.tables[frame.table]!;
  const { liobn, pageShift: tceShift } = table;
  const limitOf = (done: number) => Math.min(frame.npages - done, kernel.config.indirectTcesMax);
  const put = (done: number) => {
    const first = frame.rpn + BigInt(done);
    const tces = Array.from(
      { length: limitOf(done) },
      (_, i) => ((first + BigInt(i)) << BigInt(tceShift)) | protoTceOf(frame.direction),
    );
    return hcall(
      kernel,
      { ...frame, at: 'putting', done },
      {
        type: 'H_PUT_TCE_INDIRECT',
        liobn: BigInt(liobn),
        ioba: iobaOf(frame.tcenum + done, tceShift),
        tceList: tcePageOf(kernel.config, cpu),
        npages: BigInt(tces.length),
        tces,
      },
    );
  };
  switch (frame.at) {
    case 'begin': {
      if (frame.npages > 1 && usesMultiTce(kernel)) return put(0);
      const { tcenum, npages, rpn, direction } = frame;
      return call(
        kernel,
        { ...frame, at: 'puttingOneByOne' },
        {
          fn: 'tce_build_pSeriesLP',
          at: 'begin',
          liobn,
          tcenum,
          tceShift,
          npages,
          rpn,
          direction,
          done: 0,
        },
      );
    }
    case 'puttingOneByOne':
      return ret(kernel, returnedRc(resumed));
    case 'putting': {
      const rc = rcOf(resumed);
      if (rc === H_NOT_ENOUGH_RESOURCES) {
        return call(
          kernel,
          { ...frame, at: 'unwinding' },
          {
            fn: 'tce_freemulti_pSeriesLP',
            at: 'begin',
            table: frame.table,
            tcenum: frame.tcenum,
            npages: frame.done,
            done: 0,
          },
        );
      }
      const done = frame.done + limitOf(frame.done);
      if (rc === 0 && done < frame.npages) return put(done);
      const text = `tce_buildmulti_pSeriesLP: rc=${rc} liobn=${hex(liobn)}`;
      return ret(kernel, 0, rc === 0 ? [] : [printk(text)]);
    }
    case 'unwinding':
      return ret(kernel, H_NOT_ENOUGH_RESOURCES);
  }
};
