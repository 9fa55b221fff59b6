import type { Container, DefaultWindowMode, Mm, Region, VfioGroup } from './objects.js';
import { isGroupOpen, type VfioHost } from './state.js';

/**
 * The objects of which there are many: which condition follows which, and why. The diagrams in
 * `docs/life-cycles.md` are made from these tables.
 */

/** A container has groups, then a driver, and is then in use; each goes back to nothing with its last group. */
export type ContainerMode = 'empty' | 'grouped' | 'attached' | 'enabled';
export const CONTAINER_LIFE = {
  empty: { VFIO_GROUP_SET_CONTAINER: 'grouped', close: 'gone' },
  grouped: { VFIO_SET_IOMMU: 'attached', 'last group leaves': 'empty', 'last group leaves, closed': 'gone' },
  attached: {
    'first VFIO_IOMMU_SPAPR_REGISTER_MEMORY (v2), VFIO_IOMMU_ENABLE (v1)': 'enabled',
    'last group leaves': 'empty',
    'last group leaves, closed': 'gone',
  },
  enabled: {
    'VFIO_IOMMU_DISABLE (v1)': 'attached',
    'last group leaves': 'empty',
    'last group leaves, closed': 'gone',
  },
} as const satisfies Record<ContainerMode, Record<string, ContainerMode | 'gone'>>;

export function containerMode({ groups, iommu }: Container): ContainerMode {
  if (groups.length === 0) return 'empty';
  if (iommu?.mode !== 'open') return 'grouped';
  return iommu.enabled ? 'enabled' : 'attached';
}

/** A group is there while vfio-pci has a device of it; `revoked` is one whose file is open, and its devices gone. */
export type GroupMode = 'absent' | 'closed' | 'open' | 'contained' | 'revoked';
export const GROUP_LIFE = {
  absent: { 'bind vfio-pci': 'closed' },
  closed: { open: 'open', 'unbind vfio-pci, last device': 'absent' },
  open: {
    VFIO_GROUP_SET_CONTAINER: 'contained',
    'last close': 'closed',
    'unbind vfio-pci, last device': 'revoked',
  },
  contained: {
    VFIO_GROUP_UNSET_CONTAINER: 'open',
    'last close': 'closed',
    'unbind vfio-pci, last device': 'revoked',
  },
  revoked: { 'last close': 'absent', 'bind vfio-pci': 'open' },
} as const satisfies Record<GroupMode, Record<string, GroupMode>>;

export function groupMode(host: VfioHost, { group, devices, container }: VfioGroup): GroupMode {
  if (container !== null) return 'contained';
  const open = isGroupOpen(host, group);
  if (devices.length === 0) return open ? 'revoked' : 'absent';
  return open ? 'open' : 'closed';
}

/** The default window of a container: owed from the first group on, and made when something needs a window. */
export const DEFAULT_WINDOW_LIFE = {
  none: { 'first group attached': 'pending', 'first group attached (before linux-4.10)': 'created' },
  pending: {
    'VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_SPAPR_TCE_CREATE': 'created',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE of address 0': 'cancelled',
    'last group leaves': 'none',
  },
  created: { 'last group leaves': 'none' },
  cancelled: { 'last group leaves': 'none' },
} as const satisfies Record<DefaultWindowMode, Record<string, DefaultWindowMode>>;

/** The default window of a container; none where it has no driver. */
export const defaultWindowMode = ({ iommu }: Container): DefaultWindowMode => iommu?.defaultWindow ?? 'none';

/** A region is registered by containers, and mapped by TCEs; `orphaned` is one that no container has any more. */
export type RegionMode = 'registered' | 'mapped' | 'orphaned';
export const REGION_LIFE = {
  registered: {
    'first TCE': 'mapped',
    'last VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY': 'freeing',
    'last container ends': 'freeing',
    'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY of a former orphan': 'orphaned',
  },
  mapped: {
    'last TCE goes': 'registered',
    'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY (unregisterBusy=orphan)': 'orphaned',
    'last container ends': 'orphaned',
    'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY (unregisterGuard=none)': 'freeing',
  },
  orphaned: {
    VFIO_IOMMU_SPAPR_REGISTER_MEMORY: 'registered',
    'VFIO_IOMMU_SPAPR_REGISTER_MEMORY, with TCEs': 'mapped',
  },
  freeing: { 'RCU lets go': 'freed' },
} as const satisfies Record<RegionMode | 'freeing', Record<string, RegionMode | 'freeing' | 'freed'>>;

/** A region of an address space. Where regions belong to the address space, none is an orphan. */
export function regionMode(host: VfioHost, { mm }: Mm, { region, mapped }: Region): RegionMode {
  const registered =
    host.config.switches.preregOwner === 'mm' ||
    host.containers.some(({ iommu }) => iommu?.mm === mm && iommu.preregs.includes(region));
  if (!registered) return 'orphaned';
  return mapped > 1 ? 'mapped' : 'registered';
}

/** An address space ends when neither its process nor a container holds it. */
export const MM_LIFE = {
  alive: { exit: 'exited' },
  exited: { 'no container holds it': 'gone', 'no container holds it, regions left': 'leaked' },
  leaked: {},
} as const satisfies Record<Mm['mode'], Record<string, Mm['mode'] | 'gone'>>;
