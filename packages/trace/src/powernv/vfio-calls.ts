import {
  bytes,
  type Ioba,
  type IommuPageShift,
  type LevelCount,
  type Ua,
  type VfioCall,
  type VfioReturn,
} from '@spapr-dma/protocol';
import { type Answer, answerOf, hex, refused, returned } from './answer.js';
import type { Arguments, Place } from './arguments.js';
import { answerIn, type Caller, MAIN } from './caller.js';
import type { DeviceFile, OpenFile } from './descriptors.js';
import { addressOf } from './memory.js';

type Result = VfioReturn['result'];
/** A call as its file has it: without the envelope. */
type Bare<Call> = Call extends VfioCall ? Omit<Call, 'from' | 'to' | 'thread' | 'process'> : never;

/** Makes a system call on a file of VFIO. */
function call({ host, process }: Caller, bare: Bare<VfioCall>): Result {
  const message = { ...bare, from: 'qemu-spapr', to: 'vfio-host', thread: MAIN, process } as VfioCall;
  return answerIn<'vfio-return', VfioReturn>(host.send(message), 'vfio-return').result;
}

/** What a call that opens something returns: the process's own number for the new file. */
function opened({ files }: Caller, result: Result, file: (fd: number) => OpenFile): Answer {
  return result.ok ? returned(files.add(file(result.value))) : refused(result.errno);
}

/** The container a call is made on: the first that is open where nothing says which. */
const containerOf = ({ files, inputs }: Caller): number =>
  inputs.containerFd === null ? files.firstOf('container') : files.machineFd(inputs.containerFd);

function groupOf({ files }: Caller, args: Arguments, name = 'group_fd'): number {
  const fd = args.number(name);
  return fd === null ? files.firstOf('group') : files.machineFd(fd);
}

/** An ioctl with an argument block: its size, and whether it can be read at all. */
const block = (args: Arguments) => ({ argsz: args.number('argsz'), readable: !args.has('arg') });

const BUFFER: Place = { kind: 'buffer', offset: 0n };

/** The memory that a call names: brought in first, where it lies elsewhere than in the buffer. */
function memoryOf(
  caller: Caller,
  args: Arguments,
): { readonly vaddr: Ua; readonly size: ReturnType<typeof bytes> } {
  const place = args.place('vaddr') ?? BUFFER;
  const size = bytes(args.bigint('size', 0n));
  const { host, process, memory } = caller;
  const vma = memory.missing(place, size);
  if (vma !== null) {
    host.send({
      type: 'map-memory',
      from: 'environment',
      to: 'vfio-host',
      thread: MAIN,
      process,
      vma,
    } as never);
  }
  return { vaddr: addressOf(place), size };
}

const flagsOf = (args: Arguments, absent: number): number => args.number('flags') ?? absent;

/** Operations on PEs that the recordings call by name. @see [Linux] include/uapi/linux/vfio.h */
const EEH_OPS: Readonly<Record<string, number>> = {
  DISABLE: 0,
  ENABLE: 1,
  UNFREEZE_IO: 2,
  UNFREEZE_DMA: 3,
  GET_STATE: 4,
  RESET_DEACTIVATE: 5,
  RESET_HOT: 6,
  RESET_FUNDAMENTAL: 7,
  CONFIGURE: 8,
  INJECT_ERR: 9,
};

/** A block of which the call wrote nothing here holds what it held before. */
const untouched = (blockFill: number, count: number): bigint =>
  BigInt(`0x${blockFill.toString(16).padStart(2, '0').repeat(count)}`);

function getInfo(caller: Caller, args: Arguments): Answer {
  const type = 'VFIO_IOMMU_SPAPR_TCE_GET_INFO';
  const result = call(caller, { type, containerFd: containerOf(caller), ...block(args) });
  if (!result.ok || result.info === null) return answerOf(result);
  const { flags, dma32WindowStart, dma32WindowSize, ddw } = result.info;
  const fill = (count: number): bigint => untouched(caller.inputs.blockFill, count);
  return returned(result.value, {
    flags: hex(flags),
    dma32_start: hex(dma32WindowStart),
    dma32_size: hex(dma32WindowSize),
    'ddw.pgsizes': hex(ddw?.pgsizes ?? fill(8)),
    'ddw.maxwin': `${ddw?.maxDynamicWindows ?? fill(4)}`,
    'ddw.levels': `${ddw?.levels ?? fill(4)}`,
  });
}

function tceCreate(caller: Caller, args: Arguments): Answer {
  const result = call(caller, {
    type: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
    containerFd: containerOf(caller),
    ...block(args),
    pageShift: (args.number('page_shift') ?? 0) as IommuPageShift,
    windowSize: bytes(args.bigint('window_size', 0n)),
    levels: (args.number('levels') ?? 0) as LevelCount,
    flags: flagsOf(args, 0),
  });
  if (!result.ok || result.startAddr === null) return answerOf(result);
  return returned(result.value, { start_addr: hex(result.startAddr) });
}

type Play = (caller: Caller, args: Arguments) => Answer;

/** What the recordings call a system call on VFIO's files, and the message that it is. */
export const VFIO_CALLS: Readonly<Record<string, Play>> = {
  GET_API_VERSION: (caller) =>
    answerOf(call(caller, { type: 'VFIO_GET_API_VERSION', containerFd: containerOf(caller) })),
  CHECK_EXTENSION: (caller, args) =>
    answerOf(
      call(caller, {
        type: 'VFIO_CHECK_EXTENSION',
        containerFd: containerOf(caller),
        extension: args.number('ext') ?? args.wrong("has no 'ext' in its args"),
      }),
    ),
  GROUP_GET_STATUS: (caller, args) => {
    const result = call(caller, { type: 'VFIO_GROUP_GET_STATUS', groupFd: groupOf(caller, args) });
    return result.ok ? returned(0, { flags: hex(result.value) }) : refused(result.errno);
  },
  GROUP_SET_CONTAINER: (caller, args) => {
    const fd = args.number('container_fd');
    return answerOf(
      call(caller, {
        type: 'VFIO_GROUP_SET_CONTAINER',
        groupFd: groupOf(caller, args),
        containerFd: fd === null ? containerOf(caller) : caller.files.machineFd(fd),
      }),
    );
  },
  GROUP_UNSET_CONTAINER: (caller, args) =>
    answerOf(call(caller, { type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: groupOf(caller, args) })),
  GROUP_GET_DEVICE_FD: (caller, args) => {
    const device = args.word(0, 'device');
    const result = call(caller, { type: 'VFIO_GROUP_GET_DEVICE_FD', groupFd: groupOf(caller, args), device });
    return opened(caller, result, (fd) => ({ of: 'vfio', kind: 'device', fd, device, mapped: false }));
  },
  SET_IOMMU: (caller, args) =>
    answerOf(
      call(caller, {
        type: 'VFIO_SET_IOMMU',
        containerFd: containerOf(caller),
        iommuType: args.number('type') ?? args.wrong("has no 'type' in its args"),
      }),
    ),
  SPAPR_TCE_GET_INFO: getInfo,
  IOMMU_ENABLE: (caller) =>
    answerOf(call(caller, { type: 'VFIO_IOMMU_ENABLE', containerFd: containerOf(caller) })),
  IOMMU_DISABLE: (caller) =>
    answerOf(call(caller, { type: 'VFIO_IOMMU_DISABLE', containerFd: containerOf(caller) })),
  // Type 1's GET_INFO has the number of SPAPR's, so a container of SPAPR takes it for its own.
  IOMMU_GET_INFO: getInfo,
  SPAPR_REGISTER_MEMORY: (caller, args) =>
    answerOf(
      call(caller, {
        type: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY',
        containerFd: containerOf(caller),
        ...block(args),
        flags: flagsOf(args, 0),
        ...memoryOf(caller, args),
      }),
    ),
  SPAPR_UNREGISTER_MEMORY: (caller, args) =>
    answerOf(
      call(caller, {
        type: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
        containerFd: containerOf(caller),
        ...block(args),
        flags: flagsOf(args, 0),
        ...memoryOf(caller, args),
      }),
    ),
  SPAPR_TCE_CREATE: tceCreate,
  SPAPR_TCE_REMOVE: (caller, args) =>
    answerOf(
      call(caller, {
        type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE',
        containerFd: containerOf(caller),
        ...block(args),
        startAddr: args.bigint('start_addr', 0n) as Ioba,
        flags: flagsOf(args, 0),
      }),
    ),
  MAP_DMA: (caller, args) =>
    answerOf(
      call(caller, {
        type: 'VFIO_IOMMU_MAP_DMA',
        containerFd: containerOf(caller),
        ...block(args),
        flags: flagsOf(args, 3),
        iova: args.bigint('iova', 0n) as Ioba,
        ...memoryOf(caller, args),
      }),
    ),
  UNMAP_DMA: (caller, args) =>
    answerOf(
      call(caller, {
        type: 'VFIO_IOMMU_UNMAP_DMA',
        containerFd: containerOf(caller),
        ...block(args),
        flags: flagsOf(args, 0),
        iova: args.bigint('iova', 0n) as Ioba,
        size: bytes(args.bigint('size', 0n)),
      }),
    ),
  EEH_PE_OP: (caller, args) => {
    const named = args.words[0] === undefined ? undefined : EEH_OPS[args.words[0]];
    const op = args.number('op') ?? named ?? args.wrong('has no operation on PEs in its args');
    return answerOf(
      call(caller, { type: 'VFIO_EEH_PE_OP', containerFd: containerOf(caller), ...block(args), op }),
    );
  },
};

/** `open` of a path that is VFIO's. */
export function openVfio(caller: Caller, path: string): Answer {
  const kind = path === '/dev/vfio/vfio' ? 'container' : 'group';
  return opened(caller, call(caller, { type: 'open', path }), (fd) => ({ of: 'vfio', kind, fd }));
}

/** `close` of a descriptor that is VFIO's. */
export const closeVfio = (caller: Caller, fd: number): Answer =>
  answerOf(call(caller, { type: 'close', fd }));

/**
 * The process drives a device by its registers, which it has to map: that keeps the device's file, whatever
 * descriptors are closed.
 */
export function mapRegisters(caller: Caller, { number, file }: { number: number; file: DeviceFile }): void {
  if (file.mapped) return;
  call(caller, { type: 'mmap', fd: file.fd });
  caller.files.map(number, file);
}
