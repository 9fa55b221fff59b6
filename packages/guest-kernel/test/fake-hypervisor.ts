import {
  buid,
  bytes,
  type GuestPlatform,
  gpa,
  type Hcall,
  type HcallCode,
  type HcallReturn,
  ioba,
  liobn,
  type PhbNode,
  type RtasCall,
  type RtasReturn,
  type RtasStatus,
  threadId,
} from '@spapr-dma/protocol';
import { initialTransition, type SnapshotFrom, transition } from 'xstate';
import {
  type GuestConfig,
  type GuestEvent,
  type GuestKernel,
  type GuestSent,
  guestKernelMachine,
} from '../src/index.ts';

/** What the hypervisor of a test answers to a call; undefined leaves it to the default answers. */
export type Answers = {
  readonly hcall?: (call: Hcall) => { readonly status: HcallCode; readonly tce?: bigint } | undefined;
  readonly rtas?: (
    call: RtasCall,
  ) => { readonly status: RtasStatus; readonly outputs?: readonly number[] } | undefined;
};

export const BUID = buid(0x800_0000_2000_0000n);
export const MASK_64 = (1n << 64n) - 1n;
export const MASK_32 = (1n << 32n) - 1n;
export const vcpu = (cpu: number) => threadId(`vcpu${cpu}`);

/** A PHB as QEMU 7.2 describes its first one. */
export const phbNode = (change: Partial<PhbNode> = {}): PhbNode => ({
  buid: BUID,
  drcIndex: 0x2000_0000,
  dmaWindow: { liobn: liobn(0x8000_0000), start: ioba(0n), bytes: bytes(0x4000_0000n) },
  ddwApplicable: [0x2026, 0x2027, 0x2028],
  ddwExtensions: [2, 0x2029, 1],
  mmio32: { start: 0x8000_0000n, end: 0xffff_ffffn },
  devices: [{ id: 'nvme0', busno: 0, devfn: 0 }],
  ...change,
});

/** The machine of capture 01: 2 GiB, up to 4 GiB, one nvme. */
export const platform = (change: Partial<GuestPlatform> = {}): GuestPlatform => ({
  memory: {
    ranges: [{ gpa: gpa(0n), bytes: bytes(0x8000_0000n) }],
    hotplugMax: gpa(0x1_0000_0000n),
    pmemory: false,
  },
  phbs: [phbNode()],
  vio: [],
  multiTce: true,
  ...change,
});

export const powerOn = (change: Partial<GuestPlatform> = {}, bootArgs = {}): GuestEvent => ({
  type: 'power-on',
  from: 'environment',
  to: 'guest-kernel',
  thread: vcpu(0),
  platform: platform(change),
  bootArgs: { multitceOff: false, disableDdw: false, ...bootArgs },
  firmware: [],
});

/** A command to a vCPU. */
export const command = <Command extends object>(cpu: number, body: Command) =>
  ({ ...body, from: 'environment', to: 'guest-kernel', thread: vcpu(cpu) }) as Command & {
    from: 'environment';
    to: 'guest-kernel';
    thread: ReturnType<typeof vcpu>;
  };

/** QEMU's answers while one dynamic window can still be had. */
const DEFAULT_RTAS: Readonly<Record<string, readonly number[]>> = {
  'ibm,query-pe-dma-window': [1, 0x20, 0, 0x107, 0],
  'ibm,create-pe-dma-window': [0x8000_0001, 0x0800_0000, 0],
};

const isHcall = (message: GuestSent): message is Hcall => message.type.startsWith('H_');
const isRtas = (message: GuestSent): message is RtasCall => message.to !== 'environment' && !isHcall(message);

type Snapshot = SnapshotFrom<ReturnType<typeof guestKernelMachine>>;

/** A guest with a hypervisor that answers at once, or when it is told to. */
export class Guest {
  readonly machine;
  snapshot: Snapshot;
  /** Everything the guest sent, in order. */
  sent: GuestSent[] = [];
  /** Calls that wait for an answer. */
  open: (Hcall | RtasCall)[] = [];
  answers: Answers;

  constructor(config: Partial<GuestConfig> = {}, vcpus = 2, answers: Answers = {}) {
    this.machine = guestKernelMachine({ vcpus });
    this.answers = answers;
    [this.snapshot] = initialTransition(this.machine, config);
  }

  get kernel(): GuestKernel {
    return this.snapshot.context;
  }

  /** Delivers one message, and nothing else. */
  deliver(event: GuestEvent): GuestSent[] {
    const [next, actions] = transition(this.machine, this.snapshot, event);
    this.snapshot = next;
    const sent = actions.map(({ params }) => (params as unknown as { event: GuestSent }).event);
    this.sent.push(...sent);
    for (const message of sent) if (isHcall(message) || isRtas(message)) this.open.push(message);
    return sent;
  }

  /** The answer to a call. */
  answerTo(call: Hcall | RtasCall): HcallReturn | RtasReturn {
    const from = call.to === 'kvm' ? 'kvm' : 'qemu-spapr';
    const envelope = { from, to: 'guest-kernel', thread: call.thread } as const;
    if (isHcall(call)) {
      const { status, tce = null } = this.answers.hcall?.(call) ?? { status: 'H_SUCCESS' as const };
      return { ...envelope, type: 'hcall-return', call: call.type, status, tce };
    }
    const { status, outputs } = this.answers.rtas?.(call) ?? { status: 'SUCCESS' as const };
    const cells = outputs ?? (status === 'SUCCESS' ? (DEFAULT_RTAS[call.type] ?? []) : []);
    return {
      ...envelope,
      type: 'rtas-return',
      call: call.type,
      status,
      outputs: cells.slice(0, call.nret - 1),
      hcallStatus: 'H_SUCCESS',
    };
  }

  /** Answers the oldest open call. */
  answer(): GuestSent[] {
    return this.deliver(this.answerTo(this.open.shift()!));
  }

  /** Delivers a message and answers until nothing is open; what was sent meanwhile. */
  settle(event?: GuestEvent): GuestSent[] {
    const from = this.sent.length;
    if (event !== undefined) this.deliver(event);
    while (this.open.length > 0) this.answer();
    return this.sent.slice(from);
  }
}

/** A guest that has booted. */
export function bootedGuest(
  config: Partial<GuestConfig> = {},
  change: Partial<GuestPlatform> = {},
  vcpus = 2,
) {
  const guest = new Guest(config, vcpus);
  guest.settle(powerOn(change));
  return guest;
}

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

/** A call in one line; reports by their name. */
export function line(message: GuestSent): string {
  switch (message.type) {
    case 'H_PUT_TCE':
      return `put ${hex(message.liobn)} ${hex(message.ioba)} ${hex(message.tce)}`;
    case 'H_STUFF_TCE':
      return `stuff ${hex(message.liobn)} ${hex(message.ioba)} ${message.npages}`;
    case 'H_PUT_TCE_INDIRECT':
      return `indirect ${hex(message.liobn)} ${hex(message.ioba)} ${message.npages}`;
    case 'H_GET_TCE':
      return `get ${hex(message.liobn)} ${hex(message.ioba)}`;
    case 'ibm,query-pe-dma-window':
    case 'ibm,create-pe-dma-window':
    case 'ibm,remove-pe-dma-window':
    case 'ibm,reset-pe-dma-window':
    case 'set-indicator':
    case 'ibm,configure-connector':
      return `${message.type} ${message.args.map(hex).join(' ')}`;
    default:
      return message.type;
  }
}

/** The calls and reports of a run, without the kernel's log. */
export const lines = (messages: readonly GuestSent[]): string[] =>
  messages.filter(({ type }) => type !== 'printk').map(line);
