import type { SystemState } from '../choices.js';
import { exitsDue } from '../exits.js';
import { bytesOfPages } from './hardware-tables.js';
import { isRcuDrained, kvmIn, powernvIn, vfioIn } from './host-state.js';
import { hex, type Property } from './property.js';
import { becameQuiet } from './when-quiet.js';

/** What the host still has of a process that is gone. */
export function leftAfterExit(state: SystemState): string | null {
  const [vfio, kvm, powernv] = [vfioIn(state)!, kvmIn(state), powernvIn(state)];
  const leaked = vfio.mms.find(({ mode }) => mode === 'leaked');
  if (leaked !== undefined) {
    const pages = leaked.regions.reduce((sum, { entries }) => sum + entries, 0);
    return `QEMU is gone, and ${hex(bytesOfPages(vfio, pages))} bytes that it had registered stay pinned for ever.`;
  }
  const charged = vfio.mms.find(({ mode, lockedPages }) => mode !== 'alive' && lockedPages !== 0);
  if (charged !== undefined)
    return `QEMU is gone, and ${charged.lockedPages} host pages are still charged to it.`;
  const container = vfio.containers[0];
  if (container !== undefined) return `QEMU is gone, and container ${container.container} is still there.`;
  const table = kvm?.tables[0];
  if (table !== undefined) return `QEMU is gone, and KVM still has LIOBN ${hex(table.liobn)}.`;
  const group = powernv?.groups.find(({ owner }) => owner === 'vfio');
  return group === undefined ? null : `QEMU is gone, and group ${group.group} is still VFIO's.`;
}

const hasQemu = (state: SystemState): boolean =>
  vfioIn(state)?.processes.some(({ process }) => process === 'qemu') ?? false;

/** Is an exit of QEMU being dealt with, and not judged yet? */
export const afterExit: Property<boolean> = {
  name: 'L-5',
  title: 'When QEMU is gone, everything that it had of the host is given back.',
  sometimes: 'QEMU is gone',
  reads: ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'],
  asksForQuiet: true,
  initial: false,
  observe: (exiting, step) => {
    const { state } = step.moved;
    if (vfioIn(state) === undefined) return { memory: exiting, violation: null, reached: false };
    const exits = exiting || (hasQemu(step.before) && !hasQemu(state));
    if (!exits || !becameQuiet(step) || !isRcuDrained(state) || exitsDue(state).length > 0) {
      return { memory: exits, violation: null, reached: false };
    }
    return { memory: false, violation: leftAfterExit(state), reached: true };
  },
};
