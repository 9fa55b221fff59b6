import { type HcallCode, TCE_PERMISSIONS } from '@spapr-dma/protocol';
import type { KvmConfig } from './config.js';
import { tceToUa } from './memslots.js';
import type { SpaprTceTable } from './spapr-tce-table.js';
import type { KvmState } from './state.js';

/** Whether a call has to lie in the window with all of its pages, or only with its first one (B-27). */
const checksAll = ({ switches: { rangeCheck } }: KvmConfig, call: string): boolean =>
  rangeCheck === 'full' || (rangeCheck === 'unmapAndStuff' && call === 'H_STUFF_TCE');

/**
 * What a bus address is to a table. The end of the window wraps in 64 bits, as it does in the kernel.
 * @see [Linux] arch/powerpc/kernel/iommu.c: iommu_tce_check_ioba
 */
export function iobaStatus(
  config: KvmConfig,
  table: SpaprTceTable,
  call: string,
  ioba: bigint,
  npages: bigint,
): HcallCode {
  const shift = BigInt(table.pageShift);
  const page = ioba >> shift;
  const misaligned = (ioba & ((1n << shift) - 1n)) !== 0n;
  if (misaligned && config.features.validate !== 'none') return 'H_PARAMETER';
  const end = BigInt.asUintN(64, table.offset + BigInt(table.size));
  if (page < table.offset || page + 1n > end) return 'H_PARAMETER';
  if (checksAll(config, call) && page - table.offset + npages > BigInt(table.size)) return 'H_PARAMETER';
  return 'H_SUCCESS';
}

/** The entry that translates a bus address which is in the table. */
export const entryAt = (table: SpaprTceTable, ioba: bigint): number =>
  Number((ioba >> BigInt(table.pageShift)) - table.offset);

/** What a device may do by a TCE: READ 1, WRITE 2. */
export const permOf = (tce: bigint): number => Number(tce & TCE_PERMISSIONS);

/**
 * What a TCE is to a table, as far as its own bits and the memslots tell. Without permissions anything goes, so that
 * a guest can poison entries.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_validate
 */
export function tceStatus(kvm: KvmState, table: SpaprTceTable, tce: bigint): HcallCode {
  const { validate } = kvm.config.features;
  if (validate === 'none' || permOf(tce) === 0) return 'H_SUCCESS';
  const inPage = (1n << BigInt(table.pageShift)) - 1n;
  const misaligned = (tce & inPage & ~TCE_PERMISSIONS) !== 0n;
  if (validate === 'alignment') return misaligned ? 'H_PARAMETER' : 'H_SUCCESS';
  return misaligned || tceToUa(kvm, tce) === undefined ? 'H_TOO_HARD' : 'H_SUCCESS';
}
