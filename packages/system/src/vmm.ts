import { bytes, gpa, threadId, type Vma } from '@spapr-dma/protocol';
import type { Offer } from './choices.js';
import { kvmConfigOf, powernvConfigOf, vfioConfigOf } from './configs.js';
import { kvmParticipant, powernvParticipant, vfioParticipant } from './machines.js';
import { vmaOf } from './memory-layout.js';
import type { AnyMessage, Participant } from './participants.js';
import type { Settings } from './settings.js';
import type { Size } from './sizes.js';

/** The host of a VMM that is not QEMU: two PHBs with a function each, in groups 0 and 1. */
export interface VmmSetup {
  readonly pageShift: 12 | 16;
  readonly generation: 'PHB3' | 'PHB4';
  /** The VMM's memory; null for 64 MiB at its usual place. */
  readonly vmas: readonly Vma[] | null;
  /** log2 of the pages behind its memory, where `vmas` does not say; null for the host's. */
  readonly backingShift: number | null;
}

export const VMM_DEFAULT: VmmSetup = { pageShift: 12, generation: 'PHB4', vmas: null, backingShift: null };

const VMM_RAM = bytes(0x400_0000n);
const HOST_RAM = bytes(0x20_0000_0000n);
const VCPUS = 2;
/** System calls on KVM that are under way at a time. */
const IOCTLS = 2;

/** The host's kernel below a VMM that whoever drives the system plays. */
export function vmmParticipants(
  { pageShift, generation, vmas, backingShift }: VmmSetup,
  settings: Settings,
  size: Size,
): readonly Participant[] {
  const platform = {
    config: powernvConfigOf(settings, { pageShift, ram: HOST_RAM, nobypass: false }),
    phbs: [1, 2].map((phb) => ({
      phb,
      generation,
      devices: [{ device: `000${phb}:01:00.0`, totalVfs: 0 }],
    })),
  };
  const input = {
    config: vfioConfigOf(settings, size, pageShift),
    groups: [0, 1].map((group) => ({ group, devices: [`000${group + 1}:01:00.0`] })),
    processes: [
      {
        process: 'qemu',
        vmas: vmas ?? [vmaOf(gpa(0n), VMM_RAM, backingShift ?? pageShift)],
        memlock: null,
        capIpcLock: false,
      },
    ],
  };
  return [
    kvmParticipant(kvmConfigOf(settings, size, pageShift), VCPUS, IOCTLS),
    vfioParticipant(input, VCPUS),
    powernvParticipant(platform),
  ];
}

/** A call that the VMM, a vCPU or the host's administrator makes: its type, and its fields as in the message. */
export interface VmmCall {
  readonly type: string;
  readonly thread: string;
  /** Whom it goes to, where its type leaves that open: by default VFIO. */
  readonly to: string | null;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Names of the calls that a VMM makes on KVM's files, and vCPUs in KVM; all others are VFIO's or the platform's. */
const OF_KVM = /^(KVM_|H_|pause_all|resume_all|view_)/;
/** What the environment does, and no call of a VMM. */
const OF_HOST = /^(exit|fail-next|unbind-vfio-pci)$/;
/** What is not answered. */
const SILENT = /^(fork|fail-next|(un)?map-memory|protect-memory|set-memlock)$/;

/** A call as a message, and who takes it. */
export function vmmOffer({ type, thread, to, args }: VmmCall): Offer {
  const receiver = to ?? (OF_KVM.test(type) ? 'kvm' : 'vfio-host');
  const isHosts = receiver === 'powernv-ioda2' || OF_HOST.test(type);
  const message = {
    argsz: null,
    readable: true,
    flags: 0,
    process: 'qemu',
    ...args,
    type,
    thread: threadId(thread),
    from: type.startsWith('H_') ? 'guest-kernel' : isHosts ? 'environment' : 'qemu-spapr',
    to: receiver,
  };
  return { to: receiver, message: message as unknown as AnyMessage };
}

/** Whether whoever makes a call waits for its answer. */
export const isAnswered = ({ type }: VmmCall): boolean => !SILENT.test(type);

/** Whether a message to the environment is the answer that its thread waits for. */
export const isAnswer = ({ type }: AnyMessage): boolean => /-(return|done)$/.test(type);
