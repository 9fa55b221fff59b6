import type { TraceEvent } from '@spapr-dma/protocol';
import {
  phbOfBuid,
  phbOfIndex,
  type SpaprTceTable,
  tableOf,
  windowsOfPhb,
  withTable,
} from '@spapr-dma/qemu-spapr';
import { mappedCount } from '@spapr-dma/tce-table';
import { pgszOfQuery, withProperties } from './assume.js';
import { type Branch, qemuOf, stepBranch, withQemu } from './branch.js';
import { queryOf, quiesceCall, removeOf } from './call-messages.js';
import { type CallLine, explainCall, isCallLine } from './explain-call.js';
import { explainFresh } from './explain-fresh.js';
import { explainPreSave, postLoadOf } from './explain-migration.js';
import type { Facts } from './facts.js';
import { sameLine } from './same-line.js';
import { unpluggedSilently } from './silent-steps.js';

type Line<Event extends TraceEvent['event']> = Extract<TraceEvent, { readonly event: Event }>;

/** A line with what stands around it. */
export interface LogLine {
  readonly event: TraceEvent;
  readonly line: number;
  readonly thread: number;
}

/** One way to explain a line, and in words what made or took windows in it. */
export interface Explained {
  readonly branch: Branch;
  readonly by: string | null;
  /** The machine as the line met it, where steps that only this line shows came first. */
  readonly met?: Branch;
}

const one = (branch: Branch | null, by: string | null = null): readonly Explained[] =>
  branch === null ? [] : [{ branch, by }];

/** Every way in which a branch explains a line; none where it cannot. */
export function explainLine(branch: Branch, at: LogLine, facts: Facts): readonly Explained[] {
  if (branch.fresh === null) return explainSettled(branch, at, facts);
  return explainFresh(branch, at.event, facts).flatMap(({ branch: next, consumed, by }) => {
    if (consumed) return one(next, by);
    return explainSettled(next, at, facts).map((explained) => ({
      ...explained,
      by: explained.by ?? by,
      met: next,
    }));
  });
}

function explainSettled(before: Branch, at: LogLine, facts: Facts): readonly Explained[] {
  const { event } = at;
  const branch = withoutEndedRun(before, at);
  if (isCallLine(event)) return explainGuestCall(branch, event, facts);
  if (event.event.startsWith('spapr_drc_')) return one(explainDrc(branch, event, facts));
  if (event.event === 'spapr_vio_free_crq') return explainFreeCrq(branch, event, at.thread, facts);
  if (event.event === 'spapr_vio_h_reg_crq') return one(branch);
  if (branch.owed.length > 0) return one(paid(branch, event), 'the last window removed');
  if (event.event === 'spapr_iommu_new_table') {
    const { line, thread } = at;
    const { liobn, table, fd } = event;
    return one({ ...branch, fresh: { liobn, table, fd, line, thread } });
  }
  const running = afterReset(branch, facts);
  return running === null ? [] : explainWindowCall(running, event, facts);
}

/** Calls of the guest, which come only when a reset has written all its lines. */
function explainGuestCall(branch: Branch, event: CallLine, facts: Facts): readonly Explained[] {
  if (branch.owed.length > 0) return [];
  const running = afterReset(branch, facts);
  return running === null ? [] : one(explainCall(running, event));
}

/** The branch after the last line of a machine reset, or null where one is missing. */
function afterReset(branch: Branch, facts: Facts): Branch | null {
  if (branch.resetting === null) return branch;
  if (branch.resetting.awaited.size > 0) return null;
  if (branch.resetting.sawVio) facts.tracesVio = true;
  else if (facts.tracesVio) return null;
  return { ...branch, resetting: null };
}

/** One of the lines that a step owed has come. */
function paid(branch: Branch, event: TraceEvent): Branch | null {
  const [next, ...rest] = branch.owed;
  return next !== undefined && sameLine(next, event) ? { ...branch, owed: rest } : null;
}

function explainWindowCall(branch: Branch, event: TraceEvent, facts: Facts): readonly Explained[] {
  switch (event.event) {
    case 'spapr_iommu_ddw_query':
      return one(explainQuery(branch, event, facts));
    case 'spapr_iommu_ddw_remove':
      return explainRemove(branch, event);
    case 'spapr_iommu_pre_save':
      return one(explainPreSave(branch, event, facts));
    case 'spapr_iommu_post_load':
      return one(explainPostLoad(branch, event, facts), 'migration');
    default:
      // A create or a reset logs its table first, and is explained together with it.
      return [];
  }
}

function explainQuery(branch: Branch, event: Line<'spapr_iommu_ddw_query'>, facts: Facts): Branch | null {
  const phb = phbOfBuid(qemuOf(branch), event.buid);
  if (phb === undefined) return null;
  const { index } = phb.properties;
  const known = facts.phbOf(index);
  const asked = (from: Branch): Branch | null => {
    const { branch: next, logged } = stepBranch(from, queryOf(event));
    return logged[0] !== undefined && sameLine(logged[0], event) ? next : null;
  };
  const answered =
    asked(branch) ??
    (known.pgszKnown ? null : asked(withProperties(branch, index, { pgsz: pgszOfQuery(event.mask) })));
  if (answered !== null) known.pgszKnown = true;
  return answered;
}

/**
 * A removal. Whether the default window comes back when the last window goes depends on QEMU's version, and
 * after a migration on a flag that the log does not show: both ways are followed until a line tells.
 */
function explainRemove(branch: Branch, event: Line<'spapr_iommu_ddw_remove'>): readonly Explained[] {
  const by = 'ibm,remove-pe-dma-window';
  const removed = (from: Branch): readonly Explained[] => {
    const { branch: next, logged } = stepBranch(from, removeOf(event));
    const [first, ...rest] = logged;
    return first !== undefined && sameLine(first, event) ? one({ ...next, owed: rest }, by) : [];
  };
  const usual = removed(branch);
  const table = tableOf(qemuOf(branch), event.liobn);
  const isLast = table?.owner.kind === 'phb' && windowsOfPhb(qemuOf(branch), table.owner.index).length === 1;
  if (table === undefined || !isLast) return usual;
  const others: Explained[] = [];
  if (branch.guesses.restoresDefaultWindow) others.push(...removed(withoutRestoring(branch)));
  if (branch.guesses.defWin.has(table.liobn))
    others.push(...removed(withDefWin(branch, table, !table.defWin)));
  return [...usual, ...others];
}

const withoutRestoring = (branch: Branch): Branch => {
  const qemu = qemuOf(branch);
  const features = { ...qemu.config.features, restoresDefaultWindow: false };
  return {
    ...withQemu(branch, { ...qemu, config: { ...qemu.config, features } }),
    guesses: { ...branch.guesses, restoresDefaultWindow: false },
  };
};

const withDefWin = (branch: Branch, table: SpaprTceTable, defWin: boolean): Branch =>
  withQemu(branch, withTable(qemuOf(branch), { ...table, defWin }));

function explainPostLoad(branch: Branch, event: Line<'spapr_iommu_post_load'>, facts: Facts): Branch | null {
  const loaded = postLoadOf(branch, event, facts);
  const [first, ...rest] = loaded?.logged ?? [];
  return loaded !== null && first !== undefined && sameLine(first, event) && rest.length === 0
    ? loaded.branch
    : null;
}

/** A thread that does something else has ended its run of freed VIO devices. */
function withoutEndedRun(branch: Branch, { event, thread }: LogLine): Branch {
  if (branch.vioRun === null || branch.vioRun.thread !== thread || event.event === 'spapr_vio_free_crq')
    return branch;
  return { ...branch, vioRun: null };
}

const hasVioEntries = (branch: Branch): boolean =>
  qemuOf(branch).tables.some(
    (table) =>
      table.owner.kind === 'vio' &&
      table.mode === 'enabled' &&
      (mappedCount(table.view) > 0 || branch.doubts.has(table.liobn)),
  );

/**
 * A VIO device's queue is freed: by a machine reset, by `quiesce`, which frees all of them and zeroes their
 * tables, or by the guest for this one alone, which keeps the table.
 */
function explainFreeCrq(
  branch: Branch,
  { unit }: Line<'spapr_vio_free_crq'>,
  thread: number,
  facts: Facts,
): readonly Explained[] {
  facts.vioUnits.add(Number(unit));
  if (branch.resetting !== null) return one({ ...branch, resetting: { ...branch.resetting, sawVio: true } });
  const before = branch.vioRun?.thread === thread ? branch.vioRun.units : new Set<number>();
  const units = new Set(before).add(Number(unit));
  const all = [...facts.vioUnits].every((known) => units.has(known));
  if (!all) return one({ ...branch, vioRun: { thread, units } });
  const kept: Branch = { ...branch, vioRun: null };
  if (!hasVioEntries(branch)) return one(kept, 'quiesce');
  return [
    { branch: quiesced(kept), by: 'quiesce' },
    { branch: kept, by: null },
  ];
}

function quiesced(branch: Branch): Branch {
  const { branch: next } = stepBranch(branch, quiesceCall);
  const isVio = (liobn: number): boolean => tableOf(qemuOf(next), BigInt(liobn))?.owner.kind === 'vio';
  return { ...next, doubts: new Map([...branch.doubts].filter(([liobn]) => !isVio(liobn))) };
}

const DRC_PHB_TYPE = 0x2;
const DRC_PCI_TYPE = 0x4;

/** A connector's line: only those that take a PHB away change windows. */
function explainDrc(branch: Branch, event: TraceEvent, facts: Facts): Branch {
  facts.tracesDrc = true;
  if (!('index' in event)) return branch;
  const type = event.index >>> 28;
  const phbLeft =
    (type === DRC_PHB_TYPE && event.event === 'spapr_drc_set_allocation_state_finalizing') ||
    (type === DRC_PCI_TYPE && event.event === 'spapr_drc_unrealize');
  if (!phbLeft) return branch;
  const index = type === DRC_PHB_TYPE ? event.index & 0xffff : (event.index >>> 16) & 0xfff;
  return phbOfIndex(qemuOf(branch), index)?.mode === 'present' ? unpluggedSilently(branch, index) : branch;
}
