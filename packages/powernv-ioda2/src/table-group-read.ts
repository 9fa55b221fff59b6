import { type IommuTableFacts, ioba, levelCount, type TableGroupFacts } from '@spapr-dma/protocol';
import { isClaimed } from './claim-dma-owner.js';
import { groupOf, type IommuTable, liveTableOf, type PowernvState, peOfGroup, phbOf } from './state.js';

/** Names the code of this platform: only groups with it share a container. */
export const IODA2_OPS = 'pnv_pci_ioda2_ops';

/** What users of a table read of it. */
export const factsOf = ({
  table,
  pageShift,
  offset,
  size,
  levels,
  allocatedBytes,
}: IommuTable): IommuTableFacts => ({ table, pageShift, offset, size, levels, allocatedBytes });

/**
 * What a group is; null for one that does not exist.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_setup_dma_pe
 */
export function tableGroupFacts(powernv: PowernvState, id: number): TableGroupFacts | null {
  const group = groupOf(powernv, id);
  if (group === undefined) return null;
  const { m32Base, pgsizes } = phbOf(powernv, peOfGroup(powernv, id)!.phb)!;
  const facts = (table: number | null): IommuTableFacts | null => {
    const found = liveTableOf(powernv, table);
    return found === undefined ? null : factsOf(found);
  };
  return {
    group: id,
    dma32Start: ioba(0n),
    dma32Size: m32Base,
    pgsizes,
    maxDynamicWindows: 2,
    maxLevels: levelCount(5),
    ops: IODA2_OPS,
    tables: [facts(group.tables[0]), facts(group.tables[1])],
    claimed: isClaimed(powernv, group),
  };
}
