import {
  type CloseKvmFile,
  type KvmCall,
  type KvmEnableCap,
  type MmapTable,
  unreachable,
} from '@spapr-dma/protocol';
import { extensionValue, KVM_API_VERSION } from './check-extension.js';
import { fileRelease } from './exit.js';
import type { Frame, SyscallFrame } from './frames.js';
import { kvmCreateDevice } from './kvm-vfio.js';
import { kvmSetUserMemoryRegion } from './memslots.js';
import { type KvmState, tableOfFd, withTable } from './state.js';
import { call, type Resumption, refuse, type Step, succeed } from './steps.js';
import { createFrame } from './tce-create.js';

/** Switches a hypercall on, where KVM has a handler for it. @see [Linux] arch/powerpc/kvm/powerpc.c: kvm_vm_ioctl_enable_cap */
function enableCap(kvm: KvmState, { hcall }: KvmEnableCap): Step {
  const isMulti = hcall === 'H_PUT_TCE_INDIRECT' || hcall === 'H_STUFF_TCE';
  if (isMulti && !kvm.config.features.multiTce) return refuse(kvm, 'EINVAL');
  return succeed({ ...kvm, enabledHcalls: { ...kvm.enabledHcalls, [hcall]: true } });
}

/**
 * Abstraction: what lies behind the end of the view is not mapped; QEMU would get SIGBUS there.
 * @see [Linux] arch/powerpc/kvm/book3s_64_vio.c: kvm_spapr_tce_mmap
 */
const mmap = (kvm: KvmState, { fd }: MmapTable): Step =>
  tableOfFd(kvm, fd) === undefined ? refuse(kvm, 'EBADF') : succeed(kvm);

/** A descriptor goes, and its file with it, unless a system call holds the file. */
function close(kvm: KvmState, frame: SyscallFrame, { fd }: CloseKvmFile): Step {
  const table = tableOfFd(kvm, fd);
  const isHeld = kvm.ioctls.some(({ stack }) =>
    stack.some((one) => 'holds' in one && one.holds !== null && one.holds === table?.id),
  );
  if (table !== undefined && isHeld) return succeed(withTable(kvm, { ...table, fd: null }));
  const release = fileRelease(kvm, fd);
  return release === null ? refuse(kvm, 'EBADF') : call(kvm, frame, release);
}

/** The function that a system call is, where it can take more than one step. */
function functionOf(request: KvmCall): Frame | null {
  switch (request.type) {
    case 'KVM_CREATE_SPAPR_TCE':
    case 'KVM_CREATE_SPAPR_TCE_64':
      return createFrame(request);
    case 'KVM_DEV_VFIO_GROUP_ADD':
      return { fn: 'kvm_vfio_file_add', at: 'begin', fd: request.groupFd };
    case 'KVM_DEV_VFIO_GROUP_DEL':
      return { fn: 'kvm_vfio_file_del', at: 'begin', fd: request.groupFd };
    case 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE':
      return {
        fn: 'kvm_vfio_file_set_spapr_tce',
        at: 'begin',
        fd: request.groupFd,
        tableFd: request.tableFd,
        result: null,
        holds: null,
      };
    default:
      return null;
  }
}

/** A system call of QEMU on KVM's files, and what its guest does to the vCPUs' threads. */
export function syscall(kvm: KvmState, frame: SyscallFrame, resumed: Resumption): Step {
  const { call: request } = frame;
  if (resumed.type === 'returned') {
    const { value } = resumed;
    if (value.kind !== 'syscall') return succeed(kvm);
    return value.errno === null ? succeed(kvm, value.value) : refuse(kvm, value.errno);
  }
  switch (request.type) {
    case 'KVM_GET_API_VERSION':
      return succeed(kvm, KVM_API_VERSION);
    case 'KVM_CHECK_EXTENSION':
      return succeed(kvm, extensionValue(kvm, request));
    case 'KVM_ENABLE_CAP':
      return enableCap(kvm, request);
    case 'KVM_CREATE_DEVICE':
      return kvmCreateDevice(kvm, request);
    case 'KVM_SET_USER_MEMORY_REGION':
      return kvmSetUserMemoryRegion(kvm, request);
    case 'mmap':
      return mmap(kvm, request);
    case 'close':
      return close(kvm, frame, request);
    case 'resume_all_vcpus':
      return succeed({ ...kvm, holds: Math.max(kvm.holds - 1, 0) });
    // The vCPUs inside the kernel leave it first.
    case 'pause_all_vcpus':
      return succeed({ ...kvm, holds: kvm.holds + 1 });
    case 'KVM_CREATE_SPAPR_TCE_64':
      if (!kvm.config.features.spaprTce64) return refuse(kvm, 'EINVAL');
      if (request.flags !== 0) return refuse(kvm, 'EINVAL');
      break;
  }
  const callee = functionOf(request);
  return callee === null ? unreachable(`${request.type} is no system call`) : call(kvm, frame, callee);
}
