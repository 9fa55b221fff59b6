import { bootFrame } from './boot.js';
import type { FirmwareFrame } from './frames-firmware.js';
import { goto, hcall, rtas, type StepFunction } from './steps.js';

/**
 * Puts one TCE after the other, whatever is answered, then tells RTAS that it is through, and starts the
 * kernel. What firmware left mapped, the kernel's boot clears.
 * @see [SLOF] lib/libbootmsg, board-qemu/slof: dma-map-in, dma-map-out, quiesce
 */
export const firmware: StepFunction<FirmwareFrame> = (kernel, frame) => {
  if (frame.at === 'quiescing') return goto({ ...kernel, mode: 'booting' }, bootFrame());
  const done = frame.at === 'begin' ? 0 : frame.done + 1;
  const put = frame.puts[done];
  if (put === undefined) {
    return rtas(kernel, { ...frame, at: 'quiescing' }, { type: 'quiesce', args: [], nret: 1 });
  }
  return hcall(
    kernel,
    { ...frame, at: 'putting', done },
    { type: 'H_PUT_TCE', liobn: BigInt(put.liobn), ioba: put.ioba, tce: put.tce },
  );
};
