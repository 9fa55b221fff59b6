import type { Rc } from './answers.js';
import type { Mm, MmId } from './objects.js';
import { ran, type Said } from './said.js';
import { mmOf, type VfioHost, withMm } from './state.js';

/** The state after a function, how it ended, and what it said. */
export interface Outcome {
  readonly host: VfioHost;
  readonly rc: Rc;
  readonly said: readonly Said[];
}

/** What is left of a charge. */
function refunded({ config }: VfioHost, mm: Mm, pages: number): Mm {
  const left = mm.lockedPages - pages;
  return { ...mm, lockedPages: config.features.refundStopsAtZero ? Math.max(left, 0) : left };
}
const warned = (mm: Mm, pages: number): readonly Said[] =>
  pages > mm.lockedPages ? [ran('WARN_ON_ONCE', { where: '__account_locked_vm' })] : [];

/**
 * Charges host pages to a process, or gives them back. ENOMEM where a charge would exceed RLIMIT_MEMLOCK, which
 * does not hold for a process with CAP_IPC_LOCK. No page, or nobody to charge: nothing happens. The kernel warns
 * where more is given back than was charged; before linux-5.3 the count then stops at 0 (B-42).
 *
 * Abstraction: since linux-5.3 the count becomes negative, where the kernel's wraps around.
 * @see [Linux] mm/util.c: account_locked_vm, __account_locked_vm
 * @see [Linux] 4.18 drivers/vfio/vfio_iommu_spapr_tce.c: decrement_locked_vm
 */
export function accountLockedVm(host: VfioHost, id: MmId | null, pages: number, inc: boolean): Outcome {
  const called = ran('account_locked_vm');
  const mm = mmOf(host, id);
  if (mm === undefined || pages === 0) return { host, rc: 0, said: [called] };
  const charge = ran('__account_locked_vm', { mm: mm.mm, pages, inc });
  if (!inc)
    return {
      host: withMm(host, refunded(host, mm, pages)),
      rc: 0,
      said: [called, charge, ...warned(mm, pages)],
    };
  const said = [called, charge];
  const lockedPages = mm.lockedPages + pages;
  const limit = mm.memlock === null ? null : mm.memlock >> BigInt(host.config.hostPageShift);
  if (limit !== null && BigInt(lockedPages) > limit && !mm.capIpcLock) {
    return { host, rc: 'ENOMEM', said };
  }
  return { host: withMm(host, { ...mm, lockedPages }), rc: 0, said };
}
