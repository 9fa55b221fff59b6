import {
  canonicalGuest,
  type GuestConfig,
  type GuestKernel,
  guestKernelMachine,
} from '@spapr-dma/guest-kernel';
import { threadId } from '@spapr-dma/protocol';
import {
  canonicalQemu,
  type QemuInput,
  type QemuState,
  qemuMachine,
  RCU_THREAD,
} from '@spapr-dma/qemu-spapr';
import type { Participant } from './participants.js';

/** QEMU under a name; a migration has two. A long create moves on its vCPU's thread, RCU callbacks on theirs. */
export const qemuParticipant = (name: string, input: QemuInput): Participant => ({
  name,
  component: 'qemu-spapr',
  machine: qemuMachine,
  input,
  canonical: canonicalQemu,
  threads: ({ creating, phbs }: QemuState) => [
    ...(creating === null ? [] : [creating.thread]),
    ...(phbs.some(({ mode }) => mode === 'dying') ? [RCU_THREAD] : []),
  ],
});

/** The guest's kernel, with its vCPUs; those that wait for a lock can move when it is free. */
export const guestParticipant = (config: GuestConfig, vcpus: number): Participant => ({
  name: 'guest-kernel',
  component: 'guest-kernel',
  machine: guestMachineOf(vcpus),
  input: config,
  canonical: canonicalGuest,
  threads: ({ vcpus: cpus }: GuestKernel) =>
    cpus.flatMap(({ wants }, cpu) => (wants === null ? [] : [threadId(`vcpu${cpu}`)])),
});

const machines = new Map<number, ReturnType<typeof guestKernelMachine>>();

/** One machine object a number of vCPUs: making one costs more than a short story. */
function guestMachineOf(vcpus: number): ReturnType<typeof guestKernelMachine> {
  const known = machines.get(vcpus);
  if (known !== undefined) return known;
  const made = guestKernelMachine({ vcpus });
  machines.set(vcpus, made);
  return made;
}
