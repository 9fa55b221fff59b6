import { type Bytes, bytes as bytesOf, type DmaDirection, type Ioba, ioba } from '@spapr-dma/protocol';
import { orderBase2 } from './ddw-geometry.js';
import type { DmaMapFrame, DmaMapSgFrame, Segment } from './frames-driver.js';
import type { GuestDevice, IommuTable, TableId } from './guest-objects.js';
import type { GuestKernel } from './guest-state.js';
import { iommuRangeAlloc } from './iommu-range-alloc.js';
import { withTable } from './iommu-table.js';
import type { ReportBody } from './requests.js';
import { call, hex, printk, ret, returnedRc, type Step, type StepFunction } from './steps.js';

/** A merged segment grows no longer than this unless a driver allows it. @see [Linux] dma_get_max_seg_size */
const SEGMENT_BYTES_MAX = 0x1_0000n;

/** How many IOMMU pages a buffer touches. @see [Linux] iommu_num_pages */
export function ioPagesOf(table: IommuTable, address: bigint, bytes: bigint): number {
  const page = 1n << BigInt(table.pageShift);
  return Number(((address % page) + bytes + page - 1n) / page);
}

/** The highest page number that the device reaches. */
const pageMaskOf = (device: GuestDevice, table: IommuTable): number =>
  Number(device.dmaMask >> BigInt(table.pageShift));

/** A buffer that starts with a guest page is aligned to one on the bus too. */
function alignOrderOf({ config }: GuestKernel, table: IommuTable, gpa: bigint, bytes: bigint): number {
  const guestPage = 1n << BigInt(config.guestPageShift);
  const aligned = table.pageShift < config.guestPageShift && bytes >= guestPage && gpa % guestPage === 0n;
  return aligned ? config.guestPageShift - table.pageShift : 0;
}

const addressOf = (table: IommuTable, entry: number, gpa: bigint): Ioba => {
  const shift = BigInt(table.pageShift);
  return ioba((BigInt(entry) << shift) | (gpa & ((1n << shift) - 1n)));
};

/** A device with all RAM mapped adds an offset; a device without driver or table can map nothing. */
function mapWithoutTable(
  kernel: GuestKernel,
  { device: id, table: known }: DmaMapFrame | DmaMapSgFrame,
  buffers: readonly { readonly gpa: bigint; readonly bytes: Bytes }[],
): Step | { readonly device: GuestDevice; readonly table: IommuTable } {
  const device = kernel.devices[id];
  if (device !== undefined && known !== null) return { device, table: kernel.tables[known]! };
  if (device?.bypass) {
    return ret(kernel, null, [
      {
        type: 'mapped',
        device: id,
        segments: buffers.map(({ gpa, bytes }) => ({
          dmaAddress: ioba(gpa + device.dmaOffset),
          bytes,
        })),
      },
    ]);
  }
  const table = device?.base === null || device === undefined ? undefined : kernel.tables[device.base];
  if (device === undefined || table === undefined || device.mode !== 'bound') return unmappable(kernel, id);
  return { device, table };
}

const unmappable = (kernel: GuestKernel, device: string, reports: readonly ReportBody[] = []): Step =>
  ret(kernel, null, [...reports, { type: 'mapped', device, segments: null }]);

/**
 * Reports `mapped`. Pages are found first, then written; only a failure for want of resources is undone
 * (B-44), with the table cleared and the pages given back.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_alloc, iommu_map_page, iommu_alloc_coherent
 */
export const dmaMap: StepFunction<DmaMapFrame> = (kernel, frame, resumed, cpu) => {
  const found = mapWithoutTable(kernel, frame, [frame]);
  if ('next' in found) return found;
  const { device, table } = found;
  const { entry, npages } = frame;
  switch (frame.at) {
    case 'begin': {
      const request = requestOf(kernel, frame, table);
      const granted = iommuRangeAlloc(kernel.config, table, {
        ...request,
        mask: pageMaskOf(device, table),
        handle: 0,
        cpu,
      });
      const next = withTable(kernel, granted.table);
      if (granted.index === undefined) {
        return unmappable(next, frame.device, [
          printk(`${frame.device}: no room for ${request.npages} pages`),
        ]);
      }
      const first = table.offset + granted.index;
      return call(
        next,
        { ...frame, at: 'setting', table: table.id, entry: first, npages: request.npages },
        buildFrame(table, first, request.npages, frame.gpa, frame.direction),
      );
    }
    case 'setting':
      if (returnedRc(resumed) === 0) {
        const dmaAddress = addressOf(table, entry, frame.gpa);
        const { bytes } = frame;
        return ret(kernel, null, [
          { type: 'mapped', device: frame.device, segments: [{ dmaAddress, bytes }] },
        ]);
      }
      return call(
        kernel,
        { ...frame, at: 'clearing' },
        {
          fn: 'iommu_free',
          at: 'begin',
          device: null,
          table: table.id,
          entry,
          npages,
          dmaAddress: ioba(0n),
          bytes: bytesOf(0n),
        },
      );
    case 'clearing':
      return unmappable(kernel, frame.device);
  }
};

/** Pages and alignment of one buffer. Coherent memory is aligned to its own size. */
function requestOf(kernel: GuestKernel, frame: DmaMapFrame, table: IommuTable) {
  const { gpa, bytes } = frame;
  if (frame.kind === 'page') {
    const alignOrder = alignOrderOf(kernel, table, gpa, bytes);
    return { npages: ioPagesOf(table, gpa, bytes), alignOrder };
  }
  const guestPage = 1n << BigInt(kernel.config.guestPageShift);
  const whole = ((bytes + guestPage - 1n) / guestPage) * guestPage;
  const npages = ioPagesOf(table, 0n, whole);
  return { npages, alignOrder: orderBase2(BigInt(npages)) };
}

const buildFrame = (
  table: IommuTable,
  tcenum: number,
  npages: number,
  gpa: bigint,
  direction: DmaDirection,
) =>
  ({
    fn: 'tce_buildmulti_pSeriesLP',
    at: 'begin',
    table: table.id,
    tcenum,
    rpn: gpa >> BigInt(table.pageShift),
    npages,
    direction,
    done: 0,
  }) as const;

/**
 * Reports `mapped`. A buffer that cannot be mapped takes back the ones before it; the pages found for a
 * buffer whose writing failed are not given back, as the source leaves them.
 * @see [Linux] arch/powerpc/kernel/iommu.c: ppc_iommu_map_sg
 */
export const dmaMapSg: StepFunction<DmaMapSgFrame> = (kernel, frame, resumed, cpu) => {
  const found = mapWithoutTable(kernel, frame, frame.buffers);
  if ('next' in found) return found;
  const { device, table } = found;
  const mapNext = (next: DmaMapSgFrame): Step => {
    const buffer = next.buffers[next.done];
    if (buffer === undefined) {
      const segments = next.segments;
      return ret(kernel, null, [{ type: 'mapped', device: next.device, segments }]);
    }
    const npages = ioPagesOf(table, buffer.gpa, buffer.bytes);
    const granted = iommuRangeAlloc(kernel.config, table, {
      npages,
      alignOrder: alignOrderOf(kernel, table, buffer.gpa, buffer.bytes),
      mask: pageMaskOf(device, table),
      handle: next.handle,
      cpu,
    });
    const after = withTable(kernel, granted.table);
    if (granted.index === undefined) {
      return undo(after, next, table.id, [printk(`${next.device}: no room for ${npages} pages`)]);
    }
    const entry = table.offset + granted.index;
    return call(
      after,
      { ...next, at: 'setting', table: table.id, entry, handle: granted.index + npages },
      buildFrame(table, entry, npages, buffer.gpa, next.direction),
    );
  };
  switch (frame.at) {
    case 'begin':
      return mapNext(frame);
    case 'setting': {
      if (returnedRc(resumed) !== 0)
        return undo(kernel, frame, table.id, [
          printk(`${frame.device}: map_sg failed at ${hex(frame.entry)}`),
        ]);
      const { gpa, bytes } = frame.buffers[frame.done]!;
      const segments = merged(frame.segments, { dmaAddress: addressOf(table, frame.entry, gpa), bytes });
      return mapNext({ ...frame, done: frame.done + 1, segments });
    }
    case 'clearing':
      return undo(kernel, { ...frame, undone: frame.undone + 1 }, table.id);
  }
};

/** Adds a segment, joined to the one before if it goes on where that one ended. */
function merged(segments: readonly Segment[], segment: Segment): readonly Segment[] {
  const last = segments.at(-1);
  if (
    last === undefined ||
    last.dmaAddress + last.bytes !== segment.dmaAddress ||
    last.bytes + segment.bytes > SEGMENT_BYTES_MAX
  ) {
    return [...segments, segment];
  }
  return [...segments.slice(0, -1), { ...last, bytes: bytesOf(last.bytes + segment.bytes) }];
}

/** Takes back the segments that were mapped, one after the other. */
function undo(
  kernel: GuestKernel,
  frame: DmaMapSgFrame,
  id: TableId,
  reports: readonly ReportBody[] = [],
): Step {
  const segment = frame.segments[frame.undone];
  if (segment === undefined) return unmappable(kernel, frame.device, reports);
  const table = kernel.tables[id]!;
  return call(
    kernel,
    { ...frame, at: 'clearing' },
    {
      fn: 'iommu_free',
      at: 'begin',
      device: null,
      table: id,
      entry: Number(segment.dmaAddress >> BigInt(table.pageShift)),
      npages: ioPagesOf(table, segment.dmaAddress, segment.bytes),
      dmaAddress: segment.dmaAddress,
      bytes: segment.bytes,
    },
    reports,
  );
}
