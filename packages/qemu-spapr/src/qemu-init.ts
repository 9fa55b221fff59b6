import { unreachable } from '@spapr-dma/protocol';
import { addMemslot } from './add-memory.js';
import { deviceAdd } from './device-add.js';
import type { QemuInitFrame } from './frames-qemu.js';
import type { QemuState } from './state.js';
import { call, exit, goto, kvmCall, kvmResult, type Resumption, ret, type Step } from './steps.js';

/** Hypercalls that KVM takes only when it is asked to, in the order in which QEMU asks. */
const HCALLS = ['H_PUT_TCE_INDIRECT', 'H_STUFF_TCE'] as const;

/**
 * A machine beside KVM or with VFIO devices starts: KVM hears of each block of memory and is asked to take lists
 * and fills, the second only where it took the first; then the devices of the command line are realized. What is
 * wrong with one ends QEMU.
 * @see [QEMU] hw/ppc/spapr.c: spapr_machine_init; target/ppc/kvm.c: kvmppc_enable_set_mode_hcall
 */
export function qemuInit(qemu: QemuState, frame: QemuInitFrame, resumed: Resumption): Step {
  const { kvm } = qemu.config;
  switch (frame.at) {
    case 'starting': {
      if (resumed.type === 'begin') return unreachable('a machine starts by a step');
      return goto(qemu, { ...frame, at: 'addingMemslot' });
    }
    case 'addingMemslot': {
      const block = qemu.ram[frame.blocks];
      if (kvm === null) return goto(qemu, { ...frame, at: 'addedDevice' });
      if (block !== undefined) {
        const { qemu: told, request } = addMemslot(qemu, block);
        return kvmCall(told, { ...frame, blocks: frame.blocks + 1 }, request);
      }
      if (!kvm.multiTce) return goto(qemu, { ...frame, at: 'addedDevice' });
      return enable(qemu, frame, 0);
    }
    case 'enablingHcall': {
      const done = frame.hcalls + 1;
      const more = kvmResult(resumed).ok && done < HCALLS.length;
      return more ? enable(qemu, frame, done) : goto(qemu, { ...frame, at: 'addedDevice' });
    }
    case 'addedDevice': {
      if (resumed.type === 'returned' && resumed.value !== '') return exit(qemu);
      const [device, ...devices] = frame.devices;
      if (device === undefined) return ret(qemu);
      return call(qemu, { ...frame, devices }, deviceAdd(device, 'cold'));
    }
    default:
      return unreachable(`qemu_init at ${frame.at satisfies never}`);
  }
}

const enable = (qemu: QemuState, frame: QemuInitFrame, hcalls: number): Step =>
  kvmCall(
    qemu,
    { ...frame, at: 'enablingHcall', hcalls },
    { type: 'KVM_ENABLE_CAP', cap: 'KVM_CAP_PPC_ENABLE_HCALL', hcall: HCALLS[hcalls] ?? 'H_STUFF_TCE' },
  );
