import { tceCount } from '@spapr-dma/protocol';
import { mappedCount, tceTable } from '@spapr-dma/tce-table';
import { cost, type QemuSent } from './sent.js';
import type { DisabledTable, EnabledTable, QemuState, SpaprTceTable, StuckTable } from './state.js';
import { type Geometry, regionOf } from './tce-index.js';

/**
 * The life of a TCE table object: which condition follows which, and why. The diagram in
 * `docs/life-cycles.md` is made from this table.
 */
export const TABLE_LIFE = {
  disabled: { 'enable, entries > 0': 'enabled', 'enable, 0 entries': 'stuck' },
  enabled: { disable: 'disabled' },
  stuck: { enable: 'QEMU aborts' },
} as const satisfies Record<SpaprTceTable['mode'], Record<string, SpaprTceTable['mode'] | 'QEMU aborts'>>;

/** The assertion that fails when a slot's memory region is attached twice. */
export const SUBREGION_ASSERTION = 'memory_region_add_subregion: !subregion->container';

const identityOf = ({ liobn, owner, defWin, bypass, needVfio, skippingReplay }: SpaprTceTable) => ({
  liobn,
  owner,
  defWin,
  bypass,
  needVfio,
  skippingReplay,
});

/** A table with its new window, which is empty; without entries it is none, and the slot is stuck. */
export function enabledTable(
  before: DisabledTable,
  { pageShift, busOffset, nbTable }: Geometry,
  fd: number,
  needVfio: boolean,
): EnabledTable | StuckTable {
  const common = { ...identityOf(before), pageShift, busOffset };
  if (nbTable === 0) return { ...common, mode: 'stuck' };
  return {
    ...common,
    mode: 'enabled',
    needVfio,
    nbTable: tceCount(nbTable),
    region: regionOf({ pageShift, busOffset, nbTable }),
    view: tceTable(nbTable),
    fd,
  };
}

/**
 * Removes a window and forgets its view; mappings are not unwound one by one.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_disable
 */
export function disableTable({ config }: QemuState, table: EnabledTable): DisabledTable {
  const identity = identityOf(table);
  return {
    ...identity,
    mode: 'disabled',
    needVfio: false,
    defWin: config.switches.defWinClear === 'fixed' ? false : identity.defWin,
  };
}

/** What a replay of a window to its notifiers costs: a step for every entry, mapped or not. */
export const replayCost = (table: EnabledTable): readonly QemuSent[] => [cost('replay', table.nbTable)];

/** Entries that a device may use. */
export const mappedIn = (table: SpaprTceTable): number =>
  table.mode === 'enabled' ? mappedCount(table.view) : 0;
