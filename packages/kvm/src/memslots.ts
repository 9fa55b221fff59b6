import { type Gpa, type KvmSetUserMemoryRegion, TCE_PERMISSIONS, type Ua } from '@spapr-dma/protocol';
import type { KvmState, Memslot } from './state.js';
import { refuse, type Step, succeed } from './steps.js';

/**
 * Where the memory behind a guest address lies in the VMM; undefined where no slot holds it.
 * @see [Linux] virt/kvm/kvm_main.c: gfn_to_memslot
 */
export function gpaToUa(kvm: KvmState, gpa: bigint): Ua | undefined {
  for (const slot of kvm.memslots) {
    if (gpa >= slot.gpa && gpa < slot.gpa + slot.bytes) return (slot.ua + (gpa - slot.gpa)) as Ua;
  }
  return undefined;
}

/**
 * The same for a TCE, whose lowest bits are its permissions.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvmppc_tce_to_ua
 */
export const tceToUa = (kvm: KvmState, tce: bigint): Ua | undefined => gpaToUa(kvm, tce & ~TCE_PERMISSIONS);

const overlap = (a: Memslot, gpa: Gpa, bytes: bigint): boolean =>
  gpa < a.gpa + a.bytes && a.gpa < gpa + bytes;

/**
 * KVM_SET_USER_MEMORY_REGION: adds a slot, replaces one, or with 0 bytes takes one away.
 *
 * Abstraction: a slot that is there may change its size, which KVM refuses; QEMU never asks for it.
 * @see [Linux] virt/kvm/kvm_main.c: kvm_set_memory_region
 */
export function kvmSetUserMemoryRegion(kvm: KvmState, call: KvmSetUserMemoryRegion): Step {
  const { slot, gpa, bytes, ua } = call;
  const inPage = (1n << BigInt(kvm.config.hostPageShift)) - 1n;
  if (((gpa | bytes | ua) & inPage) !== 0n) return refuse(kvm, 'EINVAL');
  const others = kvm.memslots.filter((other) => other.slot !== slot);
  if (bytes === 0n) {
    if (others.length === kvm.memslots.length) return refuse(kvm, 'EINVAL');
    return succeed({ ...kvm, memslots: others });
  }
  if (others.some((other) => overlap(other, gpa, bytes))) return refuse(kvm, 'EEXIST');
  const memslots = [...others, { slot, gpa, bytes, ua }].sort((a, b) => a.slot - b.slot);
  return succeed({ ...kvm, memslots });
}
