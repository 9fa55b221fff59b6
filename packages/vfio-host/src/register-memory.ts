import type {
  HostPageCount,
  ProcessId,
  VfioSpaprRegisterMemory,
  VfioSpaprUnregisterMemory,
} from '@spapr-dma/protocol';
import type { Outcome } from './account-locked-vm.js';
import { isError, type Rc } from './answers.js';
import { mmIommuFind, mmIommuGet, mmIommuNew, mmIommuPut } from './mm-iommu.js';
import type { ContainerId, MmId, RegionId, TceContainer } from './objects.js';
import { tceOf, type VfioHost, withTce } from './state.js';

/** The memory that a call is about: its container, and whose it is. */
export interface Registration {
  readonly container: ContainerId;
  readonly mm: MmId;
  readonly caller: ProcessId;
}

type Range = Pick<VfioSpaprRegisterMemory, 'vaddr' | 'size'>;

const isAligned = ({ config }: VfioHost, address: bigint): boolean =>
  (address & ((1n << BigInt(config.hostPageShift)) - 1n)) === 0n;
/** The end of the address space of a register: a range does not reach over it. */
const wraps = ({ vaddr, size }: Range): boolean => vaddr + size >= 1n << 64n;

/** EINVAL for a range that is no host pages, or that wraps. */
export function registerStatus(host: VfioHost, range: Range): Rc {
  if (!isAligned(host, range.vaddr | range.size) || wraps(range)) return 'EINVAL';
  return range.size === 0n && host.config.switches.registerSizeZero === 'einval' ? 'EINVAL' : 0;
}

const pagesOf = ({ config }: VfioHost, { size }: Range): HostPageCount =>
  Number(size >> BigInt(config.hostPageShift)) as HostPageCount;

/** The container has registered a region, which lets it map. */
function registered(host: VfioHost, container: ContainerId, tce: TceContainer, region: RegionId): VfioHost {
  const keeps = host.config.switches.preregOwner === 'container';
  return withTce(host, container, {
    enabled: true,
    preregs: keeps ? [region, ...tce.preregs] : tce.preregs,
  });
}

/**
 * VFIO_IOMMU_SPAPR_REGISTER_MEMORY behind its checks. A region that the process has already is shared; the same
 * container cannot register it twice (EBUSY), unless regions belong to the process (B-14).
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_register_pages
 */
export function registerMemory(
  host: VfioHost,
  { container, mm }: Registration,
  call: VfioSpaprRegisterMemory,
): Outcome {
  const rc = registerStatus(host, call);
  const tce = tceOf(host, container);
  if (rc !== 0 || tce === undefined) return { host, rc, said: [] };
  const entries = pagesOf(host, call);
  const got = mmIommuGet(host, mm, call.vaddr, entries);
  if (got.region !== undefined && tce.preregs.includes(got.region.region)) {
    const put = mmIommuPut(got.host, mm, got.region.region);
    return { host: put.host, rc: 'EBUSY', said: [...got.said, ...put.said] };
  }
  if (got.region !== undefined) {
    return { ...got, host: registered(got.host, container, tce, got.region.region) };
  }
  const made = mmIommuNew(got.host, mm, call.vaddr, entries);
  const said = [...got.said, ...made.said];
  if (isError(made.rc) || made.region === undefined) return { host: made.host, rc: made.rc, said };
  return { host: registered(made.host, container, tce, made.region.region), rc: 0, said };
}

/** A container no longer has a region registered. */
const forgotten = (host: VfioHost, container: ContainerId, region: RegionId): VfioHost =>
  withTce(host, container, {
    preregs: (tceOf(host, container)?.preregs ?? []).filter((each) => each !== region),
  });

/** Without the list of a container, or without a reference of the call's own: the answer is the put's. */
function unregisterFound(host: VfioHost, { container, mm }: Registration, range: Range): Outcome {
  const region = mmIommuFind(host, mm, range.vaddr, pagesOf(host, range));
  const owns = host.config.switches.preregOwner === 'mm';
  const listed = region !== undefined && tceOf(host, container)?.preregs.includes(region.region);
  if (region === undefined || !(owns || listed)) return { host, rc: 'ENOENT', said: [] };
  const put = mmIommuPut(host, mm, region.region);
  return isError(put.rc) ? put : { ...put, host: forgotten(put.host, container, region.region) };
}

/**
 * VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY behind its checks. ENOENT for a range that is no region, or none of this
 * container. The call's own reference hides that TCEs still point into the region: the container forgets it,
 * the answer is 0, and nobody can ever end it (B-22).
 * @see [Linux] drivers/vfio/vfio_iommu_spapr_tce.c: tce_iommu_unregister_pages, tce_iommu_prereg_free
 */
export function unregisterMemory(
  host: VfioHost,
  registration: Registration,
  call: VfioSpaprUnregisterMemory,
): Outcome {
  const { container, mm } = registration;
  const { features, switches } = host.config;
  if (!isAligned(host, call.vaddr | call.size)) return { host, rc: 'EINVAL', said: [] };
  if (!features.regionGet || switches.preregOwner === 'mm' || switches.unregisterBusy === 'ebusy') {
    return unregisterFound(host, registration, call);
  }
  const got = mmIommuGet(host, mm, call.vaddr, pagesOf(host, call));
  if (got.region === undefined) return { host, rc: 'ENOENT', said: got.said };
  const { region } = got.region;
  const listed = tceOf(host, container)?.preregs.includes(region) === true;
  const first = listed ? mmIommuPut(got.host, mm, region) : { host: got.host, rc: 0, said: [] };
  const last = mmIommuPut(listed ? forgotten(first.host, container, region) : first.host, mm, region);
  return {
    host: last.host,
    rc: listed ? first.rc : 'ENOENT',
    said: [...got.said, ...first.said, ...last.said],
  };
}
