import type { Liobn } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import { setNeedVfio } from './set-need-vfio.js';
import { phbOfIndex, type QemuState, tableOf } from './state.js';

/** Does anybody listen to a window: a container, one that is gone, or a device with a cache of its own? */
export function isListenedTo(qemu: QemuState, liobn: Liobn): boolean {
  const { containers, stale } = qemu.vfio;
  const table = tableOf(qemu, BigInt(liobn));
  const others = table?.owner.kind === 'phb' ? (phbOfIndex(qemu, table.owner.index)?.notifiers ?? 0) : 0;
  return (
    others > 0 || [...stale, ...containers.flatMap(({ giommus }) => giommus)].some((it) => it.liobn === liobn)
  );
}

/**
 * What a table does when its first notifier comes or its last one has gone: `qemu` is the state without the notifier
 * in question. Null where others listen too.
 * @see [QEMU] softmmu/memory.c: memory_region_update_iommu_notify_flags
 */
export const flagsChanged = (qemu: QemuState, liobn: Liobn, need: boolean): Frame | null =>
  isListenedTo(qemu, liobn) ? null : setNeedVfio(liobn, need);

/** A listener for which the view has to be in QEMU: KVM cannot drive its hardware, or is not to have the view yet. */
export const neededInQemu = (liobn: Liobn): Frame => setNeedVfio(liobn, true, 'toQemu');
