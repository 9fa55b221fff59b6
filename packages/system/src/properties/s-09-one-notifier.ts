import type { QemuState } from '@spapr-dma/qemu-spapr';
import { guestsQemu, hex, type Property } from './property.js';

function stale({ vfio }: QemuState): string | null {
  const [left] = vfio.stale;
  return left === undefined
    ? null
    : `A notifier of the container that had fd ${left.containerFd} listens to LIOBN ${hex(left.liobn)} still, and the container is gone.`;
}

function twice({ vfio }: QemuState): string | null {
  for (const { fd, giommus } of vfio.containers) {
    const liobns = giommus.map(({ liobn }) => liobn);
    const double = liobns.find((liobn, at) => liobns.indexOf(liobn) !== at);
    if (double !== undefined) return `The container with fd ${fd} listens to LIOBN ${hex(double)} twice.`;
  }
  return null;
}

export const oneNotifier: Property<null> = {
  name: 'S-9',
  title: 'A container listens to a window once, and a container that is gone listens to none.',
  sometimes: 'a container stops to listen',
  reads: ['qemu-spapr'],
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [qemu, earlier] = [guestsQemu(state), guestsQemu(before)];
    if (qemu === undefined || earlier === undefined || qemu.vfio === earlier.vfio) {
      return { memory, violation: null, reached: false };
    }
    const heard = ({ vfio }: QemuState): number =>
      vfio.containers.reduce((sum, { giommus }) => sum + giommus.length, 0);
    return { memory, violation: stale(qemu) ?? twice(qemu), reached: heard(qemu) < heard(earlier) };
  },
};
