import { bytes, ioba, QUERY_PAGE_SIZES, type TraceEvent } from '@spapr-dma/protocol';
import {
  phbOfIndex,
  type QemuState,
  RCU_THREAD,
  tableOf,
  windowsOfPhb,
  withPhb,
} from '@spapr-dma/qemu-spapr';
import { withProperties } from './assume.js';
import { type Branch, type FreshTable, qemuOf, stepBranch, withQemu } from './branch.js';
import { createCall, createOf, resetOf } from './call-messages.js';
import { withVolatile } from './explain-call.js';
import { postLoadOf } from './explain-migration.js';
import type { Facts } from './facts.js';
import { isPciLiobn, slotOfLiobn } from './liobn.js';
import { sameLine } from './same-line.js';
import { unpluggedSilently } from './silent-steps.js';

/** What a `new_table` line was the beginning of, told from the line after it. */
export interface FreshOutcome {
  readonly branch: Branch;
  /** The next line belongs to the same step, and is explained with it. */
  readonly consumed: boolean;
  /** What made the window, in words. */
  readonly by: string;
}

/** Windows of VIO devices span 256 MiB, whatever device it is. @see [QEMU] rtce_window_size */
const VIO_WINDOW_BYTES = bytes(0x1000_0000n);

const settled = (branch: Branch): Branch => ({ ...branch, fresh: null });

/** The branch after a step whose lines are exactly the fresh table's and the next one. */
function both(
  branch: Branch,
  stepped: ReturnType<typeof stepBranch>,
  next: TraceEvent,
  by: string,
): FreshOutcome[] {
  const [first, second, ...rest] = stepped.logged;
  if (first?.event !== 'spapr_iommu_new_table' || first.liobn !== branch.fresh?.liobn) return [];
  if (second === undefined || !sameLine(second, next) || rest.length > 0) return [];
  return [{ branch: stepped.branch, consumed: true, by }];
}

/** The guest's calls that log a table first and themselves after it. */
function byNextLine(branch: Branch, fresh: FreshTable, next: TraceEvent, facts: Facts): FreshOutcome[] {
  const before = settled(branch);
  switch (next.event) {
    case 'spapr_iommu_ddw_create': {
      if (next.liobn !== fresh.liobn) return [];
      return createdBy(branch, next, facts);
    }
    case 'spapr_iommu_ddw_reset': {
      const stepped = stepBranch(before, resetOf(next));
      return both(branch, stepped, next, 'ibm,reset-pe-dma-window');
    }
    case 'spapr_iommu_post_load': {
      if (next.liobn !== fresh.liobn) return [];
      const loaded = postLoadOf(before, next, facts);
      return loaded === null ? [] : both(branch, loaded, next, 'migration');
    }
    default:
      return [];
  }
}

/** A create: what it needs of the PHB's properties and nobody has told yet is taken from the line. */
function createdBy(
  branch: Branch,
  next: Extract<TraceEvent, { readonly event: 'spapr_iommu_ddw_create' }>,
  facts: Facts,
): FreshOutcome[] {
  const message = createOf(next);
  const { index } = slotOfLiobn(next.liobn);
  const phb = phbOfIndex(qemuOf(branch), index);
  if (message?.type !== 'ibm,create-pe-dma-window' || phb === undefined) return [];
  const known = facts.phbOf(index);
  let before = settled(branch);
  const isFirst = windowsOfPhb(qemuOf(before), index).length === 0;
  const startOpen = known.window.pinned === null && (known.window.start ?? next.start) === next.start;
  if (isFirst && startOpen) {
    before = withProperties(before, index, { dmaWinAddr: ioba(next.start) });
    known.window = { ...known.window, start: next.start };
  }
  if (!isFirst && !known.dma64Known)
    before = withProperties(before, index, { dma64WinAddr: ioba(next.start) });
  const [, , , pageShift = 0] = message.args;
  const pgszBit = 1n << BigInt(pageShift & 63);
  const reportable = (pgszBit & REPORTABLE_PAGE_SIZES) !== 0n;
  if (!known.pgszKnown || !reportable) {
    before = withProperties(before, index, { pgsz: phb.properties.pgsz | pgszBit });
  }
  const by = 'ibm,create-pe-dma-window';
  const explained = both(branch, stepBranch(before, message), next, by);
  if (explained.length > 0) {
    if (!isFirst) known.dma64Known = true;
    return explained;
  }
  // The order in which QEMU looks for a free slot is a hash table's: the line tells which it was.
  const [first, second] = phb.slotOrder;
  const turned = withSlotOrder(before, index, [second, first]);
  return isFirst ? both(branch, stepBranch(turned, message), next, by) : [];
}

const REPORTABLE_PAGE_SIZES = QUERY_PAGE_SIZES.reduce((mask, { shift }) => mask | (1n << BigInt(shift)), 0n);

function withSlotOrder(branch: Branch, index: number, slotOrder: readonly [0 | 1, 0 | 1]): Branch {
  const phb = phbOfIndex(qemuOf(branch), index);
  return phb === undefined ? branch : withQemu(branch, withPhb(qemuOf(branch), { ...phb, slotOrder }));
}

/** A create of 0 entries logs its table and nothing else; the slot is stuck from then on. */
function stuckCreate(branch: Branch, { liobn }: FreshTable): FreshOutcome[] {
  const { index } = slotOfLiobn(liobn);
  const phb = phbOfIndex(qemuOf(branch), index);
  if (phb === undefined) return [];
  const pageShift = [12, 16, 21, 24].find((shift) => (phb.properties.pgsz >> BigInt(shift)) & 1n) ?? 12;
  const { branch: next, logged } = stepBranch(
    settled(branch),
    createCall(phb.buid, 0, pageShift, pageShift + 32),
  );
  const made = logged[0]?.event === 'spapr_iommu_new_table' && logged[0].liobn === liobn;
  return made ? [{ branch: next, consumed: false, by: 'a create of 0 entries' }] : [];
}

/** A PHB that was not there: it comes with the machine, or is plugged. */
function pluggedPhb(branch: Branch, { liobn, table }: FreshTable, facts: Facts): FreshOutcome[] {
  const { index } = slotOfLiobn(liobn);
  // A default window of 0 entries leaves its slot stuck from the beginning.
  const size = table === '(nil)' ? { dmaWinSize: bytes(0n) } : {};
  const device = { driver: 'spapr-pci-host-bridge', ...facts.givenOf(index), ...size } as const;
  const add = { type: 'device_add', from: 'environment', to: 'qemu-spapr', device } as const;
  const isFirst = branch.snapshot.value === 'realized';
  let next = stepBranch(settled(branch), add).branch;
  if (isFirst)
    next = stepBranch(next, { type: 'system_reset', from: 'environment', to: 'qemu-spapr' }).branch;
  if (phbOfIndex(qemuOf(next), index) === undefined) return [];
  const resetting = isFirst ? { awaited: new Set<number>(), sawVio: false } : branch.resetting;
  const by = resetting === null ? 'PHB plug' : 'machine reset';
  facts.phbOf(index);
  return [{ branch: { ...next, resetting }, consumed: false, by }];
}

/** A machine reset: every other PHB's default window must come as well. */
function machineReset(
  branch: Branch,
  { liobn }: FreshTable,
  facts: Facts,
  next: TraceEvent | null,
): FreshOutcome[] {
  const { index } = slotOfLiobn(liobn);
  const followed = next === null || isResetCompany(next);
  // Where VIO lines are traced, they follow the windows at once.
  if (facts.tracesVio && !followed) return [];
  const { branch: after } = stepBranch(settled(branch), {
    type: 'system_reset',
    from: 'environment',
    to: 'qemu-spapr',
  });
  const awaited = qemuOf(after)
    .phbs.map(({ properties }) => properties.index)
    .filter((other) => other !== index);
  const doubts = new Map([...branch.doubts].filter(([key]) => isVolatileVio(qemuOf(after), key)));
  return [
    {
      branch: { ...after, doubts, resetting: { awaited: new Set(awaited), sawVio: false } },
      consumed: false,
      by: 'machine reset',
    },
  ];
}

const isVolatileVio = (qemu: QemuState, liobn: number): boolean =>
  tableOf(qemu, BigInt(liobn))?.owner.kind === 'vio';

/** Lines that a machine reset writes beside its windows. */
const isResetCompany = ({ event }: TraceEvent): boolean =>
  event === 'spapr_iommu_new_table' || event === 'spapr_vio_free_crq' || event === 'spapr_drc_reset';

/** A known PHB without a connector's line: it may have gone and come back unseen. */
function replugged(branch: Branch, fresh: FreshTable, facts: Facts): FreshOutcome[] {
  const { index } = slotOfLiobn(fresh.liobn);
  const phb = phbOfIndex(qemuOf(branch), index);
  if (index === 0 || phb === undefined || (phb.mode === 'present' && facts.tracesDrc)) return [];
  const gone = stepBranch(phb.mode === 'dying' ? branch : unpluggedSilently(branch, index), {
    type: 'step',
    from: 'environment',
    to: 'qemu-spapr',
    thread: RCU_THREAD,
  }).branch;
  return pluggedPhb(gone, fresh, facts);
}

/** A VIO device's table is made when the device is, before the first reset. */
function vioDevice(branch: Branch, { liobn }: FreshTable): FreshOutcome[] {
  if (branch.snapshot.value !== 'realized' || tableOf(qemuOf(branch), liobn) !== undefined) return [];
  const device = { driver: 'spapr-vscsi', reg: Number(liobn), rtceWindowBytes: VIO_WINDOW_BYTES } as const;
  const add = { type: 'device_add', from: 'environment', to: 'qemu-spapr', device } as const;
  return [{ branch: stepBranch(settled(branch), add).branch, consumed: false, by: 'device' }];
}

/** A window of no entries has a table without memory, and no other has. */
const hasItsMemory = ({ branch }: FreshOutcome, { liobn, table }: FreshTable): boolean =>
  (tableOf(qemuOf(branch), liobn)?.mode === 'enabled') === (table === 'allocated');

/**
 * What the pending `new_table` line of a branch was the beginning of.
 * @param next the line after it, or null at the end of the log
 * @returns every explanation; none where there is none
 */
export function explainFresh(branch: Branch, next: TraceEvent | null, facts: Facts): readonly FreshOutcome[] {
  const { fresh } = branch;
  if (fresh === null) return [];
  const outcomes = causesOf(branch, fresh, next, facts).filter((outcome) => hasItsMemory(outcome, fresh));
  if (fresh.fd < 0) return outcomes;
  return outcomes.map((outcome) => ({
    ...outcome,
    branch: withVolatile(outcome.branch, Number(fresh.liobn)),
  }));
}

function causesOf(branch: Branch, fresh: FreshTable, next: TraceEvent | null, facts: Facts): FreshOutcome[] {
  if (!isPciLiobn(fresh.liobn)) return vioDevice(branch, fresh);
  const called = next === null ? [] : byNextLine(branch, fresh, next, facts);
  if (called.length > 0) return called;
  const { index, slot } = slotOfLiobn(fresh.liobn);
  const stuck = fresh.table === '(nil)' ? stuckCreate(branch, fresh) : [];
  if (slot !== 0) return stuck;
  const phb = phbOfIndex(qemuOf(branch), index);
  if (branch.resetting?.awaited.has(index)) return [awaitedWindow(branch, index)];
  if (phb === undefined) return [...stuck, ...pluggedPhb(branch, fresh, facts)];
  if (phb.mode === 'dying') return replugged(branch, fresh, facts);
  return [...stuck, ...machineReset(branch, fresh, facts, next), ...replugged(branch, fresh, facts)];
}

/** One of the windows that a machine reset owes. */
function awaitedWindow(branch: Branch, index: number): FreshOutcome {
  const resetting = branch.resetting ?? { awaited: new Set<number>(), sawVio: false };
  const awaited = new Set([...resetting.awaited].filter((other) => other !== index));
  return {
    branch: { ...settled(branch), resetting: { ...resetting, awaited } },
    consumed: false,
    by: 'machine reset',
  };
}
