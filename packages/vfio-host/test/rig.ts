import {
  bytes,
  type Effect,
  type Hpa,
  type IommuPageShift,
  ioba,
  iommuPageShift,
  type LevelCount,
  levelCount,
  type TableAccess,
  type TableGroupOp,
  threadId,
  type Ua,
  type VfioCall,
  type VfioReturn,
  type VfioSpaprInfo,
  type Vma,
} from '@spapr-dma/protocol';
import { getInitialSnapshot, type SnapshotFrom, transition } from 'xstate';
import type { VfioHostReceived } from '../src/calls.ts';
import {
  VFIO_HOST_6_12,
  type VfioHostConfig,
  type VfioHostFeatures,
  type VfioHostSwitches,
} from '../src/config.ts';
import type { VfioHostInput } from '../src/initial.ts';
import type { Container, Region } from '../src/objects.ts';
import { type VfioHostSent, vfioHostMachine } from '../src/vfio-host.machine.ts';
import { FakePowernv } from './fake-powernv.ts';

export const BUF = 0x7f00_0000_0000n;
export const BUF_HPA = 0x10_0000_0000n;
export const buffer = (size = 0x800_0000n, more: Partial<Vma> = {}): Vma => ({
  ua: BUF as Ua,
  bytes: bytes(size),
  access: 'read-write',
  pageShift: 16,
  hpa: BUF_HPA as Hpa,
  ...more,
});

export interface RigOptions {
  readonly threads?: readonly string[];
  readonly switches?: Partial<VfioHostSwitches>;
  readonly features?: Partial<VfioHostFeatures>;
  readonly config?: Partial<VfioHostConfig>;
  readonly input?: Partial<VfioHostInput>;
  readonly groups?: readonly number[];
  readonly powernv?: FakePowernv;
}

/** Arguments as a test writes them; the rest is filled in. */
type Args = Readonly<Record<string, unknown>>;
export type Result = number | string;

/** VFIO with a fake platform beneath: calls run to their end, or message by message. */
export class Rig {
  readonly machine: ReturnType<typeof vfioHostMachine>;
  readonly powernv: FakePowernv;
  snapshot: SnapshotFrom<ReturnType<typeof vfioHostMachine>>;
  /** Everything it sent. */
  sent: VfioHostSent[] = [];

  constructor({
    threads = ['main'],
    switches,
    features,
    config,
    input,
    groups = [1, 2],
    powernv,
  }: RigOptions = {}) {
    this.machine = vfioHostMachine({ threads });
    this.powernv = powernv ?? new FakePowernv(groups);
    const full: VfioHostConfig = {
      ...VFIO_HOST_6_12,
      ...config,
      switches: { ...VFIO_HOST_6_12.switches, ...config?.switches, ...switches },
      features: { ...VFIO_HOST_6_12.features, ...config?.features, ...features },
    };
    this.snapshot = getInitialSnapshot(this.machine, {
      groups: groups.map((group) => ({ group, devices: [`000${group}:01:00.0`] })),
      processes: [{ process: 'qemu', vmas: [buffer()] }],
      ...input,
      config: full,
    });
  }

  get host() {
    return this.snapshot.context;
  }
  thread(name = 'main') {
    return this.host.threads.find(({ thread }) => thread === name)!;
  }
  /** VmLck in kB of a process that is, or was. */
  vmlck(process = 'qemu'): number {
    const mm = this.host.mms.find((each) => each.process === process);
    return ((mm?.lockedPages ?? 0) * 2 ** this.host.config.hostPageShift) / 1024;
  }
  container(id = 1): Container | undefined {
    return this.host.containers.find(({ container }) => container === id);
  }
  regions(process = 'qemu'): readonly Region[] {
    return this.host.mms.find((each) => each.process === process)?.regions ?? [];
  }

  can(event: VfioHostReceived): boolean {
    return this.snapshot.can(event);
  }
  /** Delivers one message; what it leads to stays in `sent`. */
  deliver(event: VfioHostReceived): readonly VfioHostSent[] {
    const [next, actions] = transition(this.machine, this.snapshot, event);
    this.snapshot = next;
    const sent = actions.map((action) => (action.params as unknown as { event: VfioHostSent }).event);
    this.sent.push(...sent);
    return sent;
  }
  /** The platform's answer to the last message that a thread sent. */
  answer(sent: readonly VfioHostSent[]): VfioHostReceived | undefined {
    const asked = sent.find(({ to }) => to === 'powernv-ioda2') as TableGroupOp | TableAccess | undefined;
    if (asked === undefined) return undefined;
    const isAccess = /^(tce_|userspace_)/.test(asked.type);
    return isAccess ? this.powernv.access(asked as TableAccess) : this.powernv.groupOp(asked as TableGroupOp);
  }
  /** What a thread that waits for mutexes goes on by. */
  step(thread = 'main'): VfioHostReceived {
    return { type: 'step', from: 'environment', to: 'vfio-host', thread: threadId(thread) };
  }
  /** Delivers messages until the thread has its answer; undefined where it does not come to one. */
  run(event: VfioHostReceived): VfioHostSent | undefined {
    let next: VfioHostReceived | undefined = event;
    for (;;) {
      if (!this.can(next)) return undefined;
      const sent = this.deliver(next);
      const done = sent.find(({ type }) => /-return$|^host-done$|^unexpected$/.test(type));
      if (done !== undefined) return done;
      next = this.answer(sent) ?? this.step((next as { readonly thread: string }).thread);
    }
  }

  /** A message of a process. */
  message(type: string, args: Args = {}): VfioHostReceived {
    const { thread = 'main', ...rest } = args;
    return cleaned({
      type,
      from: 'qemu-spapr',
      to: 'vfio-host',
      process: 'qemu',
      containerFd: 3,
      groupFd: 4,
      ...(WITH_BLOCK.test(type) ? { argsz: null, readable: true, flags: 0 } : {}),
      ...rest,
      ...(type === 'open' || type === 'close' || type === 'mmap'
        ? { containerFd: undefined, groupFd: undefined }
        : {}),
      ...(type.startsWith('VFIO_GROUP')
        ? type.endsWith('SET_CONTAINER')
          ? {}
          : { containerFd: undefined }
        : { groupFd: undefined }),
      thread: threadId(thread as string),
    } as unknown as VfioHostReceived);
  }
  /** A call, run to its end: the number it returns, or its errno. */
  call(type: VfioCall['type'], args: Args = {}): Result {
    const reply = this.reply(type, args);
    return reply.ok ? reply.value : reply.errno;
  }
  reply(type: VfioCall['type'], args: Args = {}): VfioReturn['result'] {
    const done = this.run(this.message(type, args));
    if (done?.type !== 'vfio-return') throw new Error(`${type} ends with ${done?.type}`);
    return done.result;
  }
  /** What happens beside calls. */
  event(type: string, args: Args = {}): VfioHostSent | undefined {
    const message = {
      type,
      from: 'environment',
      to: 'vfio-host',
      process: 'qemu',
      thread: threadId('main'),
      ...args,
    };
    return this.run(message as unknown as VfioHostReceived);
  }
  exit(process = 'qemu', thread = 'main'): VfioHostSent | undefined {
    return this.event('exit', { process, thread: threadId(thread) });
  }

  open(path = '/dev/vfio/vfio', args: Args = {}): Result {
    return this.call('open', { path, ...args });
  }
  close(fd: number, args: Args = {}): Result {
    return this.call('close', { fd, ...args });
  }
  setIommu(iommuType = 7, args: Args = {}): Result {
    return this.call('VFIO_SET_IOMMU', { iommuType, ...args });
  }
  /** Opens a container (3) and a group (4), and sets the type. */
  attach(group = 1, iommuType = 7): this {
    this.open();
    this.open(`/dev/vfio/${group}`);
    this.call('VFIO_GROUP_SET_CONTAINER');
    this.setIommu(iommuType);
    return this;
  }
  register(offset = 0n, size = 0x10_0000n, args: Args = {}): Result {
    return this.call('VFIO_IOMMU_SPAPR_REGISTER_MEMORY', { vaddr: BUF + offset, size, ...args });
  }
  unregister(offset = 0n, size = 0x10_0000n, args: Args = {}): Result {
    return this.call('VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY', { vaddr: BUF + offset, size, ...args });
  }
  map(iova: bigint, offset: bigint, size: bigint, args: Args = {}): Result {
    return this.call('VFIO_IOMMU_MAP_DMA', {
      iova: ioba(iova),
      vaddr: BUF + offset,
      size,
      flags: 3,
      ...args,
    });
  }
  unmap(iova: bigint, size: bigint, args: Args = {}): Result {
    return this.call('VFIO_IOMMU_UNMAP_DMA', { iova: ioba(iova), size, ...args });
  }
  create(pageShift: number, windowSize: bigint, levels: number, args: Args = {}): Result {
    const shape: { pageShift: IommuPageShift; levels: LevelCount } = {
      pageShift: iommuPageShift(pageShift),
      levels: levelCount(levels),
    };
    return this.call('VFIO_IOMMU_SPAPR_TCE_CREATE', { ...shape, windowSize: bytes(windowSize), ...args });
  }
  remove(startAddr: bigint, args: Args = {}): Result {
    return this.call('VFIO_IOMMU_SPAPR_TCE_REMOVE', { startAddr: ioba(startAddr), ...args });
  }
  info(args: Args = {}): VfioSpaprInfo | Result | null {
    const reply = this.reply('VFIO_IOMMU_SPAPR_TCE_GET_INFO', args);
    return reply.ok ? reply.info : reply.errno;
  }

  /** The kernel's functions that ran since the last time, by name and with how often in a row. */
  effects(): readonly Effect[] {
    const effects = this.sent.filter((each): each is Effect => each.type === 'effect');
    this.sent = [];
    return effects;
  }
  ran(): readonly string[] {
    return this.effects().map(({ fn, args }) => {
      const shown = Object.entries(args).filter(([name]) => SHOWN.includes(name));
      return shown.length === 0
        ? fn
        : `${fn} ${shown.map(([name, value]) => `${name}=${Number(value)}`).join(' ')}`;
    });
  }
}

const SHOWN = ['pages', 'inc', 'used', 'mapped', 'count', 'entries'];
const WITH_BLOCK = /^VFIO_(IOMMU_SPAPR|IOMMU_MAP|IOMMU_UNMAP|EEH)/;
const cleaned = (message: VfioHostReceived): VfioHostReceived =>
  Object.fromEntries(
    Object.entries(message).filter(([, value]) => value !== undefined),
  ) as unknown as VfioHostReceived;
