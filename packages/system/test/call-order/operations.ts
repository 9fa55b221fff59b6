import {
  bytes,
  ioba,
  iommuPageShift,
  type KvmCall,
  levelCount,
  liobn,
  threadId,
  type Ua,
  type VfioCall,
} from '@spapr-dma/protocol';
import type { AnyMessage } from '../../src/participants.ts';
import type { RecordedOperation } from './read-call-order.ts';

/** A file of the recorded program: what it is, and its number in the machine that has it. */
export interface RecordedFile {
  readonly kind: 'container' | 'group' | 'table' | 'kvm-device' | 'other';
  /** Null for a file that no machine has: `/dev/kvm`, a VM. */
  readonly fd: number | null;
}

/** The recorded program's descriptors, by number. */
export type RecordedFiles = ReadonlyMap<number, RecordedFile>;

/** The program's own files end below. */
const FIRST_FD = 6;

/** The number that the next file gets: the lowest that is free. */
export function nextFd(files: RecordedFiles): number {
  let fd = FIRST_FD;
  while (files.has(fd)) fd += 1;
  return fd;
}

const thread = threadId('main');
const toVfio = { from: 'environment', to: 'vfio-host', thread, process: 'qemu' } as const;
const toKvm = { from: 'qemu-spapr', to: 'kvm', thread } as const;
const block = { argsz: null, readable: true } as const;

const numberIn = ({ name, args }: RecordedOperation, key: string): bigint => {
  const value = args[key];
  if (value === undefined) throw new Error(`${name} has no ${key}`);
  return BigInt(value);
};

/** An address: a number, or an offset into the buffer, `buf+0x1000`. */
const addressIn = (operation: RecordedOperation, key: string, buffer: bigint): bigint => {
  const value = operation.args[key] ?? '';
  return value.startsWith('buf+') ? buffer + BigInt(value.slice(4)) : numberIn(operation, key);
};

const last = (files: RecordedFiles, kind: RecordedFile['kind']): number => {
  const fd = [...files.values()].filter((file) => file.kind === kind).at(-1)?.fd;
  if (fd == null) throw new Error(`there is no ${kind}`);
  return fd;
};

/** The machine's number of a file that the program names by its own. */
function fdIn(operation: RecordedOperation, key: string, files: RecordedFiles): number {
  const fd = files.get(Number(numberIn(operation, key)))?.fd;
  if (fd == null) throw new Error(`${operation.name}: ${key} is not open`);
  return fd;
}

/** A call on VFIO's files; null where the operation is none. */
function vfioCallOf(operation: RecordedOperation, files: RecordedFiles, buffer: bigint): VfioCall | null {
  const of = (key: string): bigint => numberIn(operation, key);
  const containerFd = (): number => last(files, 'container');
  const range = () => ({ vaddr: addressIn(operation, 'vaddr', buffer) as Ua, size: bytes(of('size')) });
  switch (operation.name) {
    case 'open': {
      const path = operation.words[0]!;
      return path.startsWith('/dev/vfio/') ? { ...toVfio, type: 'open', path } : null;
    }
    case 'GROUP_GET_STATUS':
      return { ...toVfio, type: 'VFIO_GROUP_GET_STATUS', groupFd: last(files, 'group') };
    case 'GROUP_SET_CONTAINER':
      return {
        ...toVfio,
        type: 'VFIO_GROUP_SET_CONTAINER',
        groupFd: fdIn(operation, 'group_fd', files),
        containerFd: fdIn(operation, 'container_fd', files),
      };
    case 'GROUP_UNSET_CONTAINER':
      return { ...toVfio, type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: fdIn(operation, 'group_fd', files) };
    case 'SET_IOMMU':
      return { ...toVfio, type: 'VFIO_SET_IOMMU', containerFd: containerFd(), iommuType: Number(of('type')) };
    case 'SPAPR_TCE_GET_INFO':
      return { ...toVfio, ...block, type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO', containerFd: containerFd() };
    case 'IOMMU_ENABLE':
      return { ...toVfio, type: 'VFIO_IOMMU_ENABLE', containerFd: containerFd() };
    case 'IOMMU_DISABLE':
      return { ...toVfio, type: 'VFIO_IOMMU_DISABLE', containerFd: containerFd() };
    case 'SPAPR_REGISTER_MEMORY':
    case 'SPAPR_UNREGISTER_MEMORY': {
      const type = `VFIO_IOMMU_${operation.name}` as const;
      return { ...toVfio, ...block, ...range(), type, containerFd: containerFd(), flags: 0 };
    }
    case 'SPAPR_TCE_CREATE':
      return {
        ...toVfio,
        ...block,
        type: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
        containerFd: containerFd(),
        pageShift: iommuPageShift(Number(of('page_shift'))),
        windowSize: bytes(of('window_size')),
        levels: levelCount(Number(of('levels'))),
        flags: 0,
      };
    case 'SPAPR_TCE_REMOVE':
      return {
        ...toVfio,
        ...block,
        type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE',
        containerFd: containerFd(),
        startAddr: ioba(of('start_addr')),
        flags: 0,
      };
    case 'MAP_DMA':
      return {
        ...toVfio,
        ...block,
        ...range(),
        type: 'VFIO_IOMMU_MAP_DMA',
        containerFd: containerFd(),
        iova: ioba(of('iova')),
        flags: Number(of('flags')),
      };
    case 'UNMAP_DMA':
      return {
        ...toVfio,
        ...block,
        type: 'VFIO_IOMMU_UNMAP_DMA',
        containerFd: containerFd(),
        iova: ioba(of('iova')),
        size: bytes(of('size')),
        flags: 0,
      };
    default:
      return null;
  }
}

/** A call on KVM's files; null where the operation is none. */
function kvmCallOf(operation: RecordedOperation, files: RecordedFiles): KvmCall | null {
  const of = (key: string): bigint => numberIn(operation, key);
  switch (operation.name) {
    case 'KVM_CREATE_SPAPR_TCE':
      return {
        ...toKvm,
        type: operation.name,
        liobn: liobn(Number(of('liobn'))),
        windowSize: bytes(of('window')),
      };
    case 'KVM_CREATE_SPAPR_TCE_64':
      return {
        ...toKvm,
        type: operation.name,
        liobn: liobn(Number(of('liobn'))),
        pageShift: iommuPageShift(Number(of('page_shift'))),
        flags: Number(of('flags')),
        offset: of('offset'),
        size: of('size'),
      };
    case 'KVM_CREATE_DEVICE':
      return { ...toKvm, type: operation.name, device: 'KVM_DEV_TYPE_VFIO' };
    case 'KVM_SET_DEVICE_ATTR':
      switch (operation.words[0]) {
        case 'VFIO_GROUP_ADD':
          return { ...toKvm, type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: last(files, 'group') };
        case 'VFIO_GROUP_DEL':
          return { ...toKvm, type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: last(files, 'group') };
        default:
          return {
            ...toKvm,
            type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE',
            groupFd: fdIn(operation, 'group', files),
            tableFd: fdIn(operation, 'table', files),
          };
      }
    default:
      return null;
  }
}

/** Closes what the program calls by that number; null for a file that no machine has. */
function closeOf(operation: RecordedOperation, files: RecordedFiles): VfioCall | KvmCall | null {
  const file = files.get(Number(numberIn(operation, 'fd')));
  if (file?.fd == null) return null;
  const ofKvm = file.kind === 'table' || file.kind === 'kvm-device';
  return ofKvm ? { ...toKvm, type: 'close', fd: file.fd } : { ...toVfio, type: 'close', fd: file.fd };
}

/** The message that stands for an operation; null where no machine takes part in it. */
export const messageOf = (
  operation: RecordedOperation,
  files: RecordedFiles,
  buffer: bigint,
): AnyMessage | null =>
  operation.name === 'close'
    ? closeOf(operation, files)
    : (vfioCallOf(operation, files, buffer) ?? kvmCallOf(operation, files));

/** What an operation that gives a descriptor makes; null where it gives none. */
function madeBy({ name, words }: RecordedOperation): RecordedFile['kind'] | null {
  if (name === 'open') {
    if (words[0] === '/dev/vfio/vfio') return 'container';
    return words[0]!.startsWith('/dev/vfio/') ? 'group' : 'other';
  }
  if (name === 'KVM_CREATE_VM') return 'other';
  if (name === 'KVM_CREATE_DEVICE') return 'kvm-device';
  return name.startsWith('KVM_CREATE_SPAPR_TCE') ? 'table' : null;
}

/** The program's files after an operation that returned `value` from its machine, or null from nobody. */
export function filesAfter(
  operation: RecordedOperation,
  files: RecordedFiles,
  value: number | null,
): RecordedFiles {
  const next = new Map(files);
  if (operation.name === 'close') next.delete(Number(numberIn(operation, 'fd')));
  const kind = madeBy(operation);
  if (kind !== null) next.set(nextFd(files), { kind, fd: value });
  return next;
}
