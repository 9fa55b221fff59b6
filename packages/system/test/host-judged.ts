import type { KvmState } from '@spapr-dma/kvm';
import type { PowernvState } from '@spapr-dma/powernv-ioda2';
import { tce, tceIndex } from '@spapr-dma/protocol';
import type { QemuState } from '@spapr-dma/qemu-spapr';
import { withTce } from '@spapr-dma/tce-table';
import type { Mm, VfioHost } from '@spapr-dma/vfio-host';
import { costOf } from '../src/costs.ts';
import { PROPERTIES } from '../src/properties/index.ts';
import { unwatched, watched, watchedAtRest } from '../src/properties/watch.ts';
import { BOOT, changedFrom, EMULATED, hostSteps, NVME } from './host-systems.ts';
import type { Stepped } from './systems.ts';

/** What a property says of some steps: the first thing that is wrong, and whether it was reached. */
export function judged(name: string, steps: readonly Stepped[]) {
  const property = PROPERTIES.find((each) => each.name === name)!;
  let known = unwatched([property]);
  steps.forEach(({ before, moved }, index) => {
    known = watched(known, { before, moved, cost: costOf(moved) }, index + 1);
  });
  known = watchedAtRest(known, steps.at(-1)!.moved.state, steps.length);
  const [{ violated, reached }] = known as [(typeof known)[number]];
  return { text: violated?.text ?? null, reached };
}

export const plug = { do: 'device_add-vfio', ...NVME };
export const unplug = { do: 'device_del-pci', id: 'nvme' };

/** Devices of the host come to a guest that has mapped something, and go. */
export const hotplug = hostSteps([...BOOT, plug], { devices: [EMULATED] });
export const cleared = hostSteps([...BOOT, plug, { do: 'dma_unmap', of: 'buffer' }], { devices: [EMULATED] });
export const unplugged = hostSteps([...BOOT, plug, unplug], { devices: [EMULATED] });
export const ended = hostSteps([...BOOT, plug, { do: 'quit' }], { devices: [EMULATED] });

export const powernv = (
  steps: readonly Stepped[],
  change: (powernv: PowernvState) => PowernvState,
  at = -1,
) => changedFrom(steps, at, 'powernv-ioda2', change);
export const vfio = (steps: readonly Stepped[], change: (vfio: VfioHost) => VfioHost, at = -1) =>
  changedFrom(steps, at, 'vfio-host', change);
export const kvm = (steps: readonly Stepped[], change: (kvm: KvmState) => KvmState, at = -1) =>
  changedFrom(steps, at, 'kvm', change);
export const qemu = (steps: readonly Stepped[], change: (qemu: QemuState) => QemuState, at = -1) =>
  changedFrom(steps, at, 'qemu-spapr', change);

/** QEMU's address space in another condition. */
export const withMm =
  (change: (mm: Mm) => Mm) =>
  (host: VfioHost): VfioHost => ({
    ...host,
    mms: host.mms.map((mm) => (mm.process === 'qemu' ? change(mm) : mm)),
  });

/** One entry of the tables of VFIO with another value. */
export const withEntry =
  (index: number, value: bigint) =>
  (platform: PowernvState): PowernvState => ({
    ...platform,
    tables: platform.tables.map((table) =>
      table.userspace === null
        ? table
        : { ...table, hardware: withTce(table.hardware, tceIndex(index), tce(value)) },
    ),
  });

/** The step after which a property finds something wrong stands last: it was a quiet one, or the one that answered. */
