import type { Liobn, TceIndex, VfioPciDevice } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import type { QemuState, RamBlock } from './state.js';

/*
 * Where the TCE tables, guest memory and the device commands meet VFIO. Each hook answers with the function to
 * call, or null where nobody listens.
 */

/** Has a device been passed through, so that a change of windows, entries or memory may reach VFIO? */
export const usesVfio = ({ vfio }: QemuState): boolean => vfio.containers.length > 0 || vfio.stale.length > 0;

/** Is somebody to be told of every entry that is written? */
export const isHeard = ({ vfio }: QemuState, liobn: Liobn): boolean =>
  vfio.containers.some(({ giommus }) => giommus.some((giommu) => giommu.liobn === liobn)) ||
  vfio.stale.some((giommu) => giommu.liobn === liobn);

/** A window has come: `region_add` of every listener. Returns null, or QEMU's message where `createFailure` lets it. */
export const tableEnabled = (_qemu: QemuState, _liobn: Liobn): Frame | null => null;

/** A window is about to go: `region_del` of every listener. The view is still there, and so is KVM's fd. */
export const tableDisabling = (_qemu: QemuState, _liobn: Liobn): Frame | null => null;

/** An entry was written: MAP or UNMAP of every notifier. Returns whether all of them could do it. */
export const notifyEntry = (_qemu: QemuState, _liobn: Liobn, _index: TceIndex, _tce: bigint): Frame | null =>
  null;

/** Guest memory has come, before KVM knows of it. */
export const ramAdded = (_qemu: QemuState, _block: RamBlock): Frame | null => null;

/** Guest memory is about to go, after KVM was told. */
export const ramRemoving = (_qemu: QemuState, _block: RamBlock): Frame | null => null;

/** A device is realized. Returns '' or what went wrong, with everything undone. Null where there is no VFIO. */
export const connectDevice = (_qemu: QemuState, _device: VfioPciDevice): Frame | null => null;

/** A device that has left the guest is finalized, by the RCU thread. */
export const disconnectDevice = (_qemu: QemuState, _id: string): Frame | null => null;
