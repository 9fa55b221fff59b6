import {
  type ExitKvm,
  type Hcall,
  type HcallReturn,
  type KvmCall,
  type KvmFailNext,
  type KvmReturn,
  type RtasCall,
  type Step as StepMessage,
  unreachable,
  type ViewAccess,
} from '@spapr-dma/protocol';
import type { Frame } from './frames.js';
import { startsInRealMode } from './hcall.js';
import { type Answer, awaitedAt, type Place, type UserAnswer } from './places.js';
import { freeTable, graceIsOver, nobodyReads } from './rcu.js';
import { cost, type KvmSent, reportFrom } from './sent.js';
import {
  type KvmState,
  NO_THREAD,
  RCU_THREAD,
  type Task,
  vcpuLeft,
  vcpusInside,
  vcpuThread,
} from './state.js';
import type { Resumption, Returned } from './steps.js';
import { callOf, type Ran, run } from './task.js';
import { accessView, hasView } from './view-access.js';

/** Everything that KVM receives. */
export type KvmReceived =
  | Hcall
  | RtasCall
  | UserAnswer
  | Answer
  | KvmCall
  | ViewAccess
  | ExitKvm
  | KvmFailNext
  | StepMessage<'kvm'>;

/** KVM after a message, and what it sent. */
export interface Outcome {
  readonly kvm: KvmState;
  readonly sent: readonly KvmSent[];
}

/** The vCPU that a message names, by number; −1 for none. */
export const cpuOf = (kvm: KvmState, event: KvmReceived): number =>
  'thread' in event ? kvm.vcpus.findIndex((_, cpu) => vcpuThread(cpu) === event.thread) : -1;

const GROUP_CALLS: ReadonlySet<string> = new Set<KvmCall['type']>([
  'KVM_DEV_VFIO_GROUP_ADD',
  'KVM_DEV_VFIO_GROUP_DEL',
  'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE',
]);
const GROUP_FUNCTIONS: ReadonlySet<string> = new Set<Frame['fn']>([
  'kvm_vfio_file_add',
  'kvm_vfio_file_del',
  'kvm_vfio_file_set_spapr_tce',
  'kvm_vfio_release',
]);

/** Whether somebody is inside a call that holds the KVM-VFIO device's mutex. */
const deviceIsLocked = ({ ioctls }: KvmState): boolean =>
  ioctls.some(({ stack }) => stack.some(({ fn }) => GROUP_FUNCTIONS.has(fn)));

/** Whether QEMU is going: none of its threads enters the kernel any more. */
const isExiting = ({ ioctls }: KvmState): boolean =>
  ioctls.some(({ stack }) => stack.some(({ fn }) => fn === 'exit'));

/** The LIOBN of a hypercall on TCEs that a vCPU inside the kernel is at; undefined where it is at none. */
function liobnOf({ stack }: Task): bigint | undefined {
  const frame = stack.find((each) => each.fn === 'hcall');
  return frame !== undefined && 'liobn' in frame.call ? frame.call.liobn : undefined;
}

/** Whether another vCPU is at work on the window of a call, and the window has a lock (B-65). */
const isLocked = (kvm: KvmState, event: KvmReceived): boolean =>
  kvm.config.switches.tceLock === 'fixed' &&
  event.type.startsWith('H_') &&
  'liobn' in event &&
  vcpusInside(kvm).some((cpu) => liobnOf(kvm.vcpus[cpu]!) === event.liobn);

/** Whether a vCPU may enter the kernel: QEMU does not hold it, and is not going, and its window is free. */
export const mayEnter = (kvm: KvmState, event: KvmReceived): boolean =>
  kvm.holds === 0 && !isExiting(kvm) && !isLocked(kvm, event);

/** The region that takes a system call: the first that nobody is in; −1 while it has to wait. */
export function ioctlFor(kvm: KvmState, event: KvmReceived): number {
  if (isExiting(kvm)) return -1;
  if (GROUP_CALLS.has(event.type) && deviceIsLocked(kvm)) return -1;
  // A process ends when its threads have left the kernel.
  const waits =
    event.type === 'exit' && (vcpusInside(kvm).length > 0 || kvm.ioctls.some(({ at }) => at !== 'idle'));
  return waits ? -1 : kvm.ioctls.findIndex(({ at }) => at === 'idle');
}

/** Whether an access to a view is to one that there is. */
export const findsView = (kvm: KvmState, event: KvmReceived): boolean =>
  (event.type === 'view_load' || event.type === 'view_store' || event.type === 'view_bulk_load') &&
  hasView(kvm, event);

/** Whether a step of RCU's thread has something to free. */
export const rcuMaySteps = (kvm: KvmState, event: KvmReceived): boolean =>
  event.type === 'step' && event.thread === RCU_THREAD && graceIsOver(kvm);

/** Whether a task waits for that answer. */
export const awaits = ({ thread, at }: Task, event: KvmReceived): boolean =>
  'thread' in event && event.thread === thread && awaitedAt(at) === event.type;

const withVcpu = (kvm: KvmState, cpu: number, at: Place, stack: readonly Frame[]): KvmState => ({
  ...kvm,
  vcpus: kvm.vcpus.map((task, i) => (i === cpu ? { ...task, at, stack } : task)),
});
const withIoctl = (kvm: KvmState, ioctl: number, task: Task): KvmState => ({
  ...kvm,
  ioctls: kvm.ioctls.map((other, i) => (i === ioctl ? task : other)),
});

/** A vCPU after it ran: it waits inside the kernel, is back in the guest, or its call has gone to QEMU. */
function vcpuRan(cpu: number, { kvm, sent, waits, ended }: Ran): Outcome {
  if (waits !== null) return { kvm: withVcpu(kvm, cpu, waits.at, waits.stack), sent };
  const { frame, value } = ended!;
  const call = callOf(frame);
  if (value.kind !== 'hcall') return unreachable(`a hypercall ended with ${value.kind}`);
  const { status, tce } = value;
  const left = vcpuLeft(kvm, cpu);
  const wasInside = kvm.vcpus[cpu]!.at !== 'inGuest';
  if (status === 'H_TOO_HARD') {
    const exits = { ...call, from: 'kvm', to: 'qemu-spapr' } as const;
    return { kvm: withVcpu(left, cpu, 'inUserspace', []), sent: [...sent, exits] };
  }
  const answer: HcallReturn = {
    type: 'hcall-return',
    from: 'kvm',
    to: 'guest-kernel',
    thread: call.thread,
    call: call.type as Hcall['type'],
    status,
    tce,
  };
  return { kvm: wasInside ? withVcpu(left, cpu, 'inGuest', []) : left, sent: [...sent, answer] };
}

function kvmReturn({ type, thread }: KvmCall, value: Returned): KvmReturn {
  if (value.kind !== 'syscall') return unreachable(`a system call ended with ${value.kind}`);
  const result =
    value.errno === null
      ? ({ ok: true, value: value.value } as const)
      : ({ ok: false, errno: value.errno } as const);
  return { type: 'kvm-return', from: 'kvm', to: 'qemu-spapr', thread, call: type, result };
}

/** Whether a system call that took a hardware table from a LIOBN waits for vCPUs that may write it yet (B-46). */
const waitsForGrace = (kvm: KvmState, { type }: KvmCall, value: Returned): boolean =>
  kvm.config.switches.releaseWaits === 'fixed' &&
  (type === 'close' || type === 'KVM_DEV_VFIO_GROUP_DEL') &&
  value.kind === 'syscall' &&
  value.errno === null &&
  !nobodyReads(kvm);

/**
 * A system call after it ran. One that holds the vCPUs, or waits for a grace period, is answered when the vCPUs in
 * question have left the kernel.
 */
function ioctlRan(ioctl: number, task: Task, { kvm, sent, waits, ended }: Ran): Outcome {
  if (waits !== null) {
    return { kvm: withIoctl(kvm, ioctl, { ...task, at: waits.at, stack: waits.stack }), sent };
  }
  const { frame, value } = ended!;
  const idle = withIoctl(kvm, ioctl, { thread: NO_THREAD, at: 'idle', stack: [] });
  if (frame.fn !== 'syscall') return { kvm: idle, sent };
  if (frame.call.type === 'pause_all_vcpus' && vcpusInside(kvm).length > 0) {
    return { kvm: withIoctl(kvm, ioctl, { ...task, at: 'pausingVcpus', stack: [frame] }), sent };
  }
  if (waitsForGrace(kvm, frame.call, value)) {
    return { kvm: withIoctl(kvm, ioctl, { ...task, at: 'waitingForGracePeriod', stack: [frame] }), sent };
  }
  return { kvm: idle, sent: [...sent, kvmReturn(frame.call, value)] };
}

/** The vCPUs that a system call waited for are out: who made it is told. */
export function vcpusAreOut(kvm: KvmState, ioctl: number): Outcome {
  const [frame] = kvm.ioctls[ioctl]!.stack;
  if (frame?.fn !== 'syscall') return unreachable('nobody waits for the vCPUs');
  const idle = withIoctl(kvm, ioctl, { thread: NO_THREAD, at: 'idle', stack: [] });
  return { kvm: idle, sent: [kvmReturn(frame.call, { kind: 'syscall', value: 0, errno: null })] };
}

function rcuRan({ kvm, sent, waits }: Ran): Outcome {
  if (waits !== null) return { kvm: { ...kvm, rcu: { ...kvm.rcu, at: waits.at, stack: waits.stack } }, sent };
  const at = kvm.rcu.callbacks.length > 0 ? 'pending' : 'quiet';
  return { kvm: { ...kvm, rcu: { ...kvm.rcu, at, stack: [] } }, sent };
}

/** RCU frees the oldest thing that waits for it. */
function rcuSteps(kvm: KvmState): Outcome {
  const [callback, ...callbacks] = kvm.rcu.callbacks;
  if (callback === undefined) return unreachable('RCU frees nothing');
  const taken: KvmState = { ...kvm, rcu: { ...kvm.rcu, callbacks } };
  const { free } = callback;
  if (free.kind === 'table') {
    return rcuRan({ kvm: freeTable(taken, free.stt), sent: [], waits: null, ended: null });
  }
  const frame = { fn: 'kvm_spapr_tce_iommu_table_free', at: 'begin', hw: free.hw } as const;
  return rcuRan(run(taken, RCU_THREAD, [frame], { type: 'begin' }));
}

/** QEMU's answer to what was left to it goes on to the guest. */
const passedOn = (kvm: KvmState, answer: UserAnswer): Outcome => ({
  kvm: withVcpu(kvm, cpuOf(kvm, answer), 'inGuest', []),
  sent: [{ ...answer, from: 'kvm', to: 'guest-kernel' }],
});

/** Whoever waits for an answer goes on with it. */
function answered(kvm: KvmState, answer: Answer): Outcome {
  const resumed: Resumption = { type: 'answer', answer };
  if (awaits(kvm.rcu, answer)) return rcuRan(run(kvm, RCU_THREAD, kvm.rcu.stack, resumed));
  const ioctl = kvm.ioctls.findIndex((task) => awaits(task, answer));
  if (ioctl >= 0) {
    const task = kvm.ioctls[ioctl]!;
    return ioctlRan(ioctl, task, run(kvm, task.thread, task.stack, resumed));
  }
  const cpu = cpuOf(kvm, answer);
  const { thread, stack } = kvm.vcpus[cpu] ?? unreachable(`nobody waits for ${answer.type}`);
  return vcpuRan(cpu, run(kvm, thread, stack, resumed));
}

const FAILING = {
  kvm_spapr_get_tce_page: 'viewPage',
  kvmppc_spapr_tce_table: 'descriptor',
  kvmppc_spapr_tce_iommu_table: 'iommuTable',
} as const satisfies Record<KvmFailNext['call'], keyof KvmState['failNext']>;

function entersIoctl(kvm: KvmState, event: KvmCall | ExitKvm): Outcome {
  const ioctl = ioctlFor(kvm, event);
  const task: Task = { thread: event.thread, at: 'idle', stack: [] };
  const frame: Frame = event.type === 'exit' ? { fn: 'exit' } : { fn: 'syscall', call: event };
  return ioctlRan(ioctl, task, run(kvm, event.thread, [frame], { type: 'begin' }));
}

function entersHcall(kvm: KvmState, call: Hcall | RtasCall): Outcome {
  const frame: Frame = { fn: 'hcall', call, real: startsInRealMode(kvm, call) };
  return vcpuRan(cpuOf(kvm, call), run(kvm, call.thread, [frame], { type: 'begin' }));
}

/** What a message leads to; the chart has found out that it can be taken. */
export function outcomeOf(kvm: KvmState, event: KvmReceived): Outcome {
  switch (event.type) {
    case 'memory-access-return':
    case 'vfio-file-return':
    case 'table-group-return':
    case 'table-access-return':
      return answered(kvm, event);
    case 'hcall-return':
    case 'rtas-return':
      return passedOn(kvm, event);
    case 'view_load':
    case 'view_store':
    case 'view_bulk_load': {
      const { kvm: after, answer } = accessView(kvm, event);
      const { type: call, thread } = event;
      const view = { type: 'view-return', from: 'kvm', to: 'qemu-spapr', thread, call, ...answer } as const;
      const { faults } = answer;
      return {
        kvm: after,
        sent: [...(faults > 0 ? [reportFrom(thread, cost('view-fault', faults))] : []), view],
      };
    }
    case 'fail-next':
      return { kvm: { ...kvm, failNext: { ...kvm.failNext, [FAILING[event.call]]: true } }, sent: [] };
    case 'step':
      return rcuSteps(kvm);
    case 'KVM_GET_API_VERSION':
    case 'KVM_CHECK_EXTENSION':
    case 'KVM_CREATE_DEVICE':
    case 'KVM_SET_USER_MEMORY_REGION':
    case 'KVM_CREATE_SPAPR_TCE':
    case 'KVM_CREATE_SPAPR_TCE_64':
    case 'KVM_ENABLE_CAP':
    case 'KVM_DEV_VFIO_GROUP_ADD':
    case 'KVM_DEV_VFIO_GROUP_DEL':
    case 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE':
    case 'mmap':
    case 'close':
    case 'pause_all_vcpus':
    case 'resume_all_vcpus':
    case 'exit':
      return entersIoctl(kvm, event);
    default:
      return entersHcall(kvm, event);
  }
}
