import { unreachable } from '@spapr-dma/protocol';
import type { DisconnectContainerFrame } from './frames-vfio.js';
import type { QemuState } from './state.js';
import { callOrGo, type Resumption, ret, type Step, vfioCall, vfioResult } from './steps.js';
import { errorReport, vfioTraced } from './vfio-sent.js';
import {
  containerOf,
  groupOf,
  type VfioContainer,
  type VfioState,
  withContainer,
  withGroup,
  withoutContainer,
} from './vfio-state.js';

const containerOfFrame = ({ vfio }: QemuState, { containerFd }: DisconnectContainerFrame): VfioContainer =>
  containerOf(vfio, containerFd) ?? unreachable('a group leaves no container');

/**
 * Takes a group out of its container. The last one takes the container with it: its listeners are released while
 * the group is still in it, since that ends the container's IOMMU; then it is closed.
 * @see [QEMU] hw/vfio/common.c: vfio_disconnect_container
 */
export function vfioDisconnectContainer(
  qemu: QemuState,
  frame: DisconnectContainerFrame,
  resumed: Resumption,
): Step {
  const { group: id, containerFd } = frame;
  const container = containerOfFrame(qemu, frame);
  const group = groupOf(qemu.vfio, id) ?? unreachable('a group leaves that is not open');
  switch (frame.at) {
    case 'begin': {
      const groups = container.groups.filter((other) => other !== id);
      const vfio = withGroup(withContainer(qemu.vfio, { ...container, groups }), {
        ...group,
        containerFd: null,
      });
      const release = { fn: 'vfio_listener_release', at: 'begin', containerFd } as const;
      return callOrGo({ ...qemu, vfio }, { ...frame, at: 'released' }, groups.length === 0 ? release : null);
    }
    case 'released':
      return vfioCall(
        qemu,
        { ...frame, at: 'unsettingContainer' },
        { type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: group.fd },
      );
    case 'unsettingContainer': {
      const why = `vfio: error disconnecting group ${id} from container`;
      const told = vfioResult(resumed).ok ? [] : [errorReport(why)];
      if (container.groups.length > 0) return ret(qemu, null, told);
      return vfioCall(
        { ...qemu, vfio: abandoned(qemu.vfio, container) },
        { ...frame, at: 'closingContainer' },
        { type: 'close', fd: containerFd },
        [...told, vfioTraced({ event: 'vfio_disconnect_container', fd: containerFd })],
      );
    }
    case 'closingContainer':
      return ret({ ...qemu, vfio: withoutContainer(qemu.vfio, containerFd) });
    default:
      return unreachable(`vfio_disconnect_container at ${frame.at satisfies never}`);
  }
}

/** Notifiers that nobody has unregistered stay with their windows, and with the descriptor of the container (B-05). */
function abandoned(vfio: VfioState, container: VfioContainer): VfioState {
  const left = [...container.giommus].reverse().map((giommu) => ({ ...giommu, containerFd: container.fd }));
  return { ...withContainer(vfio, { ...container, giommus: [] }), stale: [...vfio.stale, ...left] };
}
