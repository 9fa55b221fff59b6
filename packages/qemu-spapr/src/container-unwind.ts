import { unreachable } from '@spapr-dma/protocol';
import type { ConnectContainerFrame } from './frames-vfio.js';
import { topologyFrame } from './listener-topology.js';
import type { QemuState } from './state.js';
import { call, callOrGo, ret, type Step, vfioCall } from './steps.js';
import {
  containerOf,
  groupOf,
  type VfioState,
  withContainer,
  withGroup,
  withoutContainer,
} from './vfio-state.js';

/**
 * A container cannot be connected: what was begun is undone in QEMU's order, and its descriptor is closed. Where
 * its default window could not be dropped, qemu-7.2 forgets to stop the listener to memory (B-34, the switch
 * preregListenerLeak).
 * @see [QEMU] hw/vfio/common.c: vfio_connect_container
 */
export function unwindContainer(
  qemu: QemuState,
  frame: ConnectContainerFrame,
  error: string,
  sent: Step['sent'] = [],
): Step {
  const container = containerOf(qemu.vfio, frame.fd);
  const next: ConnectContainerFrame = { ...frame, error };
  if (container?.listener) return unlink(qemu, next, sent);
  if (!container?.preregListener) return close(qemu, next, sent);
  if (frame.at === 'removingDefaultWindow' && qemu.config.switches.preregListenerLeak === 'unfixed') {
    const leakedPrereg = [...qemu.vfio.leakedPrereg, frame.fd];
    return close({ ...qemu, vfio: { ...qemu.vfio, leakedPrereg } }, next, sent);
  }
  const silent = qemu.config.switches.unregNotifierOnContainerDestroy === 'false';
  const jobs = (silent ? [] : container.ram).map(
    (section) => ({ tell: 'ram_del', containerFd: frame.fd, section }) as const,
  );
  return callOrGo(qemu, { ...next, at: 'unwindingPrereg' }, topologyFrame(jobs), sent);
}

/** The listener had heard of windows: the group goes first, KVM forgets it, then the listeners go. */
function unlink(qemu: QemuState, frame: ConnectContainerFrame, sent: Step['sent']): Step {
  const known = containerOf(qemu.vfio, frame.fd)?.groups.includes(frame.group) === true;
  const left = { ...qemu, vfio: unlinked(qemu.vfio, frame) };
  const forget = { fn: 'vfio_kvm_device_del_group', at: 'begin', group: frame.group } as const;
  return callOrGo(left, { ...frame, at: 'unwindingKvm' }, known ? forget : null, sent);
}

function unlinked(vfio: VfioState, { fd, group: id }: ConnectContainerFrame): VfioState {
  const container = containerOf(vfio, fd) ?? unreachable('a container that is not is unwound');
  const group = groupOf(vfio, id) ?? unreachable('a group that is not open is unwound');
  const groups = container.groups.filter((other) => other !== id);
  return withGroup(withContainer(vfio, { ...container, groups }), { ...group, containerFd: null });
}

const close = (qemu: QemuState, frame: ConnectContainerFrame, sent: Step['sent'] = []): Step =>
  vfioCall(qemu, { ...frame, at: 'closingContainer' }, { type: 'close', fd: frame.fd }, sent);

/** The next step of the undoing. Returns what went wrong at first. */
export function unwound(qemu: QemuState, frame: ConnectContainerFrame): Step {
  switch (frame.at) {
    case 'unwindingKvm':
      return call(
        qemu,
        { ...frame, at: 'unwindingListeners' },
        { fn: 'vfio_listener_release', at: 'begin', containerFd: frame.fd },
      );
    case 'unwindingPrereg':
    case 'unwindingListeners':
      return close(qemu, frame);
    case 'closingContainer':
      return ret({ ...qemu, vfio: withoutContainer(qemu.vfio, frame.fd) }, frame.error);
    default:
      return unreachable(`vfio_connect_container at ${frame.at}`);
  }
}
