import { type TceIndex, tceIndex } from '@spapr-dma/protocol';
import { type EnabledTable, type SpaprTceTable, tableOf } from '@spapr-dma/qemu-spapr';
import { tceAt } from '@spapr-dma/tce-table';
import { type Branch, qemuOf } from './branch.js';
import { seenPage } from './doubts.js';
import { withLearned } from './explain-call.js';

/** One lookup as the log shows it, numbers only: most of a log is made of these. */
export interface XlateLine {
  liobn: number;
  /** Relative to the start of the window, in two halves. */
  addressHigh: number;
  addressLow: number;
  translatedHigh: number;
  translatedLow: number;
  perm: number;
  mask: number;
}

/** The entry that translates an offset, without bigints; -1 outside the table. */
function indexOf(table: EnabledTable, { addressHigh, addressLow }: XlateLine): TceIndex | -1 {
  const shift = table.pageShift & 63;
  const index =
    shift < 32
      ? addressHigh * 2 ** (32 - shift) + (shift === 0 ? addressLow : addressLow >>> shift)
      : addressHigh >>> (shift - 32);
  return index < table.nbTable ? tceIndex(index) : -1;
}

/** Mask of the page's address, by half, for a shift from 0 to 63. */
const keepHighOf = (shift: number): number =>
  shift < 32 ? 0xffff_ffff : (0xffff_ffff << (shift - 32)) >>> 0;
const keepLowOf = (shift: number): number => (shift < 32 ? (0xffff_ffff << shift) >>> 0 : 0);

/**
 * The branch after a lookup, or null where its table holds something else. A lookup changes nothing but
 * what is known.
 */
export function explainXlate(branch: Branch, line: XlateLine): Branch | null {
  const table = findTable(qemuOf(branch).tables, line.liobn);
  if (table?.mode !== 'enabled') return explainsFresh(branch, line) ? branch : null;
  const shift = table.pageShift & 63;
  const keepLow = keepLowOf(shift);
  const index = indexOf(table, line);
  if (index === -1) return isOutside(line) ? branch : null;
  if (~keepLow >>> 0 !== line.mask) return null;
  const keepHigh = keepHighOf(shift);
  const doubts = branch.doubts.get(table.liobn);
  const inPage = (line.translatedLow & ~keepLow) !== 0 || (line.translatedHigh & ~keepHigh) !== 0;
  if (inPage) return null;
  const low = (line.translatedLow | line.perm) >>> 0;
  const look = seenPage(table, doubts, index, line.translatedHigh, low, keepHigh, keepLow);
  if (look === null) return null;
  return doubts === undefined ? branch : withLearned(branch, table, index, look);
}

function findTable(tables: readonly SpaprTceTable[], liobn: number): SpaprTceTable | undefined {
  for (const table of tables) if (table.liobn === liobn) return table;
  return undefined;
}

/** What a lookup outside a table shows: nothing, with a mask over everything. */
const isOutside = ({ translatedHigh, translatedLow, perm, mask }: XlateLine): boolean =>
  translatedHigh === 0 && translatedLow === 0 && perm === 0 && mask === 0xffff_ffff;

/** A window that has just been made answers before its line is out; it is empty. */
const explainsFresh = (
  { fresh }: Branch,
  { liobn, perm, translatedHigh, translatedLow }: XlateLine,
): boolean => fresh?.liobn === BigInt(liobn) && perm === 0 && translatedHigh === 0 && translatedLow === 0;

/** What the branch would have shown, in words. */
export function expectedXlate(branch: Branch, line: XlateLine): string {
  const table = tableOf(qemuOf(branch), BigInt(line.liobn));
  if (table?.mode !== 'enabled') return `no lookup: LIOBN 0x${line.liobn.toString(16)} has no window`;
  const index = indexOf(table, line);
  const shift = table.pageShift & 63;
  if (index === -1) return `no lookup: the window has 0x${table.nbTable.toString(16)} entries`;
  const mask = ~keepLowOf(shift) >>> 0;
  return `entry 0x${index.toString(16)} ${entryText(table, index)}, mask=0x${mask.toString(16)}`;
}

function entryText(table: EnabledTable, index: TceIndex): string {
  const value = tceAt(table.view, index);
  return value === 0n ? 'is empty' : `is 0x${value.toString(16)}`;
}
