import type { HostDeviceDma, HostDmaPiece, Hpa, Ioba, TceIndex } from '@spapr-dma/protocol';
import { hasLevelPages, tceAt } from '@spapr-dma/tce-table';
import { BYPASS_BASE } from './config.js';
import { windowStartOf } from './create-table.js';
import { type IommuTable, type Pe, type PowernvState, tableOf } from './state.js';

/** Where an access at one address goes, and how many bytes from there on go the same way. */
export type Translation =
  | {
      readonly outcome: 'ram';
      readonly hpa: Hpa;
      readonly length: bigint;
      readonly through: Exclude<HostDmaPiece['through'], null>;
    }
  | { readonly outcome: 'frozen'; readonly why: string };

const refused = (why: string): Translation => ({ outcome: 'frozen', why });
const RIGHTS = { read: 1n, write: 2n } as const;

/** The entry at an index as the hardware walks to it, level by level; 0 where a level is missing. */
export const walk = ({ hardware, hardwareLevels }: IommuTable, index: TceIndex): bigint =>
  hasLevelPages(hardwareLevels, index) ? tceAt(hardware, index) : 0n;

function throughTable(
  powernv: PowernvState,
  pe: Pe,
  table: IommuTable,
  offset: bigint,
  access: HostDeviceDma['access'],
  cache: 'hit' | 'miss',
): Translation {
  const shift = BigInt(table.pageShift);
  const index = offset >> shift;
  if (index >= BigInt(table.hardware.entries)) return refused('beyond the end of the table');
  const at = Number(index) as TceIndex;
  const cached = pe.cache.find((each) => each.table === table.table);
  const old = cached === undefined || cache === 'miss' ? 0n : tceAt(cached.tces, at);
  const tce = old === 0n ? walk(table, at) : old;
  if ((tce & 3n) === 0n) return refused('no translation');
  if ((tce & RIGHTS[access]) === 0n) return refused(`no right to ${access}`);
  const within = offset & ((1n << shift) - 1n);
  const isFreed = tableOf(powernv, table.table)!.mode === 'freed';
  return {
    outcome: 'ram',
    hpa: ((tce & ~3n) + within) as Hpa,
    length: (1n << shift) - within,
    through: isFreed ? 'freed table' : old === 0n ? 'table' : 'cache',
  };
}

/**
 * Where a PE's access at an address goes. Bit 59 selects one of its two windows. In a window with a table, the
 * entry comes from the TCE cache where an older one may still be there, else from the walk.
 * @see spec 50 section 6
 */
export function translate(
  powernv: PowernvState,
  pe: Pe,
  address: Ioba,
  access: HostDeviceDma['access'],
  cache: 'hit' | 'miss' = 'hit',
): Translation {
  if (pe.dma === 'frozen') return refused('the PE is frozen');
  const num = (address & BYPASS_BASE) === 0n ? 0 : 1;
  const tve = pe.tves[num];
  const offset = address - windowStartOf(num);
  if (tve.mode === 'DISABLED') return refused('no window there');
  if (tve.mode === 'BYPASS') {
    if (offset >= tve.size) return refused('beyond the end of the bypass window');
    return { outcome: 'ram', hpa: offset as Hpa, length: tve.size - offset, through: 'bypass' };
  }
  return throughTable(powernv, pe, tableOf(powernv, tve.table)!, offset, access, cache);
}
