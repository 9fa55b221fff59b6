import { type TceIndex, type TraceEvent, tceCount, tceIndex } from '@spapr-dma/protocol';
import {
  type EnabledTable,
  pageMaskOf,
  type QemuState,
  tableOf,
  tceIndexAt,
  withTable,
} from '@spapr-dma/qemu-spapr';
import { withTceHalves } from '@spapr-dma/tce-table';
import { type Branch, qemuOf, readLogged, stepBranch, withQemu } from './branch.js';
import { getOf, indirectOf, possiblyStuffed, putOf, stuffOf } from './call-messages.js';
import {
  type Doubts,
  KNOWN,
  noDoubts,
  seenValue,
  UNKNOWN,
  withKind,
  withKinds,
  withPossibleStuff,
} from './doubts.js';
import { sameLine } from './same-line.js';

type Line<Event extends TraceEvent['event']> = Extract<TraceEvent, { readonly event: Event }>;
export type CallLine = Line<
  'spapr_iommu_put' | 'spapr_iommu_get' | 'spapr_iommu_stuff' | 'spapr_iommu_indirect'
>;

export const isCallLine = (line: TraceEvent): line is CallLine =>
  line.event === 'spapr_iommu_put' ||
  line.event === 'spapr_iommu_stuff' ||
  line.event === 'spapr_iommu_indirect' ||
  line.event === 'spapr_iommu_get';

const H_PARAMETER = -4;

const enabledIn = (qemu: QemuState, liobn: bigint): EnabledTable | undefined => {
  const table = tableOf(qemu, liobn);
  return table?.mode === 'enabled' ? table : undefined;
};

/** The branch with new doubts about one table. */
export const withDoubts = (branch: Branch, liobn: number, doubts: Doubts): Branch => ({
  ...branch,
  doubts: new Map(branch.doubts).set(liobn, doubts),
});

/** The branch with one entry holding what the log has shown of it. */
export function withLearned(
  branch: Branch,
  table: EnabledTable,
  index: TceIndex,
  look: { readonly high: number; readonly low: number; readonly kind: number },
): Branch {
  const view = withTceHalves(table.view, index, look.high, look.low);
  const learned =
    view === table.view ? branch : withQemu(branch, withTable(qemuOf(branch), { ...table, view }));
  const doubts = branch.doubts.get(table.liobn);
  if (doubts === undefined || doubts.volatile) return learned;
  const surer = withKind(doubts, index, look.kind);
  return surer === doubts ? learned : withDoubts(learned, table.liobn, surer);
}

/**
 * A slot whose create failed keeps that create's page size, which no line tells: its calls fail, and the
 * address in the line is rounded to a page of unknown size.
 */
const failsOnStuck = (qemu: QemuState, line: CallLine): boolean =>
  tableOf(qemu, line.liobn)?.mode === 'stuck' &&
  line.ret === H_PARAMETER &&
  (line.event !== 'spapr_iommu_stuff' || line.npages === 0n);

/** The branch after one hypercall, or null where its machine would have answered otherwise. */
export function explainCall(branch: Branch, line: CallLine): Branch | null {
  if (failsOnStuck(qemuOf(branch), line)) return branch;
  switch (line.event) {
    case 'spapr_iommu_put':
      return explainPut(branch, line);
    case 'spapr_iommu_stuff':
      return explainStuff(branch, line);
    case 'spapr_iommu_indirect':
      return explainIndirect(branch, line);
    case 'spapr_iommu_get':
      return explainGet(branch, line);
  }
}

function explainPut(branch: Branch, line: Line<'spapr_iommu_put'>): Branch | null {
  const { branch: next, logged } = stepBranch(branch, putOf(line));
  const [first] = logged;
  if (first === undefined || !sameLine(first, line)) return null;
  if (line.ret !== 0 || branch.doubts.size === 0) return next;
  return surely(next, line.liobn, line.ioba, 1);
}

/** The branch without doubts about entries that have just been written. */
function surely(branch: Branch, liobn: bigint, ioba: bigint, count: number): Branch {
  const doubts = branch.doubts.get(Number(liobn));
  const table = enabledIn(qemuOf(branch), liobn);
  if (doubts === undefined || table === undefined) return branch;
  const first = tceIndexAt(table, ioba & pageMaskOf(table.pageShift));
  if (first === undefined) return branch;
  const surer = withKinds(doubts, first, Math.min(count, table.nbTable - first), KNOWN);
  return surer === doubts ? branch : withDoubts(branch, table.liobn, surer);
}

function explainStuff(branch: Branch, line: Line<'spapr_iommu_stuff'>): Branch | null {
  const message = stuffOf(qemuOf(branch), line);
  const { branch: next, logged } = stepBranch(branch, message);
  const [first] = logged;
  if (first === undefined || !sameLine(first, line)) return null;
  if (line.ret === 0) {
    if (branch.doubts.size === 0 || message.type !== 'H_STUFF_TCE') return next;
    return surely(next, line.liobn, message.ioba, Number(line.npages));
  }
  const table = enabledIn(qemuOf(next), line.liobn);
  const count = table === undefined ? 0 : possiblyStuffed(table, line);
  if (table === undefined || count === 0) return next;
  const doubts = branch.doubts.get(table.liobn) ?? noDoubts(table.nbTable);
  const tail = tceIndex(table.nbTable - count);
  return withDoubts(next, table.liobn, withPossibleStuff(doubts, table, tail, count, line.tcevalue));
}

function explainIndirect(branch: Branch, line: Line<'spapr_iommu_indirect'>): Branch | null {
  const guess = indirectOf(qemuOf(branch), line);
  const { branch: next, logged } = stepBranch(branch, guess.message);
  const [first] = logged;
  if (first === undefined || !sameLine(first, line)) return null;
  const table = enabledIn(qemuOf(next), line.liobn);
  const at = table === undefined ? undefined : tceIndexAt(table, line.ioba & pageMaskOf(table.pageShift));
  if (table === undefined || at === undefined) return next;
  const known = branch.doubts.get(table.liobn);
  const unknown = guess.firstIsOpen ? 1 : guess.written - (guess.lastIsKnown ? 1 : 0);
  if (known === undefined && unknown <= 0) return next;
  let doubts = known ?? noDoubts(table.nbTable);
  if (unknown > 0) doubts = withKinds(doubts, at, Math.min(unknown, table.nbTable - at), UNKNOWN);
  if (guess.lastIsKnown) doubts = withKind(doubts, tceIndex((at + guess.written - 1) % table.nbTable), KNOWN);
  return withDoubts(next, table.liobn, doubts);
}

/** Bits of a TCE between its permissions and its page's address. */
function lowBitsOf(table: EnabledTable): { readonly high: number; readonly low: number } {
  const below = BigInt.asUintN(64, ~pageMaskOf(table.pageShift)) & ~3n;
  return { high: Number(below >> 32n), low: Number(below & 0xffff_ffffn) };
}

function explainGet(branch: Branch, line: Line<'spapr_iommu_get'>): Branch | null {
  const first = readLogged(branch, getOf(line));
  if (first?.event !== 'spapr_iommu_get') return null;
  if (first.ret !== line.ret || first.ioba !== line.ioba) return null;
  const table = enabledIn(qemuOf(branch), line.liobn);
  const index = table === undefined ? undefined : tceIndexAt(table, line.ioba);
  if (line.ret !== 0 || table === undefined || index === undefined)
    return first.tce === line.tce ? branch : null;
  if (first.tce === line.tce && branch.doubts.size === 0) return branch;
  const [high, low] = [Number(line.tce >> 32n), Number(line.tce & 0xffff_ffffn)];
  const look = seenValue(table, branch.doubts.get(table.liobn), index, high, low, lowBitsOf(table));
  return look === null ? null : withLearned(branch, table, index, look);
}

/** A table whose every entry KVM may change: nothing about its content can be said. */
export function withVolatile(branch: Branch, liobn: number): Branch {
  const table = enabledIn(qemuOf(branch), BigInt(liobn));
  if (table === undefined) return branch;
  const entries = tceCount(table.nbTable);
  return withDoubts(branch, liobn, { ...noDoubts(entries), volatile: true });
}
