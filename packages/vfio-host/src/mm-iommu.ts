import {
  type HostPageCount,
  type Hpa,
  type IommuPageShift,
  type Ua,
  type UserspaceRun,
  unreachable,
} from '@spapr-dma/protocol';
import { accountLockedVm, type Outcome } from './account-locked-vm.js';
import { bytesOf, endOf, pieceAt, writableFrom } from './memory.js';
import type { Mm, MmId, Region, RegionId } from './objects.js';
import { costs, ran } from './said.js';
import { lowestFree, mmOf, type VfioHost, withMm } from './state.js';

/** Bytes of memory in so many pages of the host. */
const bytesOfPages = (host: VfioHost, pages: number): bigint =>
  BigInt(pages) << BigInt(host.config.hostPageShift);
export const regionEnd = (host: VfioHost, region: Region): bigint =>
  region.ua + bytesOfPages(host, region.entries);

export const regionOf = (host: VfioHost, mm: MmId | null, id: RegionId | null): Region | undefined =>
  mmOf(host, mm)?.regions.find(({ region }) => region === id);
const withRegion = (host: VfioHost, mm: Mm, region: Region): VfioHost => {
  const others = mm.regions.filter((each) => each.region !== region.region);
  return withMm(host, { ...mm, regions: [...others, region].sort((a, b) => a.region - b.region) });
};
const exactly = (mm: Mm, ua: Ua, entries: number): Region | undefined =>
  mm.regions.find((region) => region.ua === ua && region.entries === entries);

/** A region, and the state in which somebody new holds it. */
export interface Got extends Outcome {
  readonly region: Region | undefined;
}

/**
 * Takes a reference on the region that begins at `ua` and has exactly so many pages.
 * @see [Linux] arch/powerpc/mm/book3s64/iommu_api.c: mm_iommu_get
 */
export function mmIommuGet(host: VfioHost, id: MmId, ua: Ua, entries: number): Got {
  const said = [ran('mm_iommu_get', { mm: id, ua, entries })];
  const mm = mmOf(host, id) ?? unreachable('a call of a process without memory');
  const found = exactly(mm, ua, entries);
  if (found === undefined) return { host, rc: 0, said, region: undefined };
  const region = { ...found, used: found.used + 1 };
  return { host: withRegion(host, mm, region), rc: 0, said, region };
}
/** The same without a reference. @see [Linux] 4.18 arch/powerpc/mm/mmu_context_iommu.c: mm_iommu_find */
export const mmIommuFind = (host: VfioHost, id: MmId, ua: Ua, entries: number): Region | undefined => {
  const mm = mmOf(host, id);
  return mm === undefined ? undefined : exactly(mm, ua, entries);
};

/** log2 of the largest power of two that divides both; 64 where both are 0. */
function alignmentShift(ua: bigint, size: bigint): number {
  const bits = BigInt.asUintN(64, ua | size);
  return bits === 0n ? 64 : (bits & -bits).toString(2).length - 1;
}

/**
 * Charges, pins and lists a region. ENOMEM over the limit, and for 0 pages, whose list of pages cannot be
 * allocated; EFAULT where the first page cannot be pinned for writing; the number of pages pinned where a later
 * one cannot, which is no errno; EINVAL where it overlaps another. Whatever fails leaves nothing behind.
 * @see [Linux] arch/powerpc/mm/book3s64/iommu_api.c: mm_iommu_new, mm_iommu_do_alloc
 */
export function mmIommuNew(start: VfioHost, id: MmId, ua: Ua, entries: HostPageCount): Got {
  const { switches, features, hostPageShift } = start.config;
  const charged = accountLockedVm(start, id, entries, true);
  const said = [ran('mm_iommu_new', { mm: id, ua, entries }), ran('mm_iommu_do_alloc'), ...charged.said];
  if (charged.rc !== 0) return { ...charged, said, region: undefined };
  const host = charged.host;
  const failed = (rc: Outcome['rc'], pinned: number): Got => {
    const refund = accountLockedVm(host, id, entries, false);
    return {
      host: refund.host,
      rc,
      said: [...said, ...costs('pin', pinned), ...refund.said],
      region: undefined,
    };
  };
  if (entries === 0) return failed('ENOMEM', 0);
  const mm = mmOf(host, id) ?? unreachable('a call of a process without memory');
  const size = bytesOfPages(host, entries);
  const pieces = writableFrom(mm.vmas, ua, size as never);
  const pinned = Number(bytesOf(pieces) >> BigInt(hostPageShift));
  if (pinned < entries) {
    const isNumber = pinned > 0 && features.bulkPin && switches.positiveReturns === 'unfixed';
    return failed(isNumber ? pinned : 'EFAULT', pinned);
  }
  const overlaps = mm.regions.some((other) => other.ua < ua + size && ua < regionEnd(host, other));
  if (overlaps) return failed('EINVAL', entries);
  const taken = [
    ...mm.regions.map(({ region }) => region),
    ...host.freeing.filter((each) => each.mm === id).map(({ region }) => region),
  ];
  const region: Region = {
    region: lowestFree(taken, 1),
    ua,
    entries,
    used: 1,
    mapped: 1,
    pageShift: Math.min(alignmentShift(ua, size), ...pieces.map(({ pageShift }) => pageShift)),
    pieces,
  };
  return { host: withRegion(host, mm, region), rc: 0, said: [...said, ...costs('pin', entries)], region };
}

/**
 * Drops a reference. With the last one the region ends, unless TCEs point into it: then it is kept, with its
 * reference, and the answer is EBUSY.
 * @see [Linux] arch/powerpc/mm/book3s64/iommu_api.c: mm_iommu_put
 */
export function mmIommuPut(host: VfioHost, id: MmId, regionId: RegionId): Outcome {
  const mm = mmOf(host, id) ?? unreachable('a region without its address space');
  const region = regionOf(host, id, regionId) ?? unreachable('a region that is put and is not there');
  const { used, mapped, pageShift, entries } = region;
  const said = ran('mm_iommu_put', { mm: id, mem: regionId, used, mapped, pageshift: pageShift, entries });
  const done = (next: VfioHost, rc: Outcome['rc'], pages: number): Outcome => {
    const accounted = accountLockedVm(next, id, pages, false);
    return { host: accounted.host, rc, said: [said, ...accounted.said] };
  };
  if (used > 1) return done(withRegion(host, mm, { ...region, used: used - 1 }), 0, 0);
  if (mapped !== 1 && host.config.switches.unregisterGuard === 'mappedCounter') {
    return done(host, 'EBUSY', 0);
  }
  const regions = mm.regions.filter((each) => each !== region);
  const freeing = [...host.freeing, { mm: id, region: regionId, entries }];
  return done({ ...withMm(host, { ...mm, regions }), freeing }, 0, entries);
}

/** Pages in a row that one region holds, and that lie in one piece in the host. */
export interface RegionRun {
  readonly region: Region;
  readonly hpa: Hpa;
  readonly count: number;
  /** log2 of the pages that are behind them. */
  readonly backingShift: number;
}

/** The region that holds a page wholly. @see [Linux] arch/powerpc/mm/book3s64/iommu_api.c: mm_iommu_lookup */
export const mmIommuLookup = (
  host: VfioHost,
  id: MmId | null,
  ua: bigint,
  pageShift: IommuPageShift,
): Region | undefined =>
  mmOf(host, id)?.regions.find(
    (region) => region.ua <= ua && ua + (1n << BigInt(pageShift)) <= regionEnd(host, region),
  );

/** Whether pages of that size may be mapped in a region. Before linux-4.18 nobody asked. */
export const mayMap = (host: VfioHost, region: Region, pageShift: number): boolean =>
  pageShift <= region.pageShift || host.config.switches.pageShiftCheck === 'unfixed';

/**
 * Where `countMax` pages from `ua` on lie, as far as they are in one region and in one piece; null where the
 * first is in none, or is larger than the region's pages.
 * @see [Linux] arch/powerpc/mm/book3s64/iommu_api.c: mm_iommu_ua_to_hpa
 */
export function runAt(
  host: VfioHost,
  id: MmId | null,
  ua: bigint,
  pageShift: IommuPageShift,
  countMax: number,
): RegionRun | null {
  const region = mmIommuLookup(host, id, ua, pageShift);
  if (region === undefined || !mayMap(host, region, pageShift)) return null;
  return pagesFrom(host, region, ua, pageShift, countMax);
}
/** The same in a region that is known to hold the first page. */
export function pagesFrom(
  host: VfioHost,
  region: Region,
  ua: bigint,
  pageShift: IommuPageShift,
  countMax: number,
): RegionRun {
  const piece = pieceAt(region.pieces, ua) ?? unreachable('a region has a hole');
  const page = 1n << BigInt(pageShift);
  const begun = (endOf(piece) - ua + page - 1n) >> BigInt(pageShift);
  const held = (regionEnd(host, region) - ua) >> BigInt(pageShift);
  return {
    region,
    hpa: (piece.hpa + (ua - piece.ua)) as Hpa,
    count: Math.min(countMax, Number(begun < held ? begun : held)),
    backingShift: piece.pageShift,
  };
}

/** Counts TCEs that point into a region; undefined where it has ended. */
export function mappedInc(
  host: VfioHost,
  id: MmId | null,
  regionId: number,
  count: number,
): VfioHost | undefined {
  const mm = mmOf(host, id);
  const region = regionOf(host, id, regionId);
  if (mm === undefined || region === undefined) return undefined;
  return withRegion(host, mm, { ...region, mapped: region.mapped + count });
}
/** Counts them off again; the count of a region that exists never goes below 1. */
export function mappedDec(host: VfioHost, id: MmId | null, regionId: number, count: number): VfioHost {
  const mm = mmOf(host, id);
  const region = regionOf(host, id, regionId);
  if (mm === undefined || region === undefined) return host;
  return withRegion(host, mm, { ...region, mapped: Math.max(1, region.mapped - count) });
}

/**
 * Counts off the TCEs whose userspace addresses are those of a run of slots. An address that no region holds
 * any more counts nowhere: its count is lost.
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_unuse_page_v2
 */
export function unuseRun(
  start: VfioHost,
  id: MmId | null,
  run: UserspaceRun,
  pageShift: IommuPageShift,
): VfioHost {
  let host = start;
  const end = run.ua + (BigInt(run.count) << BigInt(pageShift));
  const page = 1n << BigInt(pageShift);
  for (const region of mmOf(host, id)?.regions ?? []) {
    if (!mayMap(host, region, pageShift)) continue;
    // Pages of the run that lie wholly inside this region.
    const from = region.ua > run.ua ? (region.ua - run.ua + page - 1n) >> BigInt(pageShift) : 0n;
    const until = regionEnd(host, region) < end ? regionEnd(host, region) : end;
    const count = ((until - run.ua) >> BigInt(pageShift)) - from;
    if (count > 0n) host = mappedDec(host, id, region.region, Number(count));
  }
  return host;
}

/** RCU has let go of a region: its pages are unpinned. @see [Linux] arch/powerpc/mm/book3s64/iommu_api.c: mm_iommu_free */
export function mmIommuFree(host: VfioHost): Outcome {
  const [first, ...freeing] = host.freeing;
  const said = first === undefined ? [] : [ran('mm_iommu_free', { mm: first.mm, mem: first.region })];
  return { host: { ...host, freeing }, rc: 0, said };
}
