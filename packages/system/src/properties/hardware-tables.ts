import type { IommuTable, Pe, PowernvState } from '@spapr-dma/powernv-ioda2';
import type { Container, Mm, VfioHost } from '@spapr-dma/vfio-host';
import { qemusMm } from './host-state.js';

const EMPTY: readonly never[] = [];

/** The PEs whose devices get to a table. */
export const pesWith = (powernv: PowernvState, id: number): readonly Pe[] =>
  powernv.pes.filter(({ tves }) => tves.some((tve) => tve.mode === 'TCE' && tve.table === id));

/** Tables of VFIO that are there, and not those of the host itself. */
export const vfioTablesOf = (powernv: PowernvState | undefined): readonly IommuTable[] =>
  powernv?.tables.filter(({ mode, userspace }) => mode === 'live' && userspace !== null) ?? EMPTY;

/** The container that has a table among its windows. */
export const containerOfTable = (vfio: VfioHost | undefined, id: number): Container | undefined =>
  vfio?.containers.find(({ iommu }) => iommu?.windows.some((window) => window?.facts.table === id));

/** Whose memory a table's entries count in: that of its container's process, or of QEMU. */
export function mmOfTable(vfio: VfioHost, id: number): Mm | undefined {
  const mm = containerOfTable(vfio, id)?.iommu?.mm;
  return (mm == null ? undefined : vfio.mms.find((each) => each.mm === mm)) ?? qemusMm(vfio);
}

/** Host pages as bytes. */
export const bytesOfPages = ({ config }: VfioHost, pages: number): bigint =>
  BigInt(pages) << BigInt(config.hostPageShift);

/** Are the TCEs of a table v1's, whose pages are pinned one by one and belong to no region? */
export const isV1 = (vfio: VfioHost | undefined, id: number): boolean =>
  containerOfTable(vfio, id)?.iommu?.version === 'v1';
