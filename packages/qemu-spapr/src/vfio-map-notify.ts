import { bytes, gpa, type Ioba, type Liobn, type TceIndex, type Ua, unreachable } from '@spapr-dma/protocol';
import type { MapNotifyFrame, NotifyIommuFrame } from './frames-vfio.js';
import { uaOfGpa } from './guest-memory.js';
import type { QemuSent } from './sent.js';
import type { QemuState } from './state.js';
import { call, type Resumption, ret, returned, type Step, vfioCall, vfioResult } from './steps.js';
import { pageBytesOf, pageMaskOf, shiftOf } from './tce-index.js';
import { plainHex, strerror } from './vfio-errors.js';
import { errorReport, vfioTraced } from './vfio-sent.js';
import type { Giommu } from './vfio-state.js';

/** Flags of VFIO_IOMMU_MAP_DMA. */
const READ = 1;
const WRITE = 2;

/**
 * Where an entry's page lies in QEMU's memory, or why it lies nowhere: it is no memory, or only its beginning is.
 * @see [QEMU] softmmu/memory.c: memory_get_xlat_addr
 */
export function pageAt(
  { ram }: QemuState,
  translated: bigint,
  pageShift: number,
): { readonly ua: Ua; readonly error: null } | { readonly ua: null; readonly error: string } {
  const block = ram.find(
    (candidate) => translated >= candidate.gpa && translated < candidate.gpa + candidate.bytes,
  );
  if (block === undefined) return { ua: null, error: `iommu map to non memory area ${plainHex(translated)}` };
  if (translated + pageBytesOf(pageShift) > block.gpa + block.bytes) {
    return { ua: null, error: 'iommu has granularity incompatible with target AS' };
  }
  return { ua: uaOfGpa(gpa(translated)), error: null };
}

/** The IOBA of an entry, as the container knows it. */
const iovaOf = ({ giommu, index, pageShift }: MapNotifyFrame): Ioba =>
  BigInt.asUintN(64, (BigInt(index) << shiftOf(pageShift)) + giommu.offset) as Ioba;

const unmapRequest = (frame: MapNotifyFrame) =>
  ({
    type: 'VFIO_IOMMU_UNMAP_DMA',
    containerFd: frame.containerFd,
    argsz: null,
    readable: true,
    flags: 0,
    iova: iovaOf(frame),
    size: bytes(pageBytesOf(frame.pageShift)),
  }) as const;

function mapRequest(frame: MapNotifyFrame, vaddr: Ua) {
  const { tce, pageShift, containerFd } = frame;
  return {
    type: 'VFIO_IOMMU_MAP_DMA',
    containerFd,
    argsz: null,
    readable: true,
    flags: (tce & 2n) === 0n ? READ : READ | WRITE,
    vaddr,
    iova: iovaOf(frame),
    size: bytes(pageBytesOf(pageShift)),
  } as const;
}

/**
 * A container's notifier hears of one entry: MAP_DMA where it has permissions, else UNMAP_DMA. A mapping that is
 * busy is taken away and made again. Failures are only told on standard error; where the page is no memory the old
 * mapping stays (B-24), unless the switch unmapOnXlateFail takes it away. Returns whether the hardware follows.
 * @see [QEMU] hw/vfio/common.c: vfio_iommu_map_notify, vfio_dma_map, vfio_dma_unmap
 */
export function vfioIommuMapNotify(qemu: QemuState, frame: MapNotifyFrame, resumed: Resumption): Step {
  const { tce, pageShift } = frame;
  switch (frame.at) {
    case 'begin':
      return beginNotify(qemu, frame);
    case 'mapping': {
      const result = vfioResult(resumed);
      if (result.ok) return ret(qemu, true);
      if (result.errno === 'EBUSY')
        return vfioCall(qemu, { ...frame, at: 'unmappingBusy' }, unmapRequest(frame));
      return ret(qemu, false, failed('VFIO_MAP_DMA', strerror(result.errno)));
    }
    case 'unmappingBusy': {
      const result = vfioResult(resumed);
      const { ua } = pageAt(qemu, tce & pageMaskOf(pageShift), pageShift);
      if (!result.ok || ua === null) {
        const unmapped = result.ok ? [] : failed('VFIO_UNMAP_DMA', strerror(result.errno));
        return ret(qemu, false, [...unmapped, ...failed('VFIO_MAP_DMA', strerror('EBUSY'))]);
      }
      return vfioCall(qemu, { ...frame, at: 'mappingAgain' }, mapRequest(frame, ua));
    }
    case 'mappingAgain': {
      const result = vfioResult(resumed);
      return result.ok ? ret(qemu, true) : ret(qemu, false, failed('VFIO_MAP_DMA', strerror(result.errno)));
    }
    case 'unmapping': {
      const result = vfioResult(resumed);
      return result.ok ? ret(qemu, true) : ret(qemu, false, failed('VFIO_UNMAP_DMA', strerror(result.errno)));
    }
    case 'unmappingStale':
      return ret(qemu, false);
    default:
      return unreachable(`vfio_iommu_map_notify at ${frame.at satisfies never}`);
  }
}

function beginNotify(qemu: QemuState, frame: MapNotifyFrame): Step {
  const { tce, pageShift } = frame;
  const start = iovaOf(frame);
  const isMap = (tce & 3n) !== 0n;
  const line = vfioTraced({
    event: 'vfio_iommu_map_notify',
    kind: isMap ? 'MAP' : 'UNMAP',
    start,
    end: start + pageBytesOf(pageShift) - 1n,
  });
  if (!isMap) return vfioCall(qemu, { ...frame, at: 'unmapping' }, unmapRequest(frame), [line]);
  const page = pageAt(qemu, tce & pageMaskOf(pageShift), pageShift);
  if (page.ua !== null)
    return vfioCall(qemu, { ...frame, at: 'mapping' }, mapRequest(frame, page.ua), [line]);
  const told = [line, errorReport(page.error)];
  return qemu.config.switches.unmapOnXlateFail === 'fixed'
    ? vfioCall(qemu, { ...frame, at: 'unmappingStale' }, unmapRequest(frame), told)
    : ret(qemu, false, told);
}

const failed = (what: string, why: string): readonly QemuSent[] => [errorReport(`${what} failed: ${why}`)];

/**
 * Who listens to a window, in the order in which they are told: notifiers that should be gone first (B-05), then
 * those of the containers, the newest first.
 */
export function notifiersOf({ vfio }: QemuState, liobn: Liobn): NotifyIommuFrame['notifiers'] {
  const stale = vfio.stale.map(({ containerFd, ...giommu }) => ({ containerFd, giommu }));
  const live = vfio.containers.flatMap(({ fd, giommus }) =>
    giommus.map((giommu) => ({ containerFd: fd, giommu })),
  );
  return [...stale, ...live].filter(({ giommu }) => giommu.liobn === liobn);
}

/** Does the part of a window that a notifier listens to hold the whole of an entry? */
const covers = ({ first, last }: Giommu, index: TceIndex, pageShift: number): boolean => {
  const start = BigInt(index) << shiftOf(pageShift);
  return start >= first && start + pageBytesOf(pageShift) - 1n <= last;
};

/**
 * Tells the notifiers of a window of one entry, one after the other. Returns whether all of them could do it.
 * @see [QEMU] softmmu/memory.c: memory_region_notify_iommu
 */
export function memoryRegionNotifyIommu(qemu: QemuState, frame: NotifyIommuFrame, resumed: Resumption): Step {
  const { pageShift, index, tce } = frame;
  const ok = frame.ok && (frame.at === 'begin' || returned(resumed) === true);
  const at = frame.notifiers.findIndex(({ giommu }) => covers(giommu, index, pageShift));
  const next = frame.notifiers[at];
  if (next === undefined) return ret(qemu, ok);
  return call(
    qemu,
    { ...frame, at: 'told', notifiers: frame.notifiers.slice(at + 1), ok },
    { fn: 'vfio_iommu_map_notify', at: 'begin', ...next, pageShift, index, tce },
  );
}
