import type { Liobn, TceIndex, VfioPciDevice } from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import { memoryChange, windowChange } from './listener-topology.js';
import { type QemuState, type RamBlock, tableOf } from './state.js';
import { eehReenable } from './vfio-eeh.js';
import { notifiersOf } from './vfio-map-notify.js';
import { withPut } from './vfio-state.js';

/*
 * Where the TCE tables, guest memory and the device commands meet VFIO. Each hook answers with the function to
 * call, or null where nobody listens.
 */

/** Has a device been passed through, so that a change of windows, entries or memory may reach VFIO? */
export const usesVfio = ({ vfio }: QemuState): boolean => vfio.containers.length > 0 || vfio.stale.length > 0;

/** Is somebody to be told of every entry that is written? */
export const isHeard = (qemu: QemuState, liobn: Liobn): boolean => notifiersOf(qemu, liobn).length > 0;

/** A window has come: `region_add` of every listener. Returns null, or QEMU's message where `createFailure` lets it. */
export const tableEnabled = (qemu: QemuState, liobn: Liobn): Frame | null =>
  windowChange(qemu, liobn, 'comes');

/** A window is about to go: `region_del` of every listener. The view is still there, and so is KVM's fd. */
export const tableDisabling = (qemu: QemuState, liobn: Liobn): Frame | null =>
  windowChange(qemu, liobn, 'goes');

/** An entry was written: MAP or UNMAP of every notifier. Returns whether all of them could do it. */
export function notifyEntry(qemu: QemuState, liobn: Liobn, index: TceIndex, tce: bigint): Frame | null {
  const notifiers = notifiersOf(qemu, liobn);
  const table = tableOf(qemu, BigInt(liobn));
  if (notifiers.length === 0 || table?.mode !== 'enabled') return null;
  const { pageShift } = table;
  return { fn: 'memory_region_notify_iommu', at: 'begin', notifiers, pageShift, index, tce, ok: true };
}

/** QEMU itself puts an entry into a window: noted where the replay's policy looks at it (B-02). */
export function noteOwnPut(qemu: QemuState, liobn: Liobn, tce: bigint): QemuState {
  if (qemu.config.switches.replayPolicy !== 'anyMappingFlagBlind' || (tce & 3n) === 0n) return qemu;
  return { ...qemu, vfio: withPut(qemu.vfio, liobn, true) };
}

/** A window has gone, and with it the note of what was put into it. */
export const forgetOwnPuts = (qemu: QemuState, liobn: Liobn): QemuState =>
  qemu.vfio.putLiobns.includes(liobn) ? { ...qemu, vfio: withPut(qemu.vfio, liobn, false) } : qemu;

/** Guest memory has come, before KVM knows of it. */
export const ramAdded = (qemu: QemuState, block: RamBlock): Frame | null =>
  memoryChange(qemu, block, 'comes');

/** Guest memory is about to go, after KVM was told. */
export const ramRemoving = (qemu: QemuState, block: RamBlock): Frame | null =>
  memoryChange(qemu, block, 'goes');

/** A device is realized. Returns '' or what went wrong, with everything undone. */
export const connectDevice = (_qemu: QemuState, device: VfioPciDevice): Frame | null => ({
  fn: 'vfio_realize',
  at: 'begin',
  device,
  error: '',
});

/** A device that has left the guest is finalized, by the RCU thread. */
export const disconnectDevice = (_qemu: QemuState, id: string): Frame | null => ({
  fn: 'vfio_instance_finalize',
  at: 'begin',
  id,
});

/** The windows of a PHB have been reset: EEH starts anew. */
export const phbWasReset = (qemu: QemuState, phb: number): Frame | null => eehReenable(qemu, phb);
