import type { KvmState } from '@spapr-dma/kvm';
import type { SystemState } from '../choices.js';
import { isQemuGone, kvmIn, vfioIn } from './host-state.js';
import { guestsQemu, type Property } from './property.js';

type Callbacks = KvmState['rcu']['callbacks'];

const nameOf = ({ free }: Callbacks[number]): string =>
  free.kind === 'table' ? `view ${free.stt}` : `hardware table ${free.hw.table}`;

/** A callback that ran before an older one. */
function outOfOrder(before: Callbacks, after: Callbacks): string | null {
  const names = after.map(nameOf);
  const ran = before.findIndex((callback) => names.includes(nameOf(callback)));
  const later = before.slice(Math.max(ran, 0)).find((callback) => !names.includes(nameOf(callback)));
  return ran < 0 || later === undefined
    ? null
    : `RCU frees ${nameOf(later)} before ${nameOf(before[ran]!)}, which waits longer.`;
}

function unfreed(state: SystemState): string | null {
  const waiting = kvmIn(state)?.rcu.callbacks[0];
  if (waiting !== undefined) return `RCU never frees ${nameOf(waiting)}.`;
  const region = vfioIn(state)?.freeing[0];
  if (region !== undefined) return `RCU never unpins region ${region.region}.`;
  const qemu = guestsQemu(state);
  if (qemu === undefined || isQemuGone(state)) return null;
  const device = qemu.vfio.devices.find(({ mode }) => mode === 'leaving');
  if (device !== undefined) return `QEMU never finalizes device ${device.id}.`;
  const phb = qemu.phbs.find(({ mode }) => mode === 'dying');
  return phb === undefined ? null : `QEMU never frees PHB ${phb.properties.index}.`;
}

export const rcuOrder: Property<null> = {
  name: 'L-7',
  title:
    'What waits for a grace period is freed in the order in which it began to wait, and in the end all of it.',
  sometimes: 'something waits for a grace period',
  reads: ['qemu-spapr', 'kvm', 'vfio-host'],
  initial: null,
  observe: (memory, { before, moved: { state } }) => {
    const [earlier, later] = [kvmIn(before)?.rcu.callbacks, kvmIn(state)?.rcu.callbacks];
    if (earlier === undefined || later === undefined || earlier === later) {
      return { memory, violation: null, reached: false };
    }
    return { memory, violation: outOfOrder(earlier, later), reached: later.length > 0 };
  },
  atRest: (_memory, state) => unfreed(state),
};
