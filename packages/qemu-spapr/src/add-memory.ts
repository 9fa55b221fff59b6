import { type Bytes, bytes, type Gpa, gpa, type MemoryDevice, unreachable } from '@spapr-dma/protocol';
import { added, addFailed } from './device-added.js';
import type { DeviceAddFrame, MemoryDelFrame } from './frames-qemu.js';
import { uaOfGpa } from './guest-memory.js';
import { hotplugEvent, monitorReturn } from './sent.js';
import type { QemuState, RamBlock } from './state.js';
import { callOrGo, goto, type KvmRequest, kvmCall, ret, type Step } from './steps.js';
import { ramAdded, ramRemoving, usesVfio } from './vfio-hooks.js';

/** Tells KVM of a block, or with 0 bytes that it goes. */
const memslot = (slot: number, at: Gpa, size: Bytes): KvmRequest => ({
  type: 'KVM_SET_USER_MEMORY_REGION',
  slot,
  gpa: at,
  bytes: size,
  ua: uaOfGpa(at),
});

/** KVM hears of a block in the lowest slot that is free. */
export function addMemslot(qemu: QemuState, block: RamBlock): { qemu: QemuState; request: KvmRequest } {
  const { memslots } = qemu;
  const free = memslots.indexOf(null);
  const slot = free < 0 ? memslots.length : free;
  const taken = Object.assign([...memslots], { [slot]: block.gpa as bigint });
  return { qemu: { ...qemu, memslots: taken }, request: memslot(slot, block.gpa, block.bytes) };
}

/** KVM hears that a block goes. */
function removeMemslot(qemu: QemuState, at: Gpa): { qemu: QemuState; request: KvmRequest } {
  const slot = qemu.memslots.indexOf(at);
  if (slot < 0) unreachable('memory goes that KVM never heard of');
  const memslots: (bigint | null)[] = qemu.memslots.map((other, i) => (i === slot ? null : other));
  while (memslots.at(-1) === null) memslots.pop();
  return { qemu: { ...qemu, memslots }, request: memslot(slot, at, bytes(0n)) };
}

/**
 * Memory: who has registered guest memory hears of it first, then KVM, so devices and vCPUs reach it as soon as it
 * is there; the guest hears of it afterwards.
 * @see [QEMU] hw/mem/pc-dimm.c: pc_dimm_plug; include/exec/memory.h: MemoryListener
 */
export function addMemory(qemu: QemuState, frame: DeviceAddFrame, device: MemoryDevice): Step {
  const { gpa, bytes, joins } = device;
  const block: RamBlock = { gpa, bytes, ...(joins === true ? { joins } : {}) };
  switch (frame.at) {
    case 'begin': {
      if (qemu.ram.some((other) => gpa < other.gpa + other.bytes && other.gpa < gpa + bytes)) {
        return addFailed(qemu, `memory at 0x${gpa.toString(16)} overlaps other memory`);
      }
      const ram = [...qemu.ram, block].sort((a, b) => (a.gpa < b.gpa ? -1 : 1));
      const there = { ...qemu, ram };
      return callOrGo(there, { ...frame, at: 'registered' }, ramAdded(there, block));
    }
    case 'registered': {
      const next: DeviceAddFrame = { ...frame, at: 'addingMemslot' };
      if (qemu.config.kvm === null) return goto(qemu, next);
      const { qemu: told, request } = addMemslot(qemu, block);
      return kvmCall(told, next, request);
    }
    case 'addingMemslot':
      return added(qemu, frame.plug === 'hot' ? [hotplugEvent('add', 'memory', 0, block)] : []);
    default:
      return unreachable(`memory is added at ${frame.at}`);
  }
}

/** Why memory cannot go; undefined where it can. */
function memoryRefusal(qemu: QemuState, at: bigint): string | undefined {
  // Connectors of memory are left out; where nobody has registered it, nothing hangs on memory that goes.
  if (qemu.config.kvm === null && !usesVfio(qemu)) return 'memory cannot be taken back';
  if (at === 0n) return 'memory at 0x0 belongs to the machine';
  if (!qemu.ram.some((block) => block.gpa === at)) return `there is no memory at 0x${at.toString(16)}`;
  return undefined;
}

/**
 * Memory goes: KVM hears of it first, then who has registered it.
 *
 * Abstraction: the guest is not asked; whoever gives the command has the guest take the memory out of use before.
 * @see [QEMU] hw/mem/pc-dimm.c: pc_dimm_unplug; softmmu/memory.c: memory_listener_register (the order)
 */
export function pcDimmUnplug(qemu: QemuState, frame: MemoryDelFrame): Step {
  const answer = (at: QemuState, why = ''): Step => ret(at, null, [monitorReturn('device_del', why)]);
  const block = qemu.ram.find((other) => other.gpa === frame.gpa);
  switch (frame.at) {
    case 'begin': {
      const refusal = memoryRefusal(qemu, frame.gpa);
      if (refusal !== undefined) return answer(qemu, refusal);
      if (qemu.config.kvm === null) return goto(qemu, { ...frame, at: 'removed' });
      const { qemu: told, request } = removeMemslot(qemu, gpa(frame.gpa));
      return kvmCall(told, { ...frame, at: 'removingMemslot' }, request);
    }
    case 'removingMemslot':
      return goto(qemu, { ...frame, at: 'removed' });
    case 'removed':
      if (block === undefined) return unreachable('memory goes that is not there');
      return callOrGo(qemu, { ...frame, at: 'unregistered' }, ramRemoving(qemu, block));
    case 'unregistered':
      return answer({ ...qemu, ram: qemu.ram.filter((other) => other !== block) });
    default:
      return unreachable(`pc_dimm_unplug at ${frame.at satisfies never}`);
  }
}
