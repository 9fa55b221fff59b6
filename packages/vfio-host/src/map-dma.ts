import { type Hpa, type Ioba, type IommuTableFacts, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { Rc } from './answers.js';
import type { BuildFrame, BuildV1Frame, MapDmaFrame, Span } from './frames.js';
import type { TceContainer } from './objects.js';
import { tceOf, type VfioHost, windowAt } from './state.js';
import { call, ret, returned, returnedError, type StepFunction } from './steps.js';

/** VFIO_DMA_MAP_FLAG_READ and VFIO_DMA_MAP_FLAG_WRITE; the same bits are a TCE's. */
export const MAP_READ = 1;
export const MAP_WRITE = 2;

/** The entries that a range of a window has. */
export const entriesOf = ({ offset, pageShift }: IommuTableFacts, iova: Ioba, size: bigint): Span => ({
  index: tceIndex(Number((iova >> BigInt(pageShift)) - offset)),
  count: tceCount(Number(size >> BigInt(pageShift))),
});

export const isAligned = (address: bigint, { pageShift }: IommuTableFacts): boolean =>
  (address & ((1n << BigInt(pageShift)) - 1n)) === 0n;

/**
 * The kernel's check of an address in a window and, where it is asked for, of the length. A range that fails it is answered
 * with 1, which is no errno: the check is a condition, and its truth is returned.
 * @see [Linux] arch/powerpc/include/asm/iommu.h: iommu_tce_put_param_check, iommu_tce_clear_param_check
 */
export function rangeRc(host: VfioHost, facts: IommuTableFacts, iova: Ioba, checked: bigint): Rc {
  const { index, count } = entriesOf(facts, iova, checked);
  if (isAligned(iova, facts) && index + count <= facts.size) return 0;
  return host.config.switches.positiveReturns === 'fixed' ? 'EINVAL' : 1;
}

/**
 * What MAP_DMA answers once there is a default window; 0 where entries are to be written. ENXIO outside every
 * window, EINVAL for a size or an address in memory that is no multiple of the window's pages and for no rights,
 * 1 for a bus address that is none. Only the first page is checked against the window's end (B-27).
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_ioctl
 */
export function mapDmaStatus(host: VfioHost, tce: TceContainer, map: MapDmaFrame): Rc {
  const facts = windowAt(tce, map.iova)?.window.facts;
  if (facts === undefined) return 'ENXIO';
  if (!isAligned(map.size | map.vaddr, facts)) return 'EINVAL';
  if ((map.flags & (MAP_READ | MAP_WRITE)) === 0) return 'EINVAL';
  return rangeRc(host, facts, map.iova, host.config.switches.rangeCheck === 'full' ? map.size : 0n);
}

/** The frame that writes the entries. */
function buildFrame(tce: TceContainer, facts: IommuTableFacts, map: MapDmaFrame): BuildFrame | BuildV1Frame {
  const common = {
    at: 'entered',
    container: map.container,
    mm: map.mm,
    facts,
    span: entriesOf(facts, map.iova, map.size),
    ua: map.vaddr,
    perm: map.flags,
    done: 0,
    count: 0,
    hpa: null as Hpa | null,
    rc: 0,
  } as const;
  if (tce.version === 'v1') return { fn: 'tce_iommu_build', ...common };
  return { fn: 'tce_iommu_build_v2', ...common, region: null, failed: false, old: [], slots: [] };
}

/** VFIO_IOMMU_MAP_DMA: the default window if it is owed, then the entries. */
export const mapDma: StepFunction<MapDmaFrame> = (host, frame, resumed) => {
  const { container, mm } = frame;
  switch (frame.at) {
    case 'entered':
      return call(
        host,
        { ...frame, at: 'creatingDefaultWindow' },
        { fn: 'tce_iommu_create_default_window', at: 'entered', container, mm },
      );
    case 'creatingDefaultWindow': {
      if (returnedError(resumed)) return ret(host, returned(resumed).rc);
      const tce = tceOf(host, container);
      // Another thread may have taken the last group out meanwhile.
      if (tce === undefined) return ret(host, 'ENXIO');
      const rc = mapDmaStatus(host, tce, frame);
      if (rc !== 0) return ret(host, rc);
      return call(
        host,
        { ...frame, at: 'building' },
        buildFrame(tce, windowAt(tce, frame.iova)!.window.facts, frame),
      );
    }
    case 'building':
      return ret(host, returned(resumed).rc);
  }
};
