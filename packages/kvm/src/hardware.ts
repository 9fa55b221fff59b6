import type { HcallCode, IommuTableFacts } from '@spapr-dma/protocol';
import type { KvmConfig } from './config.js';
import type { ClearFrame, MapFrame, UnmapFrame } from './frames.js';
import { effect, type ReportBody } from './sent.js';
import type { SpaprTceTable } from './spapr-tce-table.js';
import { type KvmState, tableById } from './state.js';

/** Hardware entries for one entry of the guest. */
export const subpagesOf = (table: SpaprTceTable, hw: IommuTableFacts): number =>
  2 ** (table.pageShift - hw.pageShift);

/** Entries of the guest that one round of accesses to a hardware table may cover. */
export const entriesAtOnce = ({ entriesAtOnce: limit }: KvmConfig, subpages: number): number =>
  limit < subpages ? 1 : Math.floor(limit / subpages);

/** What a kernel answers that tells its own failures from those QEMU may mend (B-15). */
export const failure = ({ switches }: KvmConfig, code: HcallCode): HcallCode =>
  switches.kvmErrors === 'swallow' ? code : 'H_TOO_HARD';

/** The kernel complains in its log, once. */
export const warn = (where: string): ReportBody => effect('WARN_ON_ONCE', { where });

/** Hardware tables of a handler that are still attached, from a place in its list on: the next one's place. */
export function nextTable(
  kvm: KvmState,
  { stt, tables }: { readonly stt: number; readonly tables: readonly IommuTableFacts[] },
  from: number,
): number {
  const attached = tableById(kvm, stt)!.iommuTables;
  let table = from;
  while (table < tables.length && !attached.some(({ hw }) => hw.table === tables[table]!.table)) table += 1;
  return table;
}

/** A frame that maps guest entries from `entry` on. */
export const mapFrame = (
  table: SpaprTceTable,
  hw: IommuTableFacts,
  entry: number,
  entries: number,
  { ua, perm, alloc }: Pick<MapFrame, 'ua' | 'perm' | 'alloc'>,
): MapFrame => {
  const subpages = subpagesOf(table, hw);
  return {
    fn: 'kvmppc_tce_iommu_map',
    at: 'begin',
    hw,
    index: entry * subpages,
    entries,
    subpages,
    done: 0,
    now: 0,
    failed: null,
    old: [],
    ua,
    perm,
    alloc,
    region: -1,
    slotless: null,
    hpa: 0n as MapFrame['hpa'],
  };
};

/** A frame that unmaps guest entries from `entry` on. */
export const unmapFrame = (
  table: SpaprTceTable,
  hw: IommuTableFacts,
  entry: number,
  entries: number,
): UnmapFrame => {
  const subpages = subpagesOf(table, hw);
  return {
    fn: 'kvmppc_tce_iommu_unmap',
    at: 'begin',
    hw,
    index: entry * subpages,
    entries,
    subpages,
    done: 0,
    now: 0,
    failed: null,
    old: [],
  };
};

/**
 * A frame that wipes what a guest entry has in a hardware table after a failure; null where the wrong index, the
 * guest's, lies outside of the table (B-25): what is overwritten in memory there is not modelled, but reported.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_clear_tce
 */
export function clearFrame(
  config: KvmConfig,
  table: SpaprTceTable,
  hw: IommuTableFacts,
  entry: number,
): { readonly frame: ClearFrame | null; readonly reports: readonly ReportBody[] } {
  const frame = (index: number, count: number): ClearFrame => ({
    fn: 'kvmppc_clear_tce',
    at: 'begin',
    hw,
    index,
    count,
    done: 0,
    now: 0,
  });
  if (config.switches.clearTceIndex === 'hwIdx') {
    const subpages = subpagesOf(table, hw);
    return { frame: frame(entry * subpages, subpages), reports: [] };
  }
  const index = table.offset + BigInt(entry) - hw.offset;
  if (index >= 0n && index < BigInt(hw.size)) return { frame: frame(Number(index), 1), reports: [] };
  return {
    frame: null,
    reports: [effect('kvmppc_clear_tce', { table: hw.table, index, outOfBounds: true })],
  };
}
