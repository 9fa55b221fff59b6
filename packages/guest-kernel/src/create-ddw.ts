import { ioba, join32 } from '@spapr-dma/protocol';
import type { CreateDdwFrame } from './frames-ddw.js';
import { peAddressOf, statusOf } from './query-ddw.js';
import { hex, printk, ret, rtas, rtasAnswer, type StepFunction } from './steps.js';

/**
 * Whether RTAS wants to be asked again: busy, or an extended delay.
 *
 * Abstraction: the kernel sleeps before it asks again; here it asks at once.
 * @see [Linux] arch/powerpc/kernel/rtas.c: rtas_busy_delay
 */
export const isRtasBusy = (status: number): boolean => status === -2 || (status >= 9900 && status <= 9905);

/**
 * Returns LIOBN and start of the new window, after as many calls as RTAS is busy for, and prints them.
 * @see [Linux] arch/powerpc/platforms/pseries/iommu.c: create_ddw
 */
export const createDdw: StepFunction<CreateDdwFrame> = (kernel, frame, resumed) => {
  const { pageShift, windowShift } = frame;
  const create = () =>
    rtas(
      kernel,
      { ...frame, at: 'creating' },
      {
        type: 'ibm,create-pe-dma-window',
        args: [...peAddressOf(kernel, frame.device, frame.buid), pageShift, windowShift],
        nret: 4,
      },
    );
  if (frame.at === 'begin') return create();
  const answer = rtasAnswer(resumed);
  const status = statusOf(answer);
  if (isRtasBusy(status)) return create();
  const [liobn = 0, high = 0, low = 0] = answer.outputs;
  const start = ioba(join32(high, low));
  const text = `${frame.device}: create ${hex(pageShift)} ${hex(windowShift)} ret=${status} liobn=${hex(liobn)} start=${hex(start)}`;
  return ret(kernel, { ret: status, liobn, start }, [printk(text)]);
};
