import { type HcallReturn, unreachable } from '@spapr-dma/protocol';
import type { IommuTable } from './guest-objects.js';
import type { HcallRequest } from './requests.js';
import type { Resumption } from './steps.js';
import { iobaOf } from './tce-build.js';

/** Reads one entry of a table. @see [Linux] arch/powerpc/platforms/pseries/iommu.c: tce_get_pSeriesLP */
export const tceGetRequest = (table: IommuTable, tcenum: number): HcallRequest => ({
  type: 'H_GET_TCE',
  liobn: BigInt(table.liobn),
  ioba: iobaOf(tcenum, table.pageShift),
});

/** The entry read; 0 where the call was refused, since r4 then holds nothing. */
export function tceGot(resumed: Resumption): bigint {
  if (resumed.type !== 'hcall-return')
    return unreachable('a frame that waits for H_GET_TCE got something else');
  return (resumed as HcallReturn).tce ?? 0n;
}
