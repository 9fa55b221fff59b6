import { type EnabledTable, pageMaskOf } from '@spapr-dma/qemu-spapr';
import { defaultTableOf } from './assume.js';
import { type Branch, qemuOf } from './branch.js';
import type { Reach } from './default-window.js';
import type { CallLine } from './explain-call.js';
import { isPciLiobn, slotOfLiobn } from './liobn.js';

const PAGE = 0x1000n;
const NOTHING: readonly Reach[] = [];

const inside = (low: bigint, high: bigint): Reach => ({ reached: { low, high }, refused: null });
const outside = (page: bigint): Reach => ({ reached: null, refused: page });

/** The default window that a call addresses, or undefined where it is another table's. */
export function defaultWindowOf(branch: Branch, { liobn }: CallLine): EnabledTable | undefined {
  if (!isPciLiobn(liobn)) return undefined;
  const { index, slot } = slotOfLiobn(liobn);
  return slot === 0 ? defaultTableOf(qemuOf(branch), index) : undefined;
}

/**
 * What a call on a default window says of where it lies; two possibilities where the line leaves it open.
 */
export function reachOf(call: CallLine): readonly Reach[] {
  const page = call.ioba & pageMaskOf(12);
  const ok = call.ret === 0;
  switch (call.event) {
    case 'spapr_iommu_put':
    case 'spapr_iommu_get':
      return [ok ? inside(page, page + PAGE) : outside(page)];
    case 'spapr_iommu_stuff':
      if (ok) return [inside(call.ioba - call.npages * PAGE, call.ioba)];
      return call.npages > 0n ? [outside(page)] : NOTHING;
    case 'spapr_iommu_indirect': {
      const end = page + BigInt(call.iobaN + 1) * PAGE;
      if (ok) return [inside(page, end)];
      if (call.iobaN > 0) return [{ reached: { low: page, high: end }, refused: end }];
      // Nothing was written, or the first entry was; or no page was asked for, where the TCE reads 0.
      if (call.tceN === 0n) return NOTHING;
      return [outside(page), { reached: { low: page, high: end }, refused: end }];
    }
  }
}
