import {
  type MigratedDrc,
  type MigratedTable,
  type MigrationStream,
  tceCount,
  unreachable,
} from '@spapr-dma/protocol';
import { drcsOf } from './device-del.js';
import type { Drc } from './drc.js';
import type { EntryRuns, MigrateFrame } from './frames-qemu.js';
import { monitorReturn, type QemuSent, traced } from './sent.js';
import { phbsMade, type QemuState, type SpaprTceTable, tableOf, tablesOfPhb } from './state.js';
import { call, goto, type Resumption, ret, returned, type Step } from './steps.js';

/** The fields of a table that say where its window is: all 0 in an empty slot. */
export const geometryOf = (table: SpaprTceTable) => ({
  nbTable: tceCount(table.mode === 'enabled' ? table.nbTable : 0),
  busOffset: table.mode === 'disabled' ? 0n : table.busOffset,
  pageShift: table.mode === 'disabled' ? 0 : table.pageShift,
});

/** What the stream holds of one table. */
function migrated(table: SpaprTceTable, runs: EntryRuns): MigratedTable {
  const { liobn, bypass, defWin } = table;
  return { liobn, ...geometryOf(table), bypass, defWin, runs };
}

/** Why the machine cannot be migrated; undefined where it can. @see [QEMU] hw/vfio/migration.c */
export function migrationBlocker({ devices }: QemuState): string | undefined {
  const device = devices.find(({ driver }) => driver === 'vfio-pci');
  return device === undefined ? undefined : `${device.id}: VFIO device doesn't support migration`;
}

/** A connector that is ready needs no words: it is so on the other side. @see [QEMU] hw/ppc/spapr_drc.c: spapr_drc_needed */
const isMigrated = ({ mode, unplugRequested }: Drc): boolean => mode !== 'configured' || unplugRequested;
const migratedDrc = ({ index, mode, unplugRequested }: Drc): MigratedDrc => ({
  index,
  mode,
  unplugRequested,
});

const tableAt = (qemu: QemuState, liobn: number): SpaprTceTable =>
  tableOf(qemu, BigInt(liobn)) ?? unreachable('a table went while it was saved');

/** The function to call. */
export function migrate(qemu: QemuState): MigrateFrame {
  const { tables, phbs } = qemu;
  const made = [...phbsMade(qemu), ...phbs.filter(({ mode }) => mode === 'dying')];
  const ordered = [
    ...made.flatMap(({ properties }) => tablesOfPhb(qemu, properties.index)),
    ...tables.filter(({ owner }) => owner.kind === 'vio'),
  ];
  return { fn: 'migrate', at: 'begin', liobns: ordered.map(({ liobn }) => liobn), saved: [] };
}

/**
 * Writes every TCE table into a stream; a slot without a window too. A view in KVM is read like QEMU's own; no vCPU
 * runs any more. The PHBs' tables come first, in the order of their making, VIO tables last.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_pre_save
 */
export function migrateTables(qemu: QemuState, frame: MigrateFrame, resumed: Resumption): Step {
  const [liobn, ...liobns] = frame.liobns;
  if (frame.at === 'read') {
    const table = tableAt(qemu, liobn ?? 0);
    const saved = [...frame.saved, migrated(table, (returned(resumed) ?? []) as EntryRuns)];
    return goto(qemu, { ...frame, at: 'begin', liobns, saved }, [preSave(table)]);
  }
  if (liobn === undefined) {
    const stream: MigrationStream = {
      version: qemu.config.features.streamVersion,
      phbs: phbsMade(qemu).map(({ section, properties }) => ({ section, index: properties.index })),
      drcs: drcsOf(qemu).filter(isMigrated).map(migratedDrc),
      tables: frame.saved,
    };
    return ret(qemu, null, [monitorReturn('migrate', '', stream)]);
  }
  const next: MigrateFrame = { ...frame, at: 'read' };
  if (tableAt(qemu, liobn).mode !== 'enabled') return goto(qemu, next);
  return call(qemu, next, { fn: 'read_view', at: 'begin', liobn, fromKvm: false, index: 0, runs: [] });
}

function preSave(table: SpaprTceTable): QemuSent {
  const { nbTable, busOffset, pageShift } = geometryOf(table);
  return traced({
    event: 'spapr_iommu_pre_save',
    liobn: BigInt(table.liobn),
    nb: nbTable,
    busOffset,
    ps: pageShift,
  });
}
