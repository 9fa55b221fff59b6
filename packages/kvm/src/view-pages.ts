import { type Tce, type TceCount, type TceIndex, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  mappedCountIn,
  type TceTable,
  tceLowAt,
  tceTable,
  withFill,
  withTce,
  withTces,
} from '@spapr-dma/tce-table';
import type { KvmConfig } from './config.js';
import { cost, effect, type ReportBody } from './sent.js';
import type { SpaprTceTable } from './spapr-tce-table.js';
import { type KvmState, withTable } from './state.js';

/** What stands for a page of the view that is allocated. */
const ALLOCATED = 1n as Tce;

/** TCEs in one page of the view. */
export const tcesPerPage = ({ hostPageShift }: KvmConfig): number => 2 ** (hostPageShift - 3);

/** Pages of a view of that many TCEs. @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_pages */
export const viewPageCount = (config: KvmConfig, size: number): number =>
  Math.ceil(size / tcesPerPage(config));

/** The pages of a new view: none of them allocated, or all. */
export function newPages(config: KvmConfig, size: number): TceTable {
  const count = tceCount(viewPageCount(config, size));
  const none = tceTable(count);
  return config.features.viewPages === 'eager' ? withFill(none, tceIndex(0), count, ALLOCATED) : none;
}

/** Whether the page of an entry is allocated. */
export const hasPage = ({ config }: KvmState, { pages }: SpaprTceTable, entry: number): boolean =>
  tceLowAt(pages, tceIndex(Math.floor(entry / tcesPerPage(config)))) !== 0;

/** Whether the pages of a range of entries are allocated, as far as the range lies in the table. */
export function hasPages(kvm: KvmState, table: SpaprTceTable, entry: number, count: number): boolean {
  const { first, pages } = pageRange(kvm.config, table, entry, count);
  return pages === 0 || mappedCountIn(table.pages, first, pages) === pages;
}

function pageRange(
  config: KvmConfig,
  table: SpaprTceTable,
  entry: number,
  count: number,
): { first: TceIndex; pages: TceCount } {
  const end = Math.min(entry + count, table.size);
  if (end <= entry) return { first: tceIndex(0), pages: tceCount(0) };
  const first = Math.floor(entry / tcesPerPage(config));
  const last = Math.floor((end - 1) / tcesPerPage(config));
  return { first: tceIndex(first), pages: tceCount(last - first + 1) };
}

/** The table with the pages of a range of entries allocated, and how many that were. */
export function withPages(
  kvm: KvmState,
  table: SpaprTceTable,
  entry: number,
  count: number,
): { readonly table: SpaprTceTable; readonly faults: number } {
  const { first, pages } = pageRange(kvm.config, table, entry, count);
  const faults = pages - (pages === 0 ? 0 : mappedCountIn(table.pages, first, pages));
  if (faults === 0) return { table, faults };
  return { table: { ...table, pages: withFill(table.pages, first, pages, ALLOCATED) }, faults };
}

/** After stores into the guest view: `failed` where there was no memory for a page, `done` entries before. */
export interface Stored {
  readonly kvm: KvmState;
  readonly reports: readonly ReportBody[];
  readonly failed: boolean;
}

const faultReport = (faults: number): readonly ReportBody[] =>
  faults > 0 ? [cost('view-fault', faults)] : [];

/** Entries behind the table's end that a call wrote all the same: what was in memory there is not modelled. */
const beyond = (table: SpaprTceTable, entry: number, count: number): readonly ReportBody[] =>
  entry + count <= table.size
    ? []
    : [
        effect('kvmppc_tce_put', {
          liobn: table.liobn,
          index: Math.max(entry, table.size),
          count: entry + count - Math.max(entry, table.size),
          outOfBounds: true,
        }),
      ];

/**
 * Stores a list of TCEs. Zeros do not allocate a page; where a page cannot be allocated the TCE is lost (B-28), or
 * the storing ends there.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_put
 */
export function storeTces(
  kvm: KvmState,
  table: SpaprTceTable,
  entry: number,
  tces: readonly bigint[],
): Stored {
  const inside = tces.slice(0, Math.max(0, table.size - entry));
  const reports = beyond(table, entry, tces.length);
  if (kvm.failNext.viewPage) return storeShortOfMemory(kvm, table, entry, inside, reports);
  const needed = hasPages(kvm, table, entry, inside.length)
    ? []
    : inside.flatMap((value, i) => (value === 0n || hasPage(kvm, table, entry + i) ? [] : [entry + i]));
  let next = table;
  let faults = 0;
  for (const at of needed) {
    const allocated = withPages(kvm, next, at, 1);
    next = allocated.table;
    faults += allocated.faults;
  }
  const view =
    inside.length === 1
      ? withTce(next.view, tceIndex(entry), inside[0] as Tce)
      : inside.length === 0
        ? next.view
        : withTces(next.view, tceIndex(entry), inside.map(tce));
  const stored = withTable(kvm, { ...next, view });
  return { kvm: stored, reports: [...reports, ...faultReport(faults)], failed: false };
}

/** Entry by entry, since the first page that is asked for is not given. */
function storeShortOfMemory(
  kvm: KvmState,
  table: SpaprTceTable,
  entry: number,
  tces: readonly bigint[],
  reports: readonly ReportBody[],
): Stored {
  let next = table;
  let faults = 0;
  let left = true;
  const after = (): KvmState =>
    withTable(left ? kvm : { ...kvm, failNext: { ...kvm.failNext, viewPage: false } }, next);
  for (const [i, value] of tces.entries()) {
    if (value !== 0n && !hasPage(kvm, next, entry + i)) {
      if (left) {
        left = false;
        if (kvm.config.switches.viewAllocFailure === 'silent') continue;
        return { kvm: after(), reports: [...reports, ...faultReport(faults)], failed: true };
      }
      next = withPages(kvm, next, entry + i, 1).table;
      faults += 1;
    }
    next = { ...next, view: withTce(next.view, tceIndex(entry + i), value as Tce) };
  }
  return { kvm: after(), reports: [...reports, ...faultReport(faults)], failed: false };
}

/** Stores one value into consecutive entries, page by page; 0 leaves pages alone that are not there. */
export function storeFill(
  kvm: KvmState,
  table: SpaprTceTable,
  entry: number,
  count: number,
  value: bigint,
): Stored {
  const inside = Math.min(count, table.size - entry);
  const reports = beyond(table, entry, count);
  if (kvm.failNext.viewPage && value !== 0n && !hasPages(kvm, table, entry, inside)) {
    return storeShortOfMemory(kvm, table, entry, new Array<bigint>(inside).fill(value), reports);
  }
  const { table: next, faults } = value === 0n ? { table, faults: 0 } : withPages(kvm, table, entry, inside);
  const view = withFill(next.view, tceIndex(entry), tceCount(inside), value as Tce);
  if (view === table.view && faults === 0) return { kvm, reports, failed: false };
  return {
    kvm: withTable(kvm, { ...next, view }),
    reports: [...reports, ...faultReport(faults)],
    failed: false,
  };
}
