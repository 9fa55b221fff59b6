import { type Bytes, bytes } from '@spapr-dma/protocol';
import { chargedBytes, type LevelRequest } from '@spapr-dma/tce-table';
import type { PowernvConfig } from './config.js';

/**
 * Bytes that a table of this shape is charged; 0 for a shape that is refused before anything is charged.
 * @see [Linux] arch/powerpc/platforms/powernv/pci-ioda.c: pnv_pci_ioda2_get_table_size
 */
export function getTableSize(
  { hostPageShift, features }: PowernvConfig,
  request: Omit<LevelRequest, 'hostPageShift'>,
): Bytes {
  const both = chargedBytes({ ...request, hostPageShift });
  return features.chargedCopies === 2 ? both : bytes(both / 2n);
}
