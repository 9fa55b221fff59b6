import type { KvmState } from '@spapr-dma/kvm';
import type { Component } from '@spapr-dma/protocol';
import type { SystemState } from '../choices.js';
import { isQemuGone, kvmIn, powernvIn, vfioIn } from './host-state.js';
import { leftAfterUnplug } from './l-04-after-unplug.js';
import { leftAfterExit } from './l-05-after-exit.js';
import { guestsQemu } from './property.js';

/**
 * What a property of liveness says of paths that go on for ever: whenever something is asked for, it comes, then or
 * later. A path that ends is judged by the property itself.
 */
export interface InTheEnd {
  /** The property's. */
  readonly name: string;
  readonly title: string;
  readonly reads: readonly Component[];
  readonly isAsked: (state: SystemState) => boolean;
  readonly hasCome: (state: SystemState) => boolean;
}

const waitsInKvm = (kvm: KvmState, vcpu: number): boolean => {
  const at = kvm.vcpus[vcpu]?.at;
  return at !== undefined && at !== 'inGuest';
};

/** A call of one vCPU, from when KVM takes it, or QEMU where there is no KVM, until the vCPU goes on in the guest. */
const callReturns = (vcpu: number): InTheEnd => {
  const isAsked = (state: SystemState): boolean => {
    const kvm = kvmIn(state);
    if (kvm !== undefined) return waitsInKvm(kvm, vcpu);
    const task = guestsQemu(state)?.task;
    return task?.mode === 'waiting' && task.thread === `vcpu${vcpu}`;
  };
  return {
    name: 'L-1',
    title: `Every call of vCPU ${vcpu} returns in the end.`,
    reads: ['qemu-spapr', 'kvm'],
    isAsked,
    hasCome: (state) => !isAsked(state) || isQemuGone(state),
  };
};

const unplugged = (state: SystemState): string | null => {
  const groups = powernvIn(state)?.groups.map(({ group }) => group) ?? [];
  const hasDevices = (guestsQemu(state)?.vfio.devices.length ?? 0) > 0;
  return hasDevices || isQemuGone(state) ? null : leftAfterUnplug(state, groups);
};

const exited = (state: SystemState): boolean =>
  vfioIn(state)?.processes.every(({ process }) => process !== 'qemu') ?? false;

const waitsForRcu = (state: SystemState): boolean =>
  (kvmIn(state)?.rcu.callbacks.length ?? 0) > 0 || (vfioIn(state)?.freeing.length ?? 0) > 0;

/** Everything that comes in the end, for a machine with so many vCPUs. */
export const inTheEnd = (vcpus: number): readonly InTheEnd[] => [
  ...Array.from({ length: vcpus }, (_, vcpu) => callReturns(vcpu)),
  {
    name: 'L-4',
    title: 'What is left of VFIO when the last passed-through device goes is gone in the end.',
    reads: ['qemu-spapr', 'vfio-host', 'powernv-ioda2'],
    isAsked: (state) => unplugged(state) !== null,
    hasCome: (state) => unplugged(state) === null,
  },
  {
    name: 'L-5',
    title: 'What QEMU had of the host when it ended is given back in the end.',
    reads: ['kvm', 'vfio-host', 'powernv-ioda2'],
    isAsked: (state) => exited(state) && leftAfterExit(state) !== null,
    hasCome: (state) => leftAfterExit(state) === null,
  },
  {
    name: 'L-7',
    title: 'What waits for a grace period in the kernel is freed in the end.',
    reads: ['kvm', 'vfio-host'],
    isAsked: waitsForRcu,
    hasCome: (state) => !waitsForRcu(state),
  },
];
