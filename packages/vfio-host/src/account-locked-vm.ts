import type { Rc } from './answers.js';
import type { MmId } from './objects.js';
import { ran, type Said } from './said.js';
import { mmOf, type VfioHost, withMm } from './state.js';

/** The state after a function, how it ended, and what it said. */
export interface Outcome {
  readonly host: VfioHost;
  readonly rc: Rc;
  readonly said: readonly Said[];
}

/**
 * Charges host pages to a process, or gives them back. ENOMEM where a charge would exceed RLIMIT_MEMLOCK, which
 * does not hold for a process with CAP_IPC_LOCK. No page, or nobody to charge: nothing happens.
 * @see [Linux] mm/util.c: account_locked_vm, __account_locked_vm
 */
export function accountLockedVm(host: VfioHost, id: MmId | null, pages: number, inc: boolean): Outcome {
  const called = ran('account_locked_vm');
  const mm = mmOf(host, id);
  if (mm === undefined || pages === 0) return { host, rc: 0, said: [called] };
  const said = [called, ran('__account_locked_vm', { mm: mm.mm, pages, inc })];
  const lockedPages = mm.lockedPages + (inc ? pages : -pages);
  const limit = mm.memlock === null ? null : mm.memlock >> BigInt(host.config.hostPageShift);
  if (inc && limit !== null && BigInt(lockedPages) > limit && !mm.capIpcLock) {
    return { host, rc: 'ENOMEM', said };
  }
  return { host: withMm(host, { ...mm, lockedPages }), rc: 0, said };
}
