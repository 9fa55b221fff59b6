import {
  canonicalGuest,
  type GuestConfig,
  type GuestKernel,
  guestKernelMachine,
} from '@spapr-dma/guest-kernel';
import {
  canonicalKvm,
  RCU_THREAD as KVM_RCU_THREAD,
  type KvmConfig,
  type KvmState,
  kvmMachine,
} from '@spapr-dma/kvm';
import { canonicalPowernv, type PowernvInput, powernvMachine } from '@spapr-dma/powernv-ioda2';
import { threadId } from '@spapr-dma/protocol';
import {
  canonicalQemu,
  MAIN_THREAD,
  type QemuInput,
  qemuMachine,
  RCU_THREAD,
  threadsOf,
} from '@spapr-dma/qemu-spapr';
import {
  canonicalVfioHost,
  REGION_RCU_THREAD,
  type VfioHost,
  type VfioHostInput,
  vfioHostMachine,
} from '@spapr-dma/vfio-host';
import type { AnyStateMachine } from 'xstate';
import type { Participant } from './participants.js';

/** QEMU under a name; a migration has two. Its big lock's holder may have to let others come in between. */
export const qemuParticipant = (name: string, input: QemuInput): Participant => ({
  name,
  component: 'qemu-spapr',
  machine: qemuMachine,
  input,
  canonical: canonicalQemu,
  threads: threadsOf,
});

/** The guest's kernel, with its vCPUs; those that wait for a lock can move when it is free. */
export const guestParticipant = (config: GuestConfig, vcpus: number): Participant => ({
  name: 'guest-kernel',
  component: 'guest-kernel',
  machine: madeOnce(`guest-kernel ${vcpus}`, () => guestKernelMachine({ vcpus })),
  input: config,
  canonical: canonicalGuest,
  threads: ({ vcpus: cpus }: GuestKernel) =>
    cpus.flatMap(({ wants }, cpu) => (wants === null ? [] : [threadId(`vcpu${cpu}`)])),
});

/**
 * KVM; its RCU thread moves when something waits to be freed and nobody can see it any more. QEMU makes one system
 * call at a time; `ioctls` says how many somebody else may make.
 */
export const kvmParticipant = (config: KvmConfig, vcpus: number, ioctls = 1): Participant => ({
  name: 'kvm',
  component: 'kvm',
  machine: madeOnce(`kvm ${vcpus} ${ioctls}`, () => kvmMachine({ vcpus, ioctls })),
  input: { config },
  canonical: canonicalKvm,
  threads: ({ rcu }: KvmState) => (rcu.callbacks.length > 0 ? [KVM_RCU_THREAD] : []),
});

/** Who makes system calls on VFIO's files: each thread of QEMU, and the host's administrator. */
const vfioThreads = (vcpus: number): readonly string[] => [
  MAIN_THREAD,
  RCU_THREAD,
  'admin',
  ...Array.from({ length: vcpus }, (_, cpu) => `vcpu${cpu}`),
];

/** VFIO of the host; a thread that waits for a mutex moves when it is free, and regions are freed by RCU. */
export const vfioParticipant = (input: VfioHostInput, vcpus: number): Participant => ({
  name: 'vfio-host',
  component: 'vfio-host',
  machine: madeOnce(`vfio-host ${vcpus}`, () => vfioHostMachine({ threads: vfioThreads(vcpus) })),
  input,
  canonical: canonicalVfioHost,
  threads: ({ threads, freeing }: VfioHost) => [
    ...threads.flatMap(({ thread, wants }) => (wants.length > 0 ? [thread] : [])),
    ...(freeing.length > 0 ? [REGION_RCU_THREAD] : []),
  ],
});

/** The platform under VFIO and KVM: it only answers. */
export const powernvParticipant = (input: PowernvInput): Participant => ({
  name: 'powernv-ioda2',
  component: 'powernv-ioda2',
  machine: powernvMachine,
  input,
  canonical: canonicalPowernv,
  threads: () => [],
});

const machines = new Map<string, AnyStateMachine>();

/** One machine object for each number of vCPUs: making one costs more than a short story. */
function madeOnce(name: string, make: () => AnyStateMachine): AnyStateMachine {
  const made = machines.get(name) ?? make();
  machines.set(name, made);
  return made;
}
