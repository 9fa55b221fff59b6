import { bytes, ioba, unreachable } from '@spapr-dma/protocol';
import type { RegionDelFrame } from './frames-vfio.js';
import type { QemuState } from './state.js';
import { abort, callOrGo, type Resumption, ret, type Step, vfioCall, vfioResult } from './steps.js';
import { hex, plainHex, strerror } from './vfio-errors.js';
import { flagsChanged } from './vfio-need.js';
import { removed, removeRequest } from './vfio-region-add.js';
import { isWindow, lastOf } from './vfio-sections.js';
import { errorReport, vfioTraced } from './vfio-sent.js';
import { containerOf, type VfioContainer, type WindowSection, withContainer } from './vfio-state.js';

const containerOfFrame = ({ vfio }: QemuState, { containerFd }: RegionDelFrame): VfioContainer =>
  containerOf(vfio, containerFd) ?? unreachable('a listener of no container');

const hostwinOf = ({ hostwins }: VfioContainer, section: WindowSection) =>
  hostwins.find(({ min, max }) => min === section.start && max === lastOf(section));

/**
 * A container hears that a window of the guest goes: it stops to listen, unmaps the whole window in one go, and a
 * v2 container removes the hardware window. That the unmapping or the removal failed is only told; a host window
 * that is not there ends QEMU, also where its making had failed (B-60, the switch hotplugUnwind).
 * @see [QEMU] hw/vfio/common.c: vfio_listener_region_del
 */
export function vfioListenerRegionDel(qemu: QemuState, frame: RegionDelFrame, resumed: Resumption): Step {
  const { section, containerFd } = frame;
  const range = { start: section.start, end: lastOf(section) };
  if (!isWindow(section)) {
    return ret(qemu, null, [vfioTraced({ event: 'vfio_listener_region_del_skip', ...range })]);
  }
  const container = containerOfFrame(qemu, frame);
  switch (frame.at) {
    case 'begin': {
      if (skipsMissing(qemu, container, section)) return ret(qemu);
      const giommus = container.giommus.filter(
        ({ liobn, first }) => liobn !== section.of.liobn || first !== section.of.first,
      );
      const left = { ...qemu, vfio: withContainer(qemu.vfio, { ...container, giommus }) };
      const change =
        giommus.length < container.giommus.length ? flagsChanged(left, section.of.liobn, false) : null;
      return callOrGo(left, { ...frame, at: 'unregisteredNotifier' }, change);
    }
    case 'unregisteredNotifier':
      return vfioCall(
        qemu,
        { ...frame, at: 'unmappingWindow' },
        {
          type: 'VFIO_IOMMU_UNMAP_DMA',
          containerFd,
          argsz: null,
          readable: true,
          flags: 0,
          iova: ioba(section.start),
          size: bytes(section.bytes),
        },
        [vfioTraced({ event: 'vfio_listener_region_del', ...range })],
      );
    case 'unmappingWindow': {
      const result = vfioResult(resumed);
      const told = result.ok ? [] : [errorReport(`VFIO_UNMAP_DMA failed: ${strerror(result.errno)}`)];
      if (container.iommuType === 'v1') return ret(qemu, null, told);
      return vfioCall(
        qemu,
        { ...frame, at: 'removingWindow' },
        removeRequest(containerFd, section.start),
        told,
      );
    }
    case 'removingWindow': {
      const told = removed(resumed, section.start);
      const gone = hostwinOf(container, section);
      if (gone === undefined) {
        const what = `vfio_listener_region_del: Cannot delete missing window at ${plainHex(section.start)}`;
        return abort(qemu, `hardware error: ${what}`, told);
      }
      const hostwins = container.hostwins.filter((window) => window !== gone);
      return ret({ ...qemu, vfio: withContainer(qemu.vfio, { ...container, hostwins }) }, null, told);
    }
    default:
      return unreachable(`vfio_listener_region_del at ${frame.at satisfies never} ${hex(section.start)}`);
  }
}

/**
 * A window that was never made is not taken away: in the undoing of a device with the switch hotplugUnwind mended, in
 * the undoing of a create with createFailure.
 */
const skipsMissing = ({ config }: QemuState, container: VfioContainer, section: WindowSection): boolean =>
  (container.initialized
    ? config.switches.createFailure === 'rtasError'
    : config.switches.hotplugUnwind === 'fixed') &&
  container.iommuType === 'v2' &&
  hostwinOf(container, section) === undefined;
