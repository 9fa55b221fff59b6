import { tceCount } from '@spapr-dma/protocol';
import { mappedCount, tceTable } from '@spapr-dma/tce-table';
import { cost, type QemuSent, traced } from './sent.js';
import {
  type DisabledTable,
  type EnabledTable,
  phbOfIndex,
  type QemuState,
  type SpaprTceTable,
  type StuckTable,
} from './state.js';
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

/** A table after `enable`, with what QEMU logged; `aborted` where the assertion failed. */
export interface EnableOutcome {
  readonly table: EnabledTable | StuckTable;
  readonly sent: readonly QemuSent[];
  readonly aborted: boolean;
}

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

/**
 * Makes the window of a table that has none: allocates the view, sizes the memory region, attaches it.
 * With 0 entries the region stays attached to nothing and the slot is stuck; enabling a stuck slot aborts.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_enable, spapr_tce_alloc_table
 */
export function enableTable(
  qemu: QemuState,
  before: DisabledTable | StuckTable,
  { pageShift, busOffset, nbTable }: Geometry,
): EnableOutcome {
  // The log line comes from the allocation, so it stands there even where the attaching aborts.
  const logged = traced({
    event: 'spapr_iommu_new_table',
    liobn: BigInt(before.liobn),
    table: nbTable === 0 ? '(nil)' : 'allocated',
    fd: -1,
  });
  const common = { ...identityOf(before), pageShift, busOffset };
  if (nbTable === 0) {
    return { table: { ...common, mode: 'stuck' }, sent: [logged], aborted: before.mode === 'stuck' };
  }
  const needVfio = before.owner.kind === 'phb' && (phbOfIndex(qemu, before.owner.index)?.notifiers ?? 0) > 0;
  return {
    table: {
      ...common,
      mode: 'enabled',
      needVfio,
      nbTable: tceCount(nbTable),
      region: regionOf({ pageShift, busOffset, nbTable }),
      view: tceTable(nbTable),
      fd: -1,
    },
    sent: [logged],
    aborted: before.mode === 'stuck',
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
