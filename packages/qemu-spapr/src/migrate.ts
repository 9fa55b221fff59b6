import { type MigratedTable, type MigrationStream, tceCount } from '@spapr-dma/protocol';
import { forEachRun } from '@spapr-dma/tce-table';
import { monitorReturn, type Outcome, traced } from './sent.js';
import type { QemuState, SpaprTceTable } from './state.js';

const geometryOf = (table: SpaprTceTable) => ({
  nbTable: tceCount(table.mode === 'enabled' ? table.nbTable : 0),
  busOffset: table.mode === 'disabled' ? 0n : table.busOffset,
  pageShift: table.mode === 'disabled' ? 0 : table.pageShift,
});

/** What the stream holds of one table. */
function migrated(table: SpaprTceTable): MigratedTable {
  const runs: [number, number, bigint][] = [];
  if (table.mode === 'enabled') {
    forEachRun(table.view, (first, count, high, low) => {
      runs.push([first, count, (BigInt(high) << 32n) | BigInt(low)]);
    });
  }
  const { liobn, bypass, defWin } = table;
  return { liobn, ...geometryOf(table), bypass, defWin, runs };
}

/**
 * Writes every TCE table into a stream; a slot without a window too.
 * The PHBs' tables come first, VIO tables last.
 *
 * Abstraction: PHBs stand in the order of their index; QEMU writes them in the order of their making.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_pre_save
 */
export function migrate(qemu: QemuState): Outcome {
  const tables = [
    ...qemu.tables.filter(({ owner }) => owner.kind === 'phb'),
    ...qemu.tables.filter(({ owner }) => owner.kind === 'vio'),
  ];
  const logged = tables.map((table) => {
    const { nbTable, busOffset, pageShift } = geometryOf(table);
    return traced({
      event: 'spapr_iommu_pre_save',
      liobn: BigInt(table.liobn),
      nb: nbTable,
      busOffset,
      ps: pageShift,
    });
  });
  const stream: MigrationStream = {
    version: qemu.config.features.streamVersion,
    tables: tables.map(migrated),
  };
  return { qemu, sent: [...logged, monitorReturn('migrate', '', stream)] };
}
