import type { IommuNotify, TceIndex } from '@spapr-dma/protocol';
import type { EntryRuns } from './frames-qemu.js';
import type { QemuSent } from './sent.js';
import type { EnabledTable } from './state.js';
import { pageMaskOf, shiftOf } from './tce-index.js';

/** What notifiers hear of one entry: MAP where it has permissions, else UNMAP. */
function notifyOf(table: EnabledTable, index: TceIndex, tce: bigint): IommuNotify {
  const mask = pageMaskOf(table.pageShift);
  const perm = Number(tce & 3n);
  return {
    type: 'iommu-notify',
    from: 'qemu-spapr',
    to: 'environment',
    phb: table.owner.kind === 'phb' ? table.owner.index : -1,
    kind: perm === 0 ? 'UNMAP' : 'MAP',
    iova: BigInt(index) << shiftOf(table.pageShift),
    translated: tce & mask,
    addrMask: BigInt.asUintN(64, ~mask),
    perm,
  };
}

/**
 * Tells the notifiers of a PHB's table what was written. Their answer is ignored, so the guest hears
 * H_SUCCESS whatever became of it (B-24).
 * @see [QEMU] hw/ppc/spapr_iommu.c: put_tce_emu
 */
export function notifiesOf(
  table: EnabledTable,
  first: TceIndex,
  tces: readonly bigint[],
): readonly QemuSent[] {
  if (!table.needVfio) return [];
  return tces.map((tce, at) => notifyOf(table, (first + at) as TceIndex, tce));
}

/**
 * Tells a notifier of every mapped entry of some runs. It never says UNMAP.
 * @see [QEMU] hw/ppc/spapr_iommu.c: spapr_tce_replay
 */
export function replayOf(table: EnabledTable, runs: EntryRuns): readonly QemuSent[] {
  const told: IommuNotify[] = [];
  for (const [first, count, tce] of runs) {
    if ((tce & 3n) === 0n) continue;
    for (let at = 0; at < count; at++) told.push(notifyOf(table, (first + at) as TceIndex, tce));
  }
  return told;
}
