import {
  bytes,
  gpa,
  type Hcall,
  type HcallReturn,
  iommuPageShift,
  type KvmCall,
  type KvmReturn,
  liobn,
  type ThreadId,
  threadId,
} from '@spapr-dma/protocol';
import { initialTransition, type SnapshotFrom, transition } from 'xstate';
import {
  KVM_VERSIONS,
  type KvmConfig,
  type KvmReceived,
  type KvmSent,
  type KvmState,
  type KvmSwitches,
  type KvmVersionName,
  kvmConfig,
  kvmMachine,
} from '../src/index.ts';
import type { Question } from '../src/sent.ts';
import { RCU_THREAD } from '../src/state.ts';
import { FakeHost } from './fake-host.ts';
import { ua } from './units.ts';

const QUESTIONS: ReadonlySet<string> = new Set<Question['type']>([
  'vfio_file',
  'account_locked_vm',
  'mm_iommu_lookup',
  'ua_to_hpa',
  'mapped_inc',
  'mapped_dec',
  'table_group_read',
  'iommu_tce_table_get',
  'iommu_tce_table_put',
  'tce_xchg',
  'userspace_slot_read',
  'userspace_slot_write',
  'tce_kill',
]);
const isQuestion = (message: { readonly type: string }): message is Question => QUESTIONS.has(message.type);

export const RAM_UA = 0x7f00_0000_0000n;
export const RAM_HPA = 0x10_0000_0000n;
export const LIOBN = 0x8000_0000;
export const DDW_START = 1n << 59n;

export type Sizes = Partial<Pick<KvmConfig, 'entriesAtOnce' | 'indirectTcesMax' | 'hostPageShift'>>;
export const configOf = (
  version: KvmVersionName,
  switches: Partial<KvmSwitches> = {},
  sizes: Sizes = {},
): KvmConfig => {
  const { switches: own, features } = KVM_VERSIONS[version];
  return kvmConfig({ switches: { ...own, ...switches }, features }, sizes);
};

type Body<M> = M extends unknown ? Omit<M, 'from' | 'to' | 'thread'> : never;

/** A KVM with a fake host behind it. What it asks is answered in order, or one by one where the test wants it. */
export class Rig {
  readonly machine: ReturnType<typeof kvmMachine>;
  snapshot: SnapshotFrom<ReturnType<typeof kvmMachine>>;
  readonly host = new FakeHost();
  /** All that was sent to others than the host. */
  readonly sent: KvmSent[] = [];
  /** Questions that wait for their answer. */
  open: Question[] = [];
  seen = 0;

  constructor(config: KvmConfig = configOf('linux-6.12'), threads: { vcpus?: number; ioctls?: number } = {}) {
    this.machine = kvmMachine({ vcpus: 2, ...threads });
    [this.snapshot] = initialTransition(this.machine, { config });
  }
  get kvm(): KvmState {
    return this.snapshot.context;
  }

  /** Delivers a message, which has to be taken, and answers nothing. */
  say(event: KvmReceived): readonly KvmSent[] {
    if (!this.snapshot.can(event)) throw new Error(`${event.type} waits`);
    const [next, actions] = transition(this.machine, this.snapshot, event);
    this.snapshot = next;
    const sent = actions.map(({ params }) => (params as unknown as { event: KvmSent }).event);
    for (const message of sent) {
      if (message.type === ('unexpected' as never)) throw new Error(`unexpected ${event.type}`);
      if (isQuestion(message)) this.open.push(message);
      else this.sent.push(message);
    }
    return sent;
  }
  can(event: KvmReceived): boolean {
    return this.snapshot.can(event);
  }
  /** Answers a thread's question; tells which it was. */
  answer(thread: string): string {
    const at = this.open.findIndex((question) => question.thread === thread);
    const question = this.open[at];
    if (question === undefined) throw new Error(`${thread} asked nothing`);
    this.open.splice(at, 1);
    this.say(this.host.answer(question) as KvmReceived);
    return question.type;
  }
  /** Answers a thread's questions until it asks one of that type, or none. */
  answerUntil(thread: string, type: Question['type']): void {
    for (;;) {
      const question = this.open.find((one) => one.thread === thread);
      if (question === undefined || question.type === type) return;
      this.answer(thread);
    }
  }
  settle(): void {
    while (this.open[0] !== undefined) this.answer(this.open[0].thread);
  }

  /** A system call to its end. */
  syscall(body: Body<KvmCall>, thread = 'main'): KvmReturn['result'] {
    this.say({ ...body, from: 'qemu-spapr', to: 'kvm', thread: threadId(thread) } as KvmCall);
    this.settle();
    const last = this.sent.findLast((message) => message.type === 'kvm-return');
    if (last?.type !== 'kvm-return') throw new Error('no answer');
    return last.result;
  }
  value(body: Body<KvmCall>): number {
    const result = this.syscall(body);
    if (!result.ok) throw new Error(result.errno);
    return result.value;
  }
  errno(body: Body<KvmCall>): string {
    const result = this.syscall(body);
    return result.ok ? 'OK' : result.errno;
  }
  create(pageShift: number, offset: bigint, size: bigint, name = LIOBN): number {
    return this.value({
      type: 'KVM_CREATE_SPAPR_TCE_64',
      liobn: liobn(name),
      pageShift: iommuPageShift(pageShift),
      flags: 0,
      offset,
      size,
    });
  }
  /** Guest memory from 0 on, at the place where tests expect it. */
  memory(size: bigint): void {
    this.value({
      type: 'KVM_SET_USER_MEMORY_REGION',
      slot: 0,
      gpa: gpa(0n),
      bytes: bytes(size),
      ua: ua(RAM_UA),
    });
  }
  enableMultiTce(): void {
    for (const hcall of ['H_PUT_TCE_INDIRECT', 'H_STUFF_TCE'] as const) {
      this.value({ type: 'KVM_ENABLE_CAP', cap: 'KVM_CAP_PPC_ENABLE_HCALL', hcall });
    }
  }
  /** Gives the KVM-VFIO device a group, whose windows are these tables. */
  group(group: number, tables: readonly [number | null, number | null], fd = group): void {
    this.host.groups.set(group, tables);
    this.host.files.set(fd, { file: 'group', group });
    if (this.kvm.device === null) this.value({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' });
    this.value({ type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: fd });
  }
  attach(tableFd: number, groupFd: number): string {
    return this.errno({ type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', groupFd, tableFd });
  }

  /** Begins a hypercall. */
  enters(body: Body<Hcall>, cpu = 0): void {
    const thread: ThreadId = threadId(`vcpu${cpu}`);
    this.say({ ...body, from: 'guest-kernel', to: 'kvm', thread } as Hcall);
  }
  /** A hypercall to its end: its status, or `QEMU` where it has gone there. QEMU then answers with H_SUCCESS. */
  hcall(body: Body<Hcall>, cpu = 0): string {
    const before = this.sent.length;
    this.enters(body, cpu);
    this.settle();
    const left = this.sent.slice(before).find(({ to }) => to === 'guest-kernel' || to === 'qemu-spapr');
    if (left === undefined) throw new Error('the vCPU is still inside');
    if (left.to === 'guest-kernel') {
      const { status, tce } = left as HcallReturn;
      return tce === null ? status : `${status} 0x${tce.toString(16)}`;
    }
    this.say({
      type: 'hcall-return',
      from: 'qemu-spapr',
      to: 'kvm',
      thread: threadId(`vcpu${cpu}`),
      call: body.type,
      status: 'H_SUCCESS',
      tce: null,
    });
    return 'QEMU';
  }
  put(ioba: bigint, tce: bigint, name = LIOBN): string {
    return this.hcall({ type: 'H_PUT_TCE', liobn: BigInt(name), ioba, tce });
  }
  indirect(ioba: bigint, tces: readonly bigint[], npages = tces.length): string {
    return this.hcall({
      type: 'H_PUT_TCE_INDIRECT',
      liobn: BigInt(LIOBN),
      ioba,
      tceList: 0n,
      npages: BigInt(npages),
      tces,
    });
  }
  stuff(ioba: bigint, npages: bigint, tceValue = 0n): string {
    return this.hcall({ type: 'H_STUFF_TCE', liobn: BigInt(LIOBN), ioba, tceValue, npages });
  }
  get(ioba: bigint): string {
    return this.hcall({ type: 'H_GET_TCE', liobn: BigInt(LIOBN), ioba });
  }

  rcuStep() {
    return { type: 'step', from: 'environment', to: 'kvm', thread: RCU_THREAD } as const;
  }
  /** Lets RCU free all that waits. */
  grace(): void {
    while (this.can(this.rcuStep())) {
      this.say(this.rcuStep());
      this.settle();
    }
  }
  /** What KVM told to whoever listens, by the functions' names. */
  effects(): readonly string[] {
    return this.sent.flatMap((message) => (message.type === 'effect' ? [message.fn] : []));
  }
  costs(operation: string): number {
    return this.sent.reduce(
      (sum, message) =>
        message.type === 'cost' && message.operation === operation ? sum + message.count : sum,
      0,
    );
  }
}

/** A VM with 16 MiB of memory, of which the first 4 MiB are registered, and a window of 4K pages. */
export function attachedRig(
  config?: KvmConfig,
  { pageShift = 12, hwShift = 12, size = 16, registered = 0x40_0000n, threads = {} } = {},
): Rig {
  const rig = new Rig(config, threads);
  rig.memory(0x100_0000n);
  if (rig.kvm.config.features.multiTce) rig.enableMultiTce();
  rig.host.region(RAM_UA, registered, RAM_HPA);
  const fd = rig.create(pageShift, 0n, BigInt(size));
  rig.host.table(1, hwShift, 0n, size * 2 ** (pageShift - hwShift));
  rig.group(7, [1, null]);
  if (rig.attach(fd, 7) !== 'OK') throw new Error('the table does not fit');
  rig.host.asked.length = 0;
  rig.sent.length = 0;
  return rig;
}
