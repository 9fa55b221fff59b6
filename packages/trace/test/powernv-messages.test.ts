import { describe, expect, test } from 'vitest';
import { BUFFER, type Json, opens, replayed, row } from './support/recording.ts';

/** The one message of a type that a row is, after the container and the group were opened. */
function messageOf(fields: Json): Json | undefined {
  const { host } = replayed([...opens, row({ n: 9, ...fields })]);
  const before = host.sent.filter(({ type }) => type === 'open').length;
  expect(before).toBe(2);
  const { type, from: _, to, thread, ...rest } = host.sent.at(-1)!;
  return { type, to, thread, ...rest };
}

describe('a row is a message', () => {
  const vfio = { to: 'vfio-host', thread: 'main', process: 'qemu' };
  const container = { ...vfio, containerFd: 3 };
  const unblocked = { ...container, argsz: null, readable: true };

  test.each<[Json, Json]>([
    [{ op: 'GET_API_VERSION' }, { ...container, type: 'VFIO_GET_API_VERSION' }],
    [
      { op: 'CHECK_EXTENSION', args: 'ext=7' },
      { ...container, type: 'VFIO_CHECK_EXTENSION', extension: 7 },
    ],
    [{ op: 'GROUP_GET_STATUS' }, { ...vfio, type: 'VFIO_GROUP_GET_STATUS', groupFd: 4 }],
    [
      { op: 'GROUP_SET_CONTAINER', args: 'group_fd=7 container_fd=6' },
      { ...container, type: 'VFIO_GROUP_SET_CONTAINER', groupFd: 4 },
    ],
    [
      { op: 'GROUP_UNSET_CONTAINER', args: 'group_fd=7' },
      { ...vfio, type: 'VFIO_GROUP_UNSET_CONTAINER', groupFd: 4 },
    ],
    [
      { op: 'GROUP_GET_DEVICE_FD', args: '0001:01:00.0' },
      { ...vfio, type: 'VFIO_GROUP_GET_DEVICE_FD', groupFd: 4, device: '0001:01:00.0' },
    ],
    [
      { op: 'SET_IOMMU', args: 'type=2' },
      { ...container, type: 'VFIO_SET_IOMMU', iommuType: 2 },
    ],
    [
      { op: 'SPAPR_TCE_GET_INFO', args: 'argsz=16' },
      { ...container, type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO', argsz: 16, readable: true },
    ],
    [
      { op: 'SPAPR_TCE_GET_INFO', args: 'arg=8' },
      { ...container, type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO', argsz: null, readable: false },
    ],
    [{ op: 'IOMMU_ENABLE' }, { ...container, type: 'VFIO_IOMMU_ENABLE' }],
    [{ op: 'IOMMU_DISABLE' }, { ...container, type: 'VFIO_IOMMU_DISABLE' }],
    [{ op: 'IOMMU_GET_INFO' }, { ...unblocked, type: 'VFIO_IOMMU_SPAPR_TCE_GET_INFO' }],
    [
      { op: 'SPAPR_REGISTER_MEMORY', args: 'vaddr=buf+0x40000 size=0x100000' },
      {
        ...unblocked,
        type: 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY',
        flags: 0,
        vaddr: BUFFER + 0x40000n,
        size: 0x100000n,
      },
    ],
    [
      { op: 'SPAPR_UNREGISTER_MEMORY', args: 'vaddr=(nil) size=0x10000' },
      { ...unblocked, type: 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY', flags: 0, vaddr: 0n, size: 0x10000n },
    ],
    [
      { op: 'SPAPR_TCE_CREATE', args: 'page_shift=16 window_size=0x40000000 levels=2' },
      {
        ...unblocked,
        type: 'VFIO_IOMMU_SPAPR_TCE_CREATE',
        pageShift: 16,
        windowSize: 0x40000000n,
        levels: 2,
        flags: 0,
      },
    ],
    [
      { op: 'SPAPR_TCE_REMOVE', args: 'start_addr=0x1000' },
      { ...unblocked, type: 'VFIO_IOMMU_SPAPR_TCE_REMOVE', startAddr: 0x1000n, flags: 0 },
    ],
    [
      { op: 'MAP_DMA', args: 'iova=0x800000000000000 vaddr=buf+0 size=0x10000 flags=1' },
      {
        ...unblocked,
        type: 'VFIO_IOMMU_MAP_DMA',
        flags: 1,
        iova: 1n << 59n,
        vaddr: BUFFER,
        size: 0x10000n,
      },
    ],
    [
      { op: 'UNMAP_DMA', args: 'iova=0x1000 size=0x1000' },
      { ...unblocked, type: 'VFIO_IOMMU_UNMAP_DMA', flags: 0, iova: 0x1000n, size: 0x1000n },
    ],
    [
      { op: 'EEH_PE_OP', args: 'op=5' },
      { ...unblocked, type: 'VFIO_EEH_PE_OP', op: 5 },
    ],
    [
      { op: 'EEH_PE_OP', args: 'GET_STATE' },
      { ...unblocked, type: 'VFIO_EEH_PE_OP', op: 4 },
    ],
    [
      { op: 'close', args: 'fd=7' },
      { ...vfio, type: 'close', fd: 4 },
    ],
  ])('%j', (fields, message) => {
    expect(messageOf(fields)).toEqual(message);
  });

  const kvm = { to: 'kvm', thread: 'main' };
  test.each<[Json, Json]>([
    [
      { op: 'KVM_CHECK_EXTENSION', args: 'cap=63' },
      { type: 'KVM_CHECK_EXTENSION', extension: 'KVM_CAP_SPAPR_TCE' },
    ],
    [
      { op: 'KVM_ENABLE_CAP', args: 'PPC_ENABLE_HCALL 0x13c' },
      { type: 'KVM_ENABLE_CAP', cap: 'KVM_CAP_PPC_ENABLE_HCALL', hcall: 'H_STUFF_TCE' },
    ],
    [
      { op: 'KVM_CREATE_DEVICE', args: 'type=VFIO' },
      { type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' },
    ],
    [
      { op: 'KVM_SET_DEVICE_ATTR', args: 'VFIO_GROUP_ADD' },
      { type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 4 },
    ],
    [
      { op: 'KVM_SET_DEVICE_ATTR', args: 'VFIO_GROUP_DEL' },
      { type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 4 },
    ],
    [
      { op: 'KVM_SET_DEVICE_ATTR', args: 'VFIO_GROUP_SET_SPAPR_TCE group=7 table=11' },
      { type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', groupFd: 4, tableFd: -1 },
    ],
    [
      { op: 'KVM_SET_USER_MEMORY_REGION', args: 'gpa=0x2000 size=0x1000000' },
      { type: 'KVM_SET_USER_MEMORY_REGION', slot: 0, gpa: 0x2000n, bytes: 0x1000000n, ua: BUFFER + 0x2000n },
    ],
    [
      { op: 'KVM_CREATE_SPAPR_TCE', args: 'liobn=0x70000000 window=0x10000000' },
      { type: 'KVM_CREATE_SPAPR_TCE', liobn: 0x70000000, windowSize: 0x10000000n },
    ],
    [
      {
        op: 'KVM_CREATE_SPAPR_TCE_64',
        args: 'liobn=0x80000005 page_shift=12 offset=0xfffffffffffffffc size=0x10 flags=1',
      },
      {
        type: 'KVM_CREATE_SPAPR_TCE_64',
        liobn: 0x80000005,
        pageShift: 12,
        offset: 0xffff_ffff_ffff_fffcn,
        size: 0x10n,
        flags: 1,
      },
    ],
  ])('%j', (fields, message) => {
    expect(messageOf(fields)).toEqual({ ...kvm, ...message });
  });

  test.each<[string, Json]>([
    ['H_PUT_TCE', { ioba: 0x3000n, tce: 0x20003n }],
    ['H_GET_TCE', { ioba: 0x3000n }],
    ['H_STUFF_TCE', { ioba: 0x3000n, tceValue: 0x20003n, npages: 8n }],
    ['H_PUT_TCE_INDIRECT', { ioba: 0x3000n, tceList: 0x20003n, npages: 8n, tces: [] }],
  ])('%s', (op, message) => {
    const args = 'liobn=0x80000000 ioba=0x3000 a2=0x20003 a3=0x8';
    expect(messageOf({ op, args })).toEqual({
      type: op,
      to: 'kvm',
      thread: 'vcpu0',
      liobn: 0x80000000n,
      ...message,
    });
  });
});

describe('the process gives descriptors, the lowest that is free', () => {
  test('and the machines have numbers of their own', () => {
    const { report, host } = replayed([
      row({ n: 0, args: '/dev/kvm', ret: 6 }),
      row({ n: 1, op: 'KVM_CREATE_VM', args: 'type=0', ret: 7 }),
      row({ n: 2, args: '/dev/vfio/vfio', ret: 8 }),
      row({ n: 3, op: 'close', args: 'fd=7' }),
      row({ n: 4, args: '/dev/vfio/2', ret: 7 }),
      row({ n: 5, op: 'KVM_CREATE_DEVICE', args: 'type=VFIO', ret: 0 }),
      row({ n: 6, op: 'close', args: 'fd=9' }),
      row({ n: 7, op: 'close', args: 'fd=9', ret: -1, errno: 9 }),
    ]);
    expect(report).toMatchObject({ vectors: 8, compared: 8, mismatches: 0 });
    expect(host.of('open')).toEqual([
      { path: '/dev/vfio/vfio', process: 'qemu' },
      { path: '/dev/vfio/2', process: 'qemu' },
    ]);
    expect(host.sent.at(-1)).toMatchObject({ type: 'close', to: 'kvm', fd: 5 });
  });
});
