import {
  type Bytes,
  type Fd,
  type Gpa,
  type GroupId,
  type IommuTableFacts,
  type ThreadId,
  threadId,
  type Ua,
} from '@spapr-dma/protocol';
import type { KvmConfig } from './config.js';
import type { Frame } from './frames.js';
import type { Place } from './places.js';
import type { SpaprTceTable } from './spapr-tce-table.js';

/** Guest memory as KVM knows it. */
export interface Memslot {
  readonly slot: number;
  readonly gpa: Gpa;
  readonly bytes: Bytes;
  readonly ua: Ua;
}

/** A file that was given to the KVM-VFIO device. `group` is what KVM keeps of it once it looked. */
export interface KvmVfioFile {
  /** The file of a group is known by the group, since there is only one; that of a device by its descriptor. */
  readonly file:
    | { readonly kind: 'group'; readonly group: GroupId }
    | { readonly kind: 'device'; readonly fd: Fd };
  readonly group: GroupId | null;
}
/** The KVM-VFIO device; there is one at most. */
export interface KvmVfioDevice {
  readonly fd: Fd;
  readonly files: readonly KvmVfioFile[];
}

/** Hypercalls that KVM may answer itself. */
export const IN_KERNEL_HCALLS = ['H_PUT_TCE', 'H_GET_TCE', 'H_PUT_TCE_INDIRECT', 'H_STUFF_TCE'] as const;
export type InKernelHcall = (typeof IN_KERNEL_HCALLS)[number];

/** What a thread of control does: where it is in the chart, and the functions it is in, the outermost first. */
export interface Task {
  readonly thread: ThreadId;
  readonly at: Place;
  readonly stack: readonly Frame[];
}

/** What RCU does once nobody can see a thing any more that was unlinked. */
export interface RcuCallback {
  readonly free:
    | { readonly kind: 'iommuTable'; readonly hw: IommuTableFacts }
    | { readonly kind: 'table'; readonly stt: number };
  /** vCPUs, by number, that were inside the kernel when it was queued, and still are. */
  readonly readers: readonly number[];
}

/** Allocations that fail when they are asked for next. */
export interface NextFailures {
  readonly viewPage: boolean;
  readonly descriptor: boolean;
  readonly iommuTable: boolean;
}

/** One VM in KVM, as far as DMA goes. Plain data. */
export interface KvmState {
  readonly config: KvmConfig;
  /** The newest first, as in the kernel's list. */
  readonly tables: readonly SpaprTceTable[];
  /** In the order of their slots. */
  readonly memslots: readonly Memslot[];
  readonly enabledHcalls: Readonly<Record<InKernelHcall, boolean>>;
  readonly device: KvmVfioDevice | null;
  readonly vcpus: readonly Task[];
  readonly ioctls: readonly Task[];
  readonly rcu: Task & { readonly callbacks: readonly RcuCallback[] };
  readonly failNext: NextFailures;
  /** How many of QEMU's calls hold the vCPUs: a reset does, and so may what it leads to. */
  readonly holds: number;
}

/** What the machine is started with; what is left out is as in `KVM_CONFIG_DEFAULT`. */
export interface KvmInput {
  readonly config?: KvmConfig;
}

/** KVM's descriptors start here. */
export const FIRST_FD: Fd = 1000;
/** The thread that runs what waits for a grace period. QEMU has an RCU of its own, whose thread makes system calls. */
export const RCU_THREAD = threadId('kvm-rcu');
export const vcpuThread = (cpu: number): ThreadId => threadId(`vcpu${cpu}`);
/** An ioctl region that nobody is in belongs to no thread. */
export const NO_THREAD = threadId('');

const NO_FAILURES: NextFailures = { viewPage: false, descriptor: false, iommuTable: false };
const idleIoctl: Task = { thread: NO_THREAD, at: 'idle', stack: [] };

/** A VM that has just been created. */
export const initialKvm = (config: KvmConfig, vcpus: number, ioctls: number): KvmState => ({
  config,
  tables: [],
  memslots: [],
  enabledHcalls: { H_PUT_TCE: true, H_GET_TCE: true, H_PUT_TCE_INDIRECT: false, H_STUFF_TCE: false },
  device: null,
  vcpus: Array.from({ length: vcpus }, (_, cpu) => ({ thread: vcpuThread(cpu), at: 'inGuest', stack: [] })),
  ioctls: Array.from({ length: ioctls }, () => idleIoctl),
  rcu: { thread: RCU_THREAD, at: 'quiet', stack: [], callbacks: [] },
  failNext: NO_FAILURES,
  holds: 0,
});

/** The table a call on a LIOBN finds: the raw register is compared, all 64 bits of it. */
export const presentTable = (kvm: KvmState, liobn: bigint): SpaprTceTable | undefined =>
  kvm.tables.find((table) => table.mode === 'PRESENT' && BigInt(table.liobn) === liobn);

/** A table by its identity; undefined once it is freed. */
export const tableById = (kvm: KvmState, id: number): SpaprTceTable | undefined =>
  kvm.tables.find((table) => table.id === id);

/** The table behind a descriptor. */
export const tableOfFd = (kvm: KvmState, fd: Fd): SpaprTceTable | undefined =>
  kvm.tables.find((table) => table.fd === fd);

/** With a table in place of what it was. */
export const withTable = (kvm: KvmState, table: SpaprTceTable): KvmState => ({
  ...kvm,
  tables: kvm.tables.map((other) => (other.id === table.id ? table : other)),
});

/** The lowest descriptor that is free. */
export function freeFd(kvm: KvmState): Fd {
  const used = new Set([kvm.device?.fd, ...kvm.tables.map(({ fd }) => fd)]);
  let fd = FIRST_FD;
  while (used.has(fd)) fd += 1;
  return fd;
}

/** vCPUs that are inside the kernel now: neither in the guest nor in QEMU. */
export const vcpusInside = (kvm: KvmState): readonly number[] =>
  kvm.vcpus.flatMap(({ at }, cpu) => (at === 'inGuest' || at === 'inUserspace' ? [] : [cpu]));

/** With something that RCU frees when the vCPUs that may see it have left. */
export const callRcu = (kvm: KvmState, free: RcuCallback['free']): KvmState => ({
  ...kvm,
  rcu: {
    ...kvm.rcu,
    at: kvm.rcu.at === 'quiet' ? 'pending' : kvm.rcu.at,
    callbacks: [...kvm.rcu.callbacks, { free, readers: vcpusInside(kvm) }],
  },
});

/** With a vCPU counted as having left the kernel. */
export function vcpuLeft(kvm: KvmState, cpu: number): KvmState {
  if (!kvm.rcu.callbacks.some(({ readers }) => readers.includes(cpu))) return kvm;
  const callbacks = kvm.rcu.callbacks.map(({ free, readers }) => ({
    free,
    readers: readers.filter((reader) => reader !== cpu),
  }));
  return { ...kvm, rcu: { ...kvm.rcu, callbacks } };
}
