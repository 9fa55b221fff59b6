import { errnoNumber, unreachable } from '@spapr-dma/protocol';
import type { PreregFrame } from './frames-vfio.js';
import type { QemuState } from './state.js';
import { abort, type Resumption, ret, type Step, vfioCall, vfioResult } from './steps.js';
import { strerror } from './vfio-errors.js';
import { errorReport, vfioTraced } from './vfio-sent.js';
import { containerOf, type RamSection, withContainer } from './vfio-state.js';

/** Sections are registered in whole pages of the host. */
const isAligned = ({ config }: QemuState, { ua, bytes }: RamSection): boolean =>
  ((ua | bytes) & ((1n << BigInt(config.hostPageShift)) - 1n)) === 0n;

/**
 * A v2 container hears of guest memory: REGISTER pins and accounts it. A failure is stored in a container that is
 * being connected, where it is always told as the same error; later it ends QEMU. UNREGISTER's result is only
 * traced (B-22). A container that is freed with its listener still registered hears of memory too, by a descriptor
 * that is closed or another file's (B-34).
 * @see [QEMU] hw/vfio/spapr.c: vfio_prereg_listener_region_add, vfio_prereg_listener_region_del
 */
export function vfioPreregListener(qemu: QemuState, frame: PreregFrame, resumed: Resumption): Step {
  const { section, containerFd } = frame;
  const adds = frame.fn === 'vfio_prereg_listener_region_add';
  switch (frame.at) {
    case 'begin':
      if (!isAligned(qemu, section))
        return ret(qemu, null, [errorReport(`${frame.fn} received unaligned region`)]);
      return vfioCall(
        qemu,
        { ...frame, at: adds ? 'registeringMemory' : 'unregisteringMemory' },
        {
          type: adds ? 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY' : 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
          containerFd,
          argsz: null,
          readable: true,
          flags: 0,
          vaddr: section.ua,
          size: section.bytes,
        },
      );
    case 'registeringMemory': {
      const result = vfioResult(resumed);
      const told = [traceOf('vfio_prereg_register', frame, resumed)];
      const container = containerOf(qemu.vfio, containerFd);
      if (container === undefined) return ret(qemu, null, told);
      if (!result.ok && container.initialized) {
        return abort(qemu, 'hardware error: vfio: Memory registering failed, unable to continue', told);
      }
      // The listener hears of a section's end also where its registration failed.
      const ram = [...container.ram, section].sort((a, b) => (a.ua < b.ua ? -1 : 1));
      const error = result.ok ? container.error : (container.error ?? REGISTER_FAILED);
      return ret({ ...qemu, vfio: withContainer(qemu.vfio, { ...container, ram, error }) }, null, told);
    }
    case 'unregisteringMemory': {
      const told = [traceOf('vfio_prereg_unregister', frame, resumed)];
      const container = containerOf(qemu.vfio, containerFd);
      if (container === undefined) return ret(qemu, null, told);
      const ram = container.ram.filter(({ ua }) => ua !== section.ua);
      return ret({ ...qemu, vfio: withContainer(qemu.vfio, { ...container, ram }) }, null, told);
    }
    default:
      return unreachable(`${frame.fn} at ${frame.at satisfies never}`);
  }
}

/** QEMU tells the ioctl's -1 as an error's number. */
const REGISTER_FAILED = `Memory registering failed: ${strerror('EPERM')}`;

function traceOf(
  event: 'vfio_prereg_register' | 'vfio_prereg_unregister',
  { section }: PreregFrame,
  resumed: Resumption,
) {
  const result = vfioResult(resumed);
  const ret = result.ok ? result.value : errnoNumber(result.errno);
  return vfioTraced({ event, va: section.ua, size: section.bytes, ret });
}
