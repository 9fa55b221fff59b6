import {
  bytes,
  type Gpa,
  type IommuPageShift,
  KVM_CAPS,
  type KvmCall,
  type KvmEnableCap,
  type KvmExtension,
  type KvmReturn,
  liobn,
} from '@spapr-dma/protocol';
import { type Answer, type Played, refused, returned, unmodelled } from './answer.js';
import type { Arguments } from './arguments.js';
import { answerIn, type Caller, MAIN } from './caller.js';
import type { OpenFile } from './descriptors.js';
import { addressOf } from './memory.js';

type Result = KvmReturn['result'];
type Bare<Call> = Call extends KvmCall ? Omit<Call, 'from' | 'to' | 'thread'> : never;

/** Makes a system call on a file of KVM. */
function call({ host }: Caller, bare: Bare<KvmCall>): Result {
  const message = { ...bare, from: 'qemu-spapr', to: 'kvm', thread: MAIN } as KvmCall;
  return answerIn<'kvm-return', KvmReturn>(host.send(message), 'kvm-return').result;
}

const answerOf = (result: Result): Answer => (result.ok ? returned(result.value) : refused(result.errno));

const opened = ({ files }: Caller, result: Result, file: (fd: number) => OpenFile): Answer =>
  result.ok ? returned(files.add(file(result.value))) : refused(result.errno);

/** Capabilities by their numbers. */
const EXTENSIONS: ReadonlyMap<number, KvmExtension> = new Map(
  (Object.entries(KVM_CAPS) as [KvmExtension, number][]).map(([name, number]) => [number, name]),
);

/** Hypercalls by their numbers. @see [LoPAR] "Hypervisor Call Functions" */
const HCALLS: Readonly<Record<string, KvmEnableCap['hcall']>> = {
  '0x1c': 'H_GET_TCE',
  '0x20': 'H_PUT_TCE',
  '0x138': 'H_PUT_TCE_INDIRECT',
  '0x13c': 'H_STUFF_TCE',
};

function checkExtension(caller: Caller, args: Arguments): Played {
  const cap = args.number('cap') ?? args.wrong("has no 'cap' in its args");
  const extension = EXTENSIONS.get(cap);
  if (extension === undefined) return unmodelled('this capability of KVM has nothing to do with TCEs');
  return answerOf(call(caller, { type: 'KVM_CHECK_EXTENSION', extension }));
}

function enableCap(caller: Caller, args: Arguments): Played {
  const [cap, number = ''] = args.words;
  // Like the making of VM and vCPU: no TCE depends on it, and it cannot fail.
  if (cap === 'PPC_PAPR') return returned(0);
  const hcall = HCALLS[number];
  if (cap !== 'PPC_ENABLE_HCALL' || hcall === undefined) {
    return unmodelled('this capability of KVM has nothing to do with TCEs');
  }
  return answerOf(call(caller, { type: 'KVM_ENABLE_CAP', cap: 'KVM_CAP_PPC_ENABLE_HCALL', hcall }));
}

function setDeviceAttr(caller: Caller, args: Arguments): Played {
  const { files } = caller;
  const group = args.number('group');
  const groupFd = group === null ? files.firstOf('group') : files.machineFd(group);
  switch (args.words[0]) {
    case 'VFIO_GROUP_ADD':
      return answerOf(call(caller, { type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd }));
    case 'VFIO_GROUP_DEL':
      return answerOf(call(caller, { type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd }));
    case 'VFIO_GROUP_SET_SPAPR_TCE': {
      const tableFd = files.machineFd(args.number('table') ?? args.wrong("has no 'table' in its args"));
      return answerOf(call(caller, { type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', groupFd, tableFd }));
    }
    default:
      return unmodelled('this attribute of a device of KVM has nothing to do with TCEs');
  }
}

const table = (fd: number): OpenFile => ({ of: 'kvm', kind: 'table', fd });

type Play = (caller: Caller, args: Arguments) => Played;

/** What the recordings call a system call on KVM's files, and the message that it is. */
export const KVM_CALLS: Readonly<Record<string, Play>> = {
  KVM_GET_API_VERSION: (caller) => answerOf(call(caller, { type: 'KVM_GET_API_VERSION' })),
  KVM_CHECK_EXTENSION: checkExtension,
  KVM_ENABLE_CAP: enableCap,
  KVM_SET_DEVICE_ATTR: setDeviceAttr,
  KVM_CREATE_VM: ({ files }) => returned(files.add({ of: 'process', kind: 'vm' })),
  KVM_CREATE_VCPU: ({ files }) => returned(files.add({ of: 'process', kind: 'vcpu' })),
  KVM_CREATE_DEVICE: (caller, args) => {
    if (!args.has('type')) args.wrong("has no 'type' in its args");
    const result = call(caller, { type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' });
    // The new descriptor stands in the argument block; what is returned is 0.
    return result.ok
      ? { ...opened(caller, result, (fd) => ({ of: 'kvm', kind: 'device', fd })), ret: 0 }
      : answerOf(result);
  },
  KVM_SET_USER_MEMORY_REGION: (caller, args) => {
    const gpa = args.bigint('gpa', 0n);
    return answerOf(
      call(caller, {
        type: 'KVM_SET_USER_MEMORY_REGION',
        slot: args.number('slot') ?? 0,
        gpa: gpa as Gpa,
        bytes: bytes(args.bigint('size', 0n)),
        // The guest's memory at x is the buffer's.
        ua: addressOf({ kind: 'buffer', offset: gpa }),
      }),
    );
  },
  KVM_CREATE_SPAPR_TCE: (caller, args) =>
    opened(
      caller,
      call(caller, {
        type: 'KVM_CREATE_SPAPR_TCE',
        liobn: liobn(args.number('liobn') ?? 0),
        windowSize: bytes(args.bigint('window', 0n)),
      }),
      table,
    ),
  KVM_CREATE_SPAPR_TCE_64: (caller, args) =>
    opened(
      caller,
      call(caller, {
        type: 'KVM_CREATE_SPAPR_TCE_64',
        liobn: liobn(args.number('liobn') ?? 0),
        pageShift: (args.number('page_shift') ?? 0) as IommuPageShift,
        flags: args.number('flags') ?? 0,
        offset: args.bigint('offset', 0n),
        size: args.bigint('size', 0n),
      }),
      table,
    ),
};

/** `open` of `/dev/kvm`: the machine is KVM with its one VM. */
export const openKvm = ({ files }: Caller): Answer => returned(files.add({ of: 'process', kind: 'kvm' }));

/** `close` of a table or of the KVM-VFIO device. */
export const closeKvm = (caller: Caller, fd: number): Answer => answerOf(call(caller, { type: 'close', fd }));
