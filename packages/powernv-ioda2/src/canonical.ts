import { canonicalTces, type LevelPages } from '@spapr-dma/tce-table';
import type { IommuTable, PowernvState } from './state.js';

/**
 * The state as plain data that is equal exactly where two states are equal, whatever path led there.
 * bigints are written in hex, so that it can also be a key or a file.
 */
export function canonicalPowernv(powernv: PowernvState): unknown {
  const { tables, pes, ...rest } = powernv;
  return plain({
    ...rest,
    pes: pes.map(({ cache, ...pe }) => ({
      ...pe,
      cache: cache.map(({ table, tces }) => ({ table, tces: canonicalTces(tces) })),
    })),
    tables: tables.map(canonicalTable),
  });
}

const canonicalLevels = ({ below }: LevelPages): unknown => below.map(canonicalTces);

const canonicalTable = ({ hardware, hardwareLevels, userspace, map, ...table }: IommuTable): unknown => ({
  ...table,
  hardware: canonicalTces(hardware),
  hardwareLevels: canonicalLevels(hardwareLevels),
  userspace: userspace && {
    slots: canonicalTces(userspace.slots),
    levels: canonicalLevels(userspace.levels),
  },
  map: map && { ...map, taken: canonicalTces(map.taken) },
});

/** Plain data with hex strings for bigints and sorted keys. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, plain(part)]));
}
