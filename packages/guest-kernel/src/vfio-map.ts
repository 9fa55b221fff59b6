import type { Errno } from '@spapr-dma/protocol';
import type { VfioMapFrame } from './frames-vfio.js';
import type { IommuTable } from './guest-objects.js';
import { type GuestKernel, nodeOf } from './guest-state.js';
import { call, ret, returnedRc, type Step, type StepFunction } from './steps.js';

/**
 * Reports `guest-vfio-return`. A map that is refused half way clears what it had mapped, and ends in EIO; an
 * unmap goes on to its end whatever is answered.
 *
 * Abstraction: the refusal's own number is not handed on.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_build_v2, tce_iommu_clear
 */
export const vfioMap: StepFunction<VfioMapFrame> = (kernel, frame, resumed) => {
  const id = nodeOf(kernel, frame.buid)?.group?.tables[frame.num] ?? null;
  const table = id === null ? undefined : kernel.tables[id];
  const errno = addressErrno(table, frame);
  if (table === undefined || errno !== undefined) return finished(kernel, frame, errno ?? 'ENXIO');
  const pages = Number(frame.bytes >> BigInt(table.pageShift));
  const exchange = (next: VfioMapFrame, index: number, direction: VfioMapFrame['direction']): Step =>
    call(kernel, next, {
      fn: 'tce_exchange_pseries',
      at: 'begin',
      table: table.id,
      tcenum: Number(frame.ioba >> BigInt(table.pageShift)) + index,
      rpn: direction === 'DMA_NONE' ? 0n : (frame.gpa >> BigInt(table.pageShift)) + BigInt(index),
      direction,
    });
  const clear = (next: VfioMapFrame): Step =>
    next.cleared === next.done
      ? finished(kernel, next, 'EIO')
      : exchange({ ...next, at: 'clearing' }, next.cleared, 'DMA_NONE');
  switch (frame.at) {
    case 'begin':
      return exchange({ ...frame, at: 'exchanging' }, 0, frame.direction);
    case 'exchanging': {
      const refused = returnedRc(resumed) !== 0;
      if (refused && frame.command === 'vfio-map') return clear(frame);
      const next = { ...frame, done: frame.done + 1 };
      return next.done === pages ? finished(kernel, next, 0) : exchange(next, next.done, next.direction);
    }
    case 'clearing':
      return clear({ ...frame, cleared: frame.cleared + 1 });
  }
};

/** Why the addresses are refused before any call: no window, not whole pages, or not in the window. */
function addressErrno(table: IommuTable | undefined, { ioba, gpa, bytes }: VfioMapFrame): Errno | undefined {
  if (table === undefined) return 'ENXIO';
  const page = 1n << BigInt(table.pageShift);
  if (ioba % page !== 0n || gpa % page !== 0n || bytes % page !== 0n || bytes === 0n) return 'EINVAL';
  const first = ioba / page;
  const end = first + bytes / page;
  const inside = first >= BigInt(table.offset) && end <= BigInt(table.offset + table.size);
  return inside ? undefined : 'EINVAL';
}

const finished = (kernel: GuestKernel, { command }: VfioMapFrame, result: 0 | Errno): Step =>
  ret(kernel, null, [{ type: 'guest-vfio-return', command, result, start: null }]);
