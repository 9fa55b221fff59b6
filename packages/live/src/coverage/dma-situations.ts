import { type QemuState, translate, windowsOfPhb } from '@spapr-dma/qemu-spapr';
import type { DmaMade, QemuAnswer } from '@spapr-dma/trace';
import { isMoved, overlapOf } from '../generate/window-facts.js';
import type { Tally } from './tally.js';

export const DMA_SITUATIONS = [
  'transfer over several pages',
  'transfer of several fates',
  'transfer where windows overlap',
  'transfer outside of all windows',
  'transfer over the end of a window',
  'transfer by a window that hypercalls find elsewhere',
  'transfer without permission',
  'transfer to memory that is not there',
  'transfer by pages of more than 4 KiB',
  'transfer of one byte',
  'transfer of 4095 bytes',
] as const;
export type DmaSituation = (typeof DMA_SITUATIONS)[number];

type Counted = Tally<DmaSituation>;

/** Counts what a transfer meets. */
export function countDma(tally: Counted, call: DmaMade, before: QemuState, answer: QemuAnswer): void {
  if (answer.kind !== 'dma' || answer.pieces.length === 0) return;
  const windows = windowsOfPhb(before, call.phb);
  const end = call.ioba + BigInt(call.bytes);
  if (call.bytes === 1) tally.count('transfer of one byte');
  if (call.bytes === 4095) tally.count('transfer of 4095 bytes');
  if (new Set(answer.pieces.map(({ outcome }) => outcome)).size > 1) tally.count('transfer of several fates');
  const met = windows.filter(({ region }) => call.ioba < region.start + region.bytes && end > region.start);
  const [window] = met;
  if (window === undefined) {
    tally.count('transfer outside of all windows');
    return;
  }
  if (met.length > 1 && overlapOf(before, window) !== undefined)
    tally.count('transfer where windows overlap');
  if (met.some(({ region }) => end > region.start + region.bytes))
    tally.count('transfer over the end of a window');
  if (met.some(isMoved)) tally.count('transfer by a window that hypercalls find elsewhere');
  const pageShift = BigInt(window.pageShift & 63);
  const pageOf = (address: bigint) => (address - window.region.start) >> pageShift;
  if (pageOf(call.ioba) !== pageOf(end - 1n)) tally.count('transfer over several pages');
  const isReached = answer.pieces.some(({ gpa }) => gpa !== null);
  if (isReached && pageShift > 12n) tally.count('transfer by pages of more than 4 KiB');
  countMissed(tally, call, before, answer);
}

/** Why did pieces get nowhere? The last window that has the address says so. */
function countMissed(
  tally: Counted,
  { op, phb }: DmaMade,
  before: QemuState,
  { pieces }: Extract<QemuAnswer, { kind: 'dma' }>,
): void {
  for (const piece of pieces) {
    if (piece.gpa !== null) continue;
    const table = windowsOfPhb(before, phb).findLast(
      ({ region }) => piece.ioba >= region.start && piece.ioba < region.start + region.bytes,
    );
    if (table === undefined) continue;
    const { perm } = translate(table, piece.ioba - table.region.start);
    if ((perm & (op === 'dma-read' ? 1 : 2)) !== 0) tally.count('transfer to memory that is not there');
    else if (perm !== 0) tally.count('transfer without permission');
  }
}
