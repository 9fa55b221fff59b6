import type { GroupId } from '@spapr-dma/protocol';
import { groupOf, type IommuTable, type PowernvState, type Tve } from './state.js';

/** The conditions of an IOMMU group as far as its tables go. @see spec 50 section 1.4 */
export type OwnershipMode =
  | 'PLATFORM'
  /** Given back, but the host could not make its own window (B-11). */
  | 'PLATFORM without window'
  | 'VFIO_OWNED'
  | 'VFIO_OWNED with windows';

/** A group's condition. */
export function ownershipOf(powernv: PowernvState, id: GroupId): OwnershipMode {
  const { owner, tables } = groupOf(powernv, id)!;
  if (owner === 'platform') return tables[0] === null ? 'PLATFORM without window' : 'PLATFORM';
  return tables[0] === null && tables[1] === null ? 'VFIO_OWNED' : 'VFIO_OWNED with windows';
}

/**
 * The life of a group: which condition follows which, and why. The diagram in `docs/life-cycles.md` is made from
 * this table, and a test holds the machine to it.
 */
export const OWNERSHIP_LIFE = {
  PLATFORM: { claim: 'VFIO_OWNED' },
  'PLATFORM without window': { claim: 'VFIO_OWNED' },
  VFIO_OWNED: {
    set_window: 'VFIO_OWNED with windows',
    release: 'PLATFORM',
    'release, no table to be had': 'PLATFORM without window',
  },
  'VFIO_OWNED with windows': { 'unset_window, the last': 'VFIO_OWNED' },
} as const satisfies Record<OwnershipMode, Record<string, OwnershipMode>>;

/** The conditions of a hardware table. */
export type IommuTableMode = 'unlinked' | 'linked' | 'freed';

export const iommuTableModeOf = ({ mode, groups }: IommuTable): IommuTableMode =>
  mode === 'freed' ? 'freed' : groups.length === 0 ? 'unlinked' : 'linked';

/** The life of a hardware table; a group, its creator and KVM each hold a reference. */
export const IOMMU_TABLE_LIFE = {
  unlinked: { set_window: 'linked', 'put, the last': 'freed' },
  linked: { 'unset_window of the last group': 'unlinked' },
  freed: {},
} as const satisfies Record<IommuTableMode, Partial<Record<string, IommuTableMode>>>;

/** The life of a window of a PE, as the hardware has it; the second one alone is a bypass window. */
export const TVE_LIFE = {
  DISABLED: { opal_pci_map_pe_dma_window: 'TCE', opal_pci_map_pe_dma_window_real: 'BYPASS' },
  TCE: { 'opal_pci_map_pe_dma_window, zeros': 'DISABLED' },
  BYPASS: { 'opal_pci_map_pe_dma_window_real, size 0': 'DISABLED' },
} as const satisfies Record<Tve['mode'], Record<string, Tve['mode']>>;
