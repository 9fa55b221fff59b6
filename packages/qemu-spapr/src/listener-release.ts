import { unreachable } from '@spapr-dma/protocol';
import type { ListenerReleaseFrame } from './frames-vfio.js';
import { topologyFrame } from './listener-topology.js';
import type { QemuState } from './state.js';
import { callOrGo, type Resumption, ret, type Step } from './steps.js';
import { sectionsOf } from './vfio-sections.js';
import { containerOf, type VfioContainer, withContainer } from './vfio-state.js';

const containerOfFrame = ({ vfio }: QemuState, { containerFd }: ListenerReleaseFrame): VfioContainer =>
  containerOf(vfio, containerFd) ?? unreachable('the listeners of no container are released');

/**
 * A container stops to listen: each window goes for it as if the guest had removed it, then each piece of guest
 * memory. Before the switch unregNotifierOnContainerDestroy is mended nothing goes: the kernel cleans up when the
 * container is closed, and the notifiers stay behind (B-05).
 * @see [QEMU] hw/vfio/common.c: vfio_listener_release; softmmu/memory.c: memory_listener_unregister
 */
export function vfioListenerRelease(
  qemu: QemuState,
  frame: ListenerReleaseFrame,
  _resumed: Resumption,
): Step {
  const { containerFd } = frame;
  const container = containerOfFrame(qemu, frame);
  const silent = qemu.config.switches.unregNotifierOnContainerDestroy === 'false';
  switch (frame.at) {
    case 'begin': {
      const sections = container.listener && !silent ? sectionsOf(qemu, container.phb) : [];
      const jobs = sections.map((section) => ({ tell: 'region_del', containerFd, section }) as const);
      return callOrGo(qemu, { ...frame, at: 'windowsGone' }, topologyFrame(jobs));
    }
    case 'windowsGone': {
      const deaf = { ...qemu, vfio: withContainer(qemu.vfio, { ...container, listener: false }) };
      const sections = container.preregListener && !silent ? container.ram : [];
      const jobs = sections.map((section) => ({ tell: 'ram_del', containerFd, section }) as const);
      return callOrGo(deaf, { ...frame, at: 'memoryGone' }, topologyFrame(jobs));
    }
    case 'memoryGone':
      return ret({ ...qemu, vfio: withContainer(qemu.vfio, { ...container, preregListener: false }) });
    default:
      return unreachable(`vfio_listener_release at ${frame.at satisfies never}`);
  }
}
