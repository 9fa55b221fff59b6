import type {
  BindVfioPci,
  MemoryAccess,
  Step as StepMessage,
  TableAccessReturn,
  TableGroupReturn,
  ThreadId,
  VfioFileLookup,
} from '@spapr-dma/protocol';
import { threadId } from '@spapr-dma/protocol';
import type { Begun } from './begun.js';
import { containerCall } from './container-calls.js';
import {
  groupGetDeviceFd,
  groupGetStatus,
  groupSetContainer,
  groupUnsetContainer,
  mmapDevice,
} from './group-calls.js';
import { type Begins, locksOf } from './locks.js';
import { openVfio } from './open.js';
import { closeFile, exitProcess, type MemoryEvent, unbindVfioPci } from './processes.js';
import { isDeviceOpen, type VfioHost } from './state.js';
import type { Caller, LockName, ThreadState } from './thread-state.js';

/** What VFIO receives. */
export type VfioHostReceived =
  | Begins
  | MemoryEvent
  | BindVfioPci
  | VfioFileLookup
  | MemoryAccess
  | TableGroupReturn
  | TableAccessReturn
  | StepMessage<'vfio-host'>;

/** The thread by whose steps RCU lets go of regions that have ended. */
export const REGION_RCU_THREAD: ThreadId = threadId('mm_iommu-rcu');

/** Begins a call: most end at once. */
export function begin(host: VfioHost, call: Begins): Begun {
  switch (call.type) {
    case 'open':
      return openVfio(host, call);
    case 'close':
      return closeFile(host, call);
    case 'mmap':
      return mmapDevice(host, call);
    case 'VFIO_GROUP_GET_STATUS':
      return groupGetStatus(host, call);
    case 'VFIO_GROUP_SET_CONTAINER':
      return groupSetContainer(host, call);
    case 'VFIO_GROUP_UNSET_CONTAINER':
      return groupUnsetContainer(host, call);
    case 'VFIO_GROUP_GET_DEVICE_FD':
      return groupGetDeviceFd(host, call);
    case 'exit':
      return exitProcess(host, call);
    case 'unbind-vfio-pci':
      return unbindVfioPci(host, call);
    default:
      return containerCall(host, call);
  }
}

/** Whom the answer of a call goes to. */
export const callerOf = (call: Begins): Caller => ({
  call: call.type,
  from: call.from as Caller['from'],
  process: call.type === 'unbind-vfio-pci' ? null : call.process,
});

/** Whether no other thread holds any of these. */
export const areFree = (host: VfioHost, locks: readonly LockName[], thread: ThreadId): boolean =>
  host.threads.every((other) => other.thread === thread || !other.locks.some((held) => locks.includes(held)));

/**
 * Whether a thread at rest takes a call now. A call waits while somebody else has one of its mutexes, a process
 * ends when none of its threads is inside a call, and a device is given up once it is closed.
 */
export function mayBegin(host: VfioHost, call: Begins): boolean {
  if (call.type === 'unbind-vfio-pci' && isDeviceOpen(host, call.device)) return false;
  if (call.type === 'exit' && host.threads.some(({ caller }) => caller?.process === call.process))
    return false;
  return areFree(host, locksOf(host, call), call.thread);
}

/** Whether a thread that waits for mutexes can have them. */
export const mayTakeLocks = (host: VfioHost, { thread, wants }: ThreadState): boolean =>
  wants.length > 0 && areFree(host, wants, thread);

/** Whether a region can be unpinned: no thread may have looked it up and not counted its TCEs yet. */
export const mayFreeRegion = (host: VfioHost): boolean =>
  host.freeing.length > 0 &&
  !host.threads.some(({ stack }) =>
    stack.some((frame) => frame.fn === 'tce_iommu_build_v2' && frame.at === 'readingSlot'),
  );
