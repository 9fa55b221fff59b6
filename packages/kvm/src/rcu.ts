import type { TableFreeFrame } from './frames.js';
import type { KvmState } from './state.js';
import { ask, done, type Resumption, type Step } from './steps.js';

/** Whether the oldest thing that waits to be freed is in nobody's sight any more. */
export const graceIsOver = ({ rcu }: KvmState): boolean =>
  rcu.at === 'pending' && rcu.callbacks[0] !== undefined && rcu.callbacks[0].readers.length === 0;

/** Whether nothing that was unlinked is in anybody's sight any more. */
export const nobodyReads = ({ rcu }: KvmState): boolean =>
  rcu.callbacks.every(({ readers }) => readers.length === 0);

/**
 * RCU lets a hardware table go: here, some 10 ms after it was unlinked, its reference is dropped.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_spapr_tce_iommu_table_free
 */
export const iommuTableFree = (kvm: KvmState, frame: TableFreeFrame, resumed: Resumption): Step =>
  resumed.type === 'begin'
    ? ask(
        kvm,
        'freeing.puttingTable',
        { ...frame, at: 'puttingTable' },
        { type: 'iommu_tce_table_put', table: frame.hw.table },
      )
    : done(kvm);

/** RCU frees the guest view. @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: release_spapr_tce_table */
export const freeTable = (kvm: KvmState, stt: number): KvmState => ({
  ...kvm,
  tables: kvm.tables.filter(({ id }) => id !== stt),
});
