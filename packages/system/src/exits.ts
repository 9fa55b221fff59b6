import { type Exit, type ExitKvm, threadId } from '@spapr-dma/protocol';
import type { Offer, SystemState } from './choices.js';
import { isQemuGone, kvmIn, vfioIn } from './properties/host-state.js';

/** The thread that ends a process, as the host sees it. */
const KERNEL = threadId('main');

/**
 * What the host's kernel has still to do of the end of QEMU: its files in KVM go first, then those of VFIO with
 * its memory. Empty while QEMU lives, and when all is done.
 */
export function exitsDue(state: SystemState): readonly Offer[] {
  if (!isQemuGone(state)) return [];
  const [kvm, vfio] = [kvmIn(state), vfioIn(state)];
  const isInKvm =
    kvm !== undefined &&
    (kvm.memslots.length > 0 || kvm.device !== null || kvm.tables.some(({ fd }) => fd !== null));
  if (isInKvm) {
    const message: ExitKvm = { type: 'exit', from: 'environment', to: 'kvm', thread: KERNEL };
    return [{ to: state.routes.kvm!, message }];
  }
  const isInVfio = vfio?.processes.some(({ process }) => process === 'qemu') ?? false;
  if (!isInVfio) return [];
  const message: Exit = {
    type: 'exit',
    from: 'environment',
    to: 'vfio-host',
    thread: KERNEL,
    process: 'qemu',
  };
  return [{ to: state.routes['vfio-host']!, message }];
}
