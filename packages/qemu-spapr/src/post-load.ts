import { type MigratedTable, type MigrationStream, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import { tceTable, withFill } from '@spapr-dma/tce-table';
import { type Aborting, aborts } from './qemu-abort.js';
import { monitorReturn, type Outcome, type QemuSent, traced } from './sent.js';
import { type EnabledTable, type QemuState, type SpaprTceTable, tableOf, withTable } from './state.js';
import { disableTable, enableTable, replayCost } from './table-life.js';

/** The view that a stream's runs describe. */
const viewOf = ({ nbTable, runs }: MigratedTable): EnabledTable['view'] =>
  runs.reduce(
    (view, [first, count, value]) => withFill(view, tceIndex(first), tceCount(count), tce(value)),
    tceTable(nbTable),
  );

const entriesOf = (table: SpaprTceTable) => tceCount(table.mode === 'enabled' ? table.nbTable : 0);

const sameGeometry = (table: EnabledTable, loaded: MigratedTable): boolean =>
  table.busOffset === loaded.busOffset && table.pageShift === loaded.pageShift;

/**
 * Takes one loaded table over: a window of another size is made anew, then the entries are copied.
 * Notifiers are not told of the copied entries; a window of the same size but another place keeps its old
 * memory region under its new numbers, so devices find it elsewhere than hypercalls do (B-29).
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_post_load
 */
export function postLoad(
  qemu: QemuState,
  before: SpaprTceTable,
  loaded: MigratedTable,
  version: MigrationStream['version'],
): Outcome & Aborting {
  const { switches } = qemu.config;
  const preNb = entriesOf(before);
  const moved =
    switches.postLoadGeomCheck === 'fixed' && before.mode === 'enabled' && !sameGeometry(before, loaded);
  const sent: QemuSent[] = [];
  let table: SpaprTceTable = before;
  if (table.mode === 'enabled' && (loaded.nbTable !== preNb || moved)) table = disableTable(qemu, table);
  if (loaded.nbTable > 0 && table.mode !== 'enabled') {
    const enabled = enableTable(qemu, table, loaded);
    if (enabled.aborted) return aborts(qemu, enabled.sent);
    table = enabled.table;
    sent.push(...enabled.sent);
    if (table.mode === 'enabled' && table.needVfio) sent.push(...replayCost(table));
  }
  if (table.mode === 'enabled') {
    const { pageShift, busOffset } = loaded;
    table = { ...table, pageShift, busOffset, view: viewOf(loaded) };
  }
  table = {
    ...table,
    bypass: loaded.bypass,
    defWin: version === 3 ? loaded.defWin : table.defWin,
  };
  const line = traced({
    event: 'spapr_iommu_post_load',
    liobn: BigInt(before.liobn),
    preNb,
    postNb: entriesOf(table),
    busOffset: loaded.busOffset,
    ps: loaded.pageShift,
  });
  return { qemu: withTable(qemu, table), sent: [...sent, line], aborted: null };
}

/** Loads a whole stream: every table that it holds must be there, and a newer stream is not understood. */
export function migrateIncoming(qemu: QemuState, stream: MigrationStream): Outcome & Aborting {
  const sent: QemuSent[] = [];
  let next = qemu;
  if (stream.version > qemu.config.features.streamVersion) {
    const why = `a stream of version ${stream.version} is too new`;
    return { qemu, sent: [monitorReturn('migrate-incoming', why)], aborted: null };
  }
  for (const loaded of stream.tables) {
    const before = tableOf(next, BigInt(loaded.liobn));
    if (before === undefined) {
      const why = `there is no TCE table 0x${loaded.liobn.toString(16)}`;
      return { qemu, sent: [monitorReturn('migrate-incoming', why)], aborted: null };
    }
    const outcome = postLoad(next, before, loaded, stream.version);
    sent.push(...outcome.sent);
    if (outcome.aborted !== null) return { qemu: next, sent, aborted: outcome.aborted };
    next = outcome.qemu;
  }
  return { qemu: next, sent: [...sent, monitorReturn('migrate-incoming')], aborted: null };
}
