import { canonicalTces, type TceTable } from '@spapr-dma/tce-table';
import type { KvmState } from './state.js';

/**
 * The state as plain data that is equal exactly where two states are equal, whatever path led there.
 * bigints are written in hex, so that it can also be a key or a file.
 */
export function canonicalKvm(kvm: KvmState): unknown {
  return plain({
    ...kvm,
    tables: kvm.tables.map((table) => ({ ...table, view: tces(table.view), pages: tces(table.pages) })),
  });
}

const tces = (table: TceTable): unknown => canonicalTces(table);

/** Plain data with hex strings for bigints and sorted keys. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, plain(part)]));
}
