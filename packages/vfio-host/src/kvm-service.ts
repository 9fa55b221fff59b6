import type { MemoryAccess, MemoryAccessReturn, VfioFileLookup, VfioFileReturn } from '@spapr-dma/protocol';
import { accountLockedVm, type Outcome } from './account-locked-vm.js';
import { mappedDec, mappedInc, mayMap, mmIommuLookup, pagesFrom, regionEnd, regionOf } from './mm-iommu.js';
import type { Mm } from './objects.js';
import { fileOf, processOf, type VfioHost } from './state.js';

/** The address space of the VMM, whose calls KVM serves; a container may still hold it after the process. */
export function vmmMm({ config, mms }: VfioHost): Mm | undefined {
  const theirs = mms.filter(({ process }) => process === config.vmm);
  return theirs.find(({ mode }) => mode === 'alive') ?? theirs[0];
}

/**
 * What is behind a descriptor of the VMM.
 *
 * Abstraction: KVM holds no reference on the file that it was shown.
 * @see [Linux] drivers/vfio/vfio_main.c: vfio_file_is_group, vfio_file_iommu_group
 */
export function vfioFile(host: VfioHost, { fd, thread }: VfioFileLookup): VfioFileReturn {
  const process = processOf(host, host.config.vmm);
  const file = process === undefined ? undefined : fileOf(process, fd);
  return {
    type: 'vfio-file-return',
    from: 'vfio-host',
    to: 'kvm',
    thread,
    file: file?.kind ?? null,
    group: file === undefined || file.kind === 'container' ? null : file.group,
  };
}

type Found = Pick<MemoryAccessReturn, 'ok' | 'region' | 'count' | 'pageShift' | 'hpa'>;
const NOTHING: Found = { ok: false, region: null, count: 0, pageShift: null, hpa: null };
const DONE: Found = { ...NOTHING, ok: true };

/** What an access found, and the state after it. */
function accessed(host: VfioHost, access: MemoryAccess): readonly [Found, Outcome] {
  const same: Outcome = { host, rc: 0, said: [] };
  const mm = vmmMm(host);
  switch (access.type) {
    case 'account_locked_vm': {
      const outcome = accountLockedVm(host, mm?.mm ?? null, access.pages, access.inc);
      return [outcome.rc === 0 ? DONE : NOTHING, outcome];
    }
    case 'mm_iommu_lookup': {
      const run = mm && lookedUp(host, mm, access);
      return [run ?? NOTHING, same];
    }
    case 'ua_to_hpa': {
      const region = mm && regionOf(host, mm.mm, access.region);
      if (mm === undefined || region === undefined || !mayMap(host, region, access.pageShift)) {
        return [NOTHING, same];
      }
      if (access.ua < region.ua || access.ua >= regionEnd(host, region)) return [NOTHING, same];
      const { hpa, count } = pagesFrom(host, region, access.ua, access.pageShift, Number.MAX_SAFE_INTEGER);
      return [{ ok: true, region: region.region, count, pageShift: region.pageShift, hpa }, same];
    }
    case 'mapped_inc': {
      const next = mappedInc(host, mm?.mm ?? null, access.region, access.count);
      return next === undefined ? [NOTHING, same] : [DONE, { ...same, host: next }];
    }
    case 'mapped_dec': {
      const next = mappedDec(host, mm?.mm ?? null, access.region, access.count);
      return [DONE, { ...same, host: next }];
    }
  }
}

/** A region that holds the first page, whatever its page size, and how far it lies in one piece. */
function lookedUp(
  host: VfioHost,
  { mm }: Mm,
  { ua, pageShift, count }: Extract<MemoryAccess, { type: 'mm_iommu_lookup' }>,
): Found | undefined {
  const region = mmIommuLookup(host, mm, ua, pageShift);
  if (region === undefined) return undefined;
  const run = pagesFrom(host, region, ua, pageShift, count);
  return { ok: true, region: region.region, count: run.count, pageShift: region.pageShift, hpa: run.hpa };
}

/** Serves one access of KVM, which takes no lock: at once, whatever else is going on. */
export function memoryAccess(
  host: VfioHost,
  access: MemoryAccess,
): { readonly outcome: Outcome; readonly reply: MemoryAccessReturn } {
  const [found, outcome] = accessed(host, access);
  const { type, thread } = access;
  const reply = {
    type: 'memory-access-return',
    from: 'vfio-host',
    to: 'kvm',
    thread,
    call: type,
    ...found,
  } as const;
  return { outcome, reply };
}
