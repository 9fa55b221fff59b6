import { groupOf } from '@spapr-dma/powernv-ioda2';
import type { SystemState } from '../choices.js';
import { isQemuGone, isRcuDrained, powernvIn, qemusMm, vfioIn } from './host-state.js';
import { guestsQemu, hex, type Property } from './property.js';
import { becameQuiet } from './when-quiet.js';

/** Groups that QEMU has had devices of. */
type Used = readonly number[];

/** What is left of passed-through devices, though the last one has gone. */
export function leftAfterUnplug(state: SystemState, used: Used): string | null {
  const [qemu, vfio, powernv] = [guestsQemu(state), vfioIn(state), powernvIn(state)];
  const why = 'The last passed-through device is unplugged,';
  const container = qemu?.vfio.containers[0];
  if (container !== undefined) return `${why} and QEMU still has the container with fd ${container.fd}.`;
  const table = qemu?.tables.find(
    ({ needVfio, owner }) =>
      needVfio &&
      owner.kind === 'phb' &&
      qemu.phbs.find(({ properties }) => properties.index === owner.index)?.notifiers === 0,
  );
  if (table !== undefined) return `${why} and LIOBN ${hex(table.liobn)} is still marked as listened to.`;
  const region = vfio === undefined ? undefined : qemusMm(vfio)?.regions[0];
  if (region !== undefined) return `${why} and QEMU's memory at ${hex(region.ua)} is still registered.`;
  const group = used.find((id) => powernv !== undefined && groupOf(powernv, id)?.owner === 'vfio');
  return group === undefined ? null : `${why} and group ${group} is still VFIO's.`;
}

export const afterUnplug: Property<Used> = {
  name: 'L-4',
  title:
    "After the last passed-through device has gone, nothing of VFIO is left in QEMU, and its groups are the host's.",
  sometimes: 'the last passed-through device goes',
  reads: ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  asksForQuiet: true,
  initial: [],
  observe: (before, step) => {
    const { state } = step.moved;
    const qemu = guestsQemu(state);
    if (qemu === undefined || isQemuGone(state)) return { memory: [], violation: null, reached: false };
    const has = qemu.vfio.devices.map(({ group }) => group).filter((group) => !before.includes(group));
    const used = has.length === 0 ? before : [...before, ...has];
    const over = used.length > 0 && qemu.vfio.devices.length === 0;
    if (!over || !becameQuiet(step) || !isRcuDrained(state)) {
      return { memory: used, violation: null, reached: false };
    }
    return { memory: [], violation: leftAfterUnplug(state, used), reached: true };
  },
};
