import type { KvmState } from '@spapr-dma/kvm';
import type { PowernvState } from '@spapr-dma/powernv-ioda2';
import type { Component } from '@spapr-dma/protocol';
import type { QemuState } from '@spapr-dma/qemu-spapr';
import type { Mm, VfioHost } from '@spapr-dma/vfio-host';
import type { AnyMachineSnapshot } from 'xstate';
import type { SystemState } from '../choices.js';
import { guestsQemu } from './property.js';

/** The process that is QEMU. */
const QEMU_PROCESS = 'qemu';

const contextOf = <Context>(state: SystemState, component: Component): Context | undefined => {
  const name = state.routes[component];
  return name === undefined ? undefined : (state.snapshots[name]?.context as Context | undefined);
};

/** The host's machines; undefined where a system has none. */
export const kvmIn = (state: SystemState): KvmState | undefined => contextOf(state, 'kvm');
export const vfioIn = (state: SystemState): VfioHost | undefined => contextOf(state, 'vfio-host');
export const powernvIn = (state: SystemState): PowernvState | undefined => contextOf(state, 'powernv-ioda2');

/** The address space of QEMU's process while there is one. */
export function qemusMm(vfio: VfioHost): Mm | undefined {
  const process = vfio.processes.find((each) => each.process === QEMU_PROCESS);
  return vfio.mms.find(({ mm }) => mm === process?.mm);
}

const isGone = ({ value }: AnyMachineSnapshot): boolean => value === 'aborted' || value === 'exited';

/** Is QEMU gone, by its own doing or because it failed? */
export function isQemuGone(state: SystemState): boolean {
  const name = state.routes['qemu-spapr'];
  const snapshot = name === undefined ? undefined : state.snapshots[name];
  return snapshot !== undefined && isGone(snapshot);
}

/** Machines that together make up what happens on one call. */
export const HOST_SIDE: readonly Component[] = ['qemu-spapr', 'kvm', 'vfio-host', 'powernv-ioda2'];

function hasCallsUnderWay({ channels, routes }: SystemState, gone: boolean): boolean {
  const names = new Set(HOST_SIDE.map((component) => routes[component]));
  return channels.some(
    ({ from, to }) => names.has(from) && names.has(to) && !(gone && to === routes['qemu-spapr']),
  );
}

const isKvmQuiet = ({ vcpus, ioctls, rcu }: KvmState, gone: boolean): boolean =>
  (rcu.at === 'quiet' || rcu.at === 'pending') &&
  ioctls.every(({ at }) => at === 'idle') &&
  vcpus.every(({ at }) => at === 'inGuest' || (gone && at === 'inUserspace'));

type Facts = Readonly<Partial<Record<Component, (snapshot: AnyMachineSnapshot) => boolean>>>;

/** What each machine by itself must be like in a state that `isQuiet`. Not all such states are. */
export const QUIET_FACTS: Facts = {
  'qemu-spapr': (snapshot) => {
    const { task, creating } = snapshot.context as QemuState;
    return isGone(snapshot) || (task === null && creating === null);
  },
  kvm: ({ context }) => isKvmQuiet(context as KvmState, true),
  'vfio-host': ({ context }) => (context as VfioHost).threads.every(({ stack }) => stack.length === 0),
};

/** The same of a state that `isRcuDrained`. */
export const DRAINED_FACTS: Facts = {
  'qemu-spapr': (snapshot) => isGone(snapshot) || (snapshot.context as QemuState).rcu.length === 0,
  kvm: ({ context }) => (context as KvmState).rcu.callbacks.length === 0,
  'vfio-host': ({ context }) => (context as VfioHost).freeing.length === 0,
};

/** No hypercall, no RTAS call and no system call is in progress, and no RCU callback runs. */
export function isQuiet(state: SystemState): boolean {
  const gone = isQemuGone(state);
  const qemu = guestsQemu(state);
  if (!gone && qemu !== undefined && (qemu.task !== null || qemu.creating !== null)) return false;
  const kvm = kvmIn(state);
  if (kvm !== undefined && !isKvmQuiet(kvm, gone)) return false;
  if (vfioIn(state)?.threads.some(({ stack }) => stack.length > 0)) return false;
  return !hasCallsUnderWay(state, gone);
}

/** Nothing waits for a grace period: neither in QEMU nor in the kernel. */
export function isRcuDrained(state: SystemState): boolean {
  const leaving = !isQemuGone(state) && (guestsQemu(state)?.rcu.length ?? 0) > 0;
  return (
    !leaving && (kvmIn(state)?.rcu.callbacks.length ?? 0) === 0 && (vfioIn(state)?.freeing.length ?? 0) === 0
  );
}
