import {
  type MigratedDrc,
  type MigratedTable,
  type MigrationStream,
  type TceIndex,
  tceCount,
  unreachable,
} from '@spapr-dma/protocol';
import { connectorOf, withConnector } from './device-del.js';
import type { EntryRuns, MigrateIncomingFrame, PostLoadFrame } from './frames-qemu.js';
import { geometryOf } from './migrate.js';
import { replayOf } from './notify.js';
import { monitorReturn, traced } from './sent.js';
import { type EnabledTable, type QemuState, type SpaprTceTable, tableOf, withTable } from './state.js';
import { abort, call, callOrGo, goto, type Resumption, ret, returned, type Step } from './steps.js';
import { phbOfTable } from './table-enable.js';
import { replayCost } from './table-life.js';
import { isHeard, notifyEntry } from './vfio-hooks.js';

const entriesOf = (table: SpaprTceTable) => tceCount(table.mode === 'enabled' ? table.nbTable : 0);

const sameGeometry = (table: EnabledTable, loaded: MigratedTable): boolean =>
  table.busOffset === loaded.busOffset && table.pageShift === loaded.pageShift;

/** The geometry that a stream need not tell. */
const UNTOLD = { busOffset: 0n, pageShift: 12 };

/**
 * What the stream says of a table, as it is understood here. A window of 4K pages at 0 is sent without its geometry,
 * for it is the default window's; whoever loads it keeps what the slot had. An empty slot has pages of one byte, so that
 * such a window in slot 1 is lost but for its first bytes (B-74).
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_ex_needed
 */
function understood(table: SpaprTceTable, loaded: MigratedTable): MigratedTable {
  const isTold = loaded.busOffset !== UNTOLD.busOffset || loaded.pageShift !== UNTOLD.pageShift;
  if (isTold) return loaded;
  const { busOffset, pageShift } = geometryOf(table);
  return { ...loaded, busOffset, pageShift };
}

/** The runs of a stream, with runs of 0 between them: a copy of the whole table. */
function wholeRuns({ nbTable, runs }: MigratedTable): EntryRuns {
  const whole: [number, number, bigint][] = [];
  let end = 0;
  for (const [first, count, value] of runs) {
    if (first > end) whole.push([end, first - end, 0n]);
    whole.push([first, count, value]);
    end = first + count;
  }
  if (end < nbTable) whole.push([end, nbTable - end, 0n]);
  return whole;
}

const isMapped = ([, , tce]: EntryRuns[number]): boolean => (tce & 3n) !== 0n;

/**
 * Takes one loaded table over: a window of another size is made anew, then the entries are copied.
 * Those who listen are not told of the copied entries (B-29), and are replayed a window that is empty yet (B-30). A
 * window of the same size but another place keeps its old memory region under its new numbers, so devices find it
 * elsewhere than hypercalls do (B-29).
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_table_post_load
 */
export function spaprTceTablePostLoad(qemu: QemuState, frame: PostLoadFrame, resumed: Resumption): Step {
  const { switches } = qemu.config;
  const { liobn } = frame.loaded;
  const table = tableOf(qemu, BigInt(liobn)) ?? unreachable('a table went while it was loaded');
  const loaded = frame.at === 'begin' ? understood(table, frame.loaded) : frame.loaded;
  const replays = switches.postLoadReplay === 'unfixed';
  switch (frame.at) {
    case 'begin': {
      const next: PostLoadFrame = { ...frame, loaded, at: 'disabled', preNb: entriesOf(table) };
      const moved =
        switches.postLoadGeomCheck === 'fixed' && table.mode === 'enabled' && !sameGeometry(table, loaded);
      const goes = table.mode === 'enabled' && (loaded.nbTable !== table.nbTable || moved);
      return goes
        ? call(qemu, next, { fn: 'spapr_tce_table_disable', at: 'begin', liobn })
        : goto(qemu, next);
    }
    case 'disabled': {
      const next: PostLoadFrame = { ...frame, at: 'enabled' };
      if (loaded.nbTable === 0 || table.mode === 'enabled') return goto(qemu, next);
      const { pageShift, busOffset, nbTable } = loaded;
      return call(withTable(qemu, { ...table, skippingReplay: !replays }), next, {
        fn: 'spapr_tce_table_enable',
        at: 'begin',
        liobn,
        pageShift,
        busOffset,
        nbTable,
      });
    }
    case 'enabled': {
      const failed = returned(resumed);
      if (typeof failed === 'string' && failed !== '') return abort(qemu, failed);
      if (table.mode !== 'enabled') return goto(qemu, { ...frame, at: 'notified' });
      const isNew = resumed.type === 'returned';
      const costs =
        isNew && replays && (phbOfTable(qemu, table)?.notifiers ?? 0) > 0 ? replayCost(table) : [];
      const { pageShift, busOffset } = loaded;
      return call(
        withTable(qemu, { ...table, pageShift, busOffset, skippingReplay: false }),
        { ...frame, at: 'copied' },
        { fn: 'write_view', at: 'begin', liobn, runs: wholeRuns(loaded) },
        costs,
      );
    }
    case 'copied': {
      if (switches.postLoadNotify === 'unfixed') return goto(qemu, { ...frame, at: 'notified' });
      const untold = isHeard(qemu, liobn) ? loaded.runs.filter(isMapped) : [];
      const told = table.mode === 'enabled' && table.needVfio ? replayOf(table, loaded.runs) : [];
      return goto(qemu, { ...frame, at: 'notified', untold }, told);
    }
    case 'notified': {
      const [run, ...rest] = frame.untold;
      if (run === undefined) return loadedTable(qemu, frame, table);
      const [first, count, tce] = run;
      const untold: EntryRuns = count > 1 ? [[first + 1, count - 1, tce], ...rest] : rest;
      return callOrGo(qemu, { ...frame, untold }, notifyEntry(qemu, liobn, first as TceIndex, tce));
    }
    default:
      return unreachable(`spapr_tce_table_post_load at ${frame.at satisfies never}`);
  }
}

function loadedTable(qemu: QemuState, { loaded, version, preNb }: PostLoadFrame, table: SpaprTceTable): Step {
  const line = traced({
    event: 'spapr_iommu_post_load',
    liobn: BigInt(table.liobn),
    preNb,
    postNb: entriesOf(table),
    busOffset: loaded.busOffset,
    ps: loaded.pageShift,
  });
  const defWin = version === 3 ? loaded.defWin : table.defWin;
  return ret(withTable(qemu, { ...table, bypass: loaded.bypass, defWin }), null, [line]);
}

/** The function to call. */
export const migrateIncoming = (stream: MigrationStream): MigrateIncomingFrame => ({
  fn: 'migrate_incoming',
  at: 'begin',
  stream,
  done: 0,
});

/** A connector in the condition that the stream tells. */
function withDrc(qemu: QemuState, { index, mode, unplugRequested }: MigratedDrc): QemuState {
  const at = connectorOf(qemu, index);
  return at === undefined ? qemu : withConnector(qemu, at, { ...at.drc, mode, unplugRequested }, false);
}

/**
 * Loads a whole stream: every PHB and every table that it holds must be there, and a newer stream is not understood.
 *
 * PHBs are told apart by the order of their making. Where one was unplugged that was not made last, the number of its
 * section stays free; the other machine, which never had it, numbers its PHBs otherwise and refuses the stream.
 * @see [QEMU] migration/savevm.c: calculate_new_instance_id
 */
export function loadTables(qemu: QemuState, frame: MigrateIncomingFrame): Step {
  const { stream } = frame;
  const answer = (why: string, after = qemu): Step =>
    ret(after, null, [monitorReturn('migrate-incoming', why)]);
  if (stream.version > qemu.config.features.streamVersion) {
    return answer(`a stream of version ${stream.version} is too new`);
  }
  const refused = stream.phbs.find(({ section, index }) =>
    qemu.phbs.every((phb) => phb.section !== section || phb.properties.index !== index),
  );
  if (refused !== undefined) return answer(`section ${refused.section} is not of PHB ${refused.index} here`);
  const stranger = stream.tables.find(({ liobn }) => tableOf(qemu, BigInt(liobn)) === undefined);
  if (stranger !== undefined) return answer(`there is no TCE table 0x${stranger.liobn.toString(16)}`);
  const loaded = stream.tables[frame.done];
  if (loaded === undefined) return answer('', stream.drcs.reduce(withDrc, qemu));
  return call(
    qemu,
    { ...frame, at: 'loaded', done: frame.done + 1 },
    {
      fn: 'spapr_tce_table_post_load',
      at: 'begin',
      loaded,
      version: stream.version,
      preNb: 0,
      untold: [],
    },
  );
}
