import { expect, test } from 'vitest';
import { vfioHostConfigOf } from '../src/config.ts';
import { FakePowernv } from './fake-powernv.ts';
import { BUF, Rig } from './rig.ts';

/** A refused call leaves the very same state, but for the process that a first call brings. */
const refused = (rig: Rig, call: () => unknown): unknown => {
  const before = rig.host;
  const result = call();
  expect(rig.host).toEqual(before);
  return result;
};

const attached = (): Rig => new Rig().attach();
const registered = (): Rig => {
  const rig = attached();
  rig.register();
  return rig;
};
const withWindow = (): Rig => {
  const rig = registered();
  rig.map(0n, 0n, 0n);
  return rig;
};
const v1 = (): Rig => new Rig().attach(1, 2);
const enabled = (): Rig => {
  const rig = v1();
  rig.call('VFIO_IOMMU_ENABLE');
  return rig;
};

const ROW: Readonly<Record<string, () => Rig>> = {
  attached,
  registered,
  withWindow,
  v1,
  enabled,
  opened: () => {
    const rig = new Rig();
    rig.open();
    rig.open('/dev/vfio/1');
    return rig;
  },
  grouped: () => {
    const rig = new Rig();
    rig.open();
    rig.open('/dev/vfio/1');
    rig.call('VFIO_GROUP_SET_CONTAINER');
    return rig;
  },
};
const of = (name: string): Rig => ROW[name]!();

test.each`
  case                                  | path                | result
  ${'a container'}                      | ${'/dev/vfio/vfio'} | ${5}
  ${'another group'}                    | ${'/dev/vfio/2'}    | ${5}
  ${'a group that is open'}             | ${'/dev/vfio/1'}    | ${'EBUSY'}
  ${'a group without vfio-pci devices'} | ${'/dev/vfio/9'}    | ${'ENOENT'}
  ${'another path'}                     | ${'/dev/null'}      | ${'ENOENT'}
`('open: $case → $result', ({ path, result }) => {
  const rig = of('opened');
  const open = () => rig.open(path);
  expect(typeof result === 'string' ? refused(rig, open) : open()).toBe(result);
});

test.each`
  case                                | state        | args                   | result
  ${'no such group descriptor'}       | ${'opened'}  | ${{ groupFd: 99 }}     | ${'EBADF'}
  ${'a container for a group'}        | ${'opened'}  | ${{ groupFd: 3 }}      | ${'ENOTTY'}
  ${'no such container descriptor'}   | ${'opened'}  | ${{ containerFd: 99 }} | ${'EBADF'}
  ${'a group that is in a container'} | ${'grouped'} | ${{}}                  | ${'EINVAL'}
  ${'a group for a container'}        | ${'opened'}  | ${{ containerFd: 4 }}  | ${'EBADF'}
  ${'a group and an empty container'} | ${'opened'}  | ${{}}                  | ${0}
`('VFIO_GROUP_SET_CONTAINER: $case → $result', ({ state, args, result }) => {
  const rig = of(state);
  const set = () => rig.call('VFIO_GROUP_SET_CONTAINER', args);
  expect(result === 0 ? set() : refused(rig, set)).toBe(result);
});

test('VFIO_GROUP_SET_CONTAINER: what the platform says of the claim is the answer', () => {
  const rig = of('opened');
  rig.powernv.groups.get(1)!.hostDriver = true;
  expect(refused(rig, () => rig.call('VFIO_GROUP_SET_CONTAINER'))).toBe('EPERM');
  expect(rig.call('VFIO_GROUP_GET_STATUS')).toBe(0);
});

test('VFIO_GROUP_GET_STATUS tells viable groups and those in a container', () => {
  const rig = of('opened');
  expect(rig.call('VFIO_GROUP_GET_STATUS')).toBe(1);
  rig.call('VFIO_GROUP_SET_CONTAINER');
  expect(rig.call('VFIO_GROUP_GET_STATUS')).toBe(3);
  expect(rig.call('VFIO_GROUP_GET_STATUS', { groupFd: 3 })).toBe('ENOTTY');
});

test.each`
  case                        | state         | iommuType | result
  ${'an empty container'}     | ${'opened'}   | ${7}      | ${'EINVAL'}
  ${'a type of another kind'} | ${'grouped'}  | ${1}      | ${'ENODEV'}
  ${'no type at all'}         | ${'grouped'}  | ${99}     | ${'ENODEV'}
  ${'EEH, which is no type'}  | ${'grouped'}  | ${5}      | ${'EINVAL'}
  ${'a second time'}          | ${'attached'} | ${7}      | ${'EINVAL'}
  ${'v2'}                     | ${'grouped'}  | ${7}      | ${0}
  ${'v1'}                     | ${'grouped'}  | ${2}      | ${0}
`('VFIO_SET_IOMMU: $case → $result', ({ state, iommuType, result }) => {
  const rig = of(state);
  const set = () => rig.setIommu(iommuType);
  expect(result === 0 ? set() : refused(rig, set)).toBe(result);
});

test.each`
  case                            | facts                       | result
  ${'v2 without dynamic windows'} | ${{ maxDynamicWindows: 0 }} | ${'EINVAL'}
  ${'v2 with them'}               | ${{ maxDynamicWindows: 1 }} | ${0}
`('VFIO_SET_IOMMU: a platform of $case → $result', ({ facts, result }) => {
  const rig = new Rig({ powernv: new FakePowernv([1], facts) });
  rig.open();
  rig.open('/dev/vfio/1');
  rig.call('VFIO_GROUP_SET_CONTAINER');
  expect(rig.setIommu()).toBe(result);
  expect(rig.container()!.iommu?.mode).toBe(result === 0 ? 'open' : undefined);
});

test('VFIO_SET_IOMMU: a group that is no PE is ENODEV, and leaves no driver', () => {
  const rig = of('grouped');
  rig.powernv.groups.get(1)!.isNoPe = true;
  expect(refused(rig, () => rig.setIommu())).toBe('ENODEV');
});

test('a group of another kind cannot share a container, and goes back to the host', () => {
  const rig = attached();
  rig.powernv.groups.get(2)!.facts = { ...rig.powernv.groups.get(2)!.facts, ops: 'ioda1' };
  rig.open('/dev/vfio/2');
  expect(refused(rig, () => rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 }))).toBe('EPERM');
  expect(rig.powernv.groups.get(2)!.owner).toBe('platform');
});

test.each`
  linux           | result
  ${'linux-4.2'}  | ${0}
  ${'linux-4.10'} | ${'EPERM'}
  ${'linux-6.1'}  | ${'EPERM'}
  ${'linux-6.4'}  | ${0}
`('v1 on a platform whose groups change hands, $linux → $result', ({ linux, result }) => {
  const rig = new Rig({ config: vfioHostConfigOf(linux) });
  rig.open();
  rig.open('/dev/vfio/1');
  rig.call('VFIO_GROUP_SET_CONTAINER');
  expect(rig.setIommu(2)).toBe(result);
  if (result !== 0) return;
  // ENABLE charges the addresses of the window, 2 GiB; its table is charged with the window itself.
  expect(rig.call('VFIO_IOMMU_ENABLE')).toBe(0);
  expect(rig.map(0n, 0n, 0x1000n)).toBe(0);
  expect(rig.vmlck()).toBe(0x20_0000 + 8192);
  expect(rig.host.mms[0]!.pinnedPages).toBe(1);
  rig.close(4);
  expect(rig.vmlck()).toBe(0);
});

test('v1 takes one group; a second is claimed, refused and released', () => {
  const rig = v1();
  rig.open('/dev/vfio/2');
  rig.powernv.log.length = 0;
  expect(refused(rig, () => rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 }))).toBe('EBUSY');
  expect(rig.powernv.log).toEqual([
    'iommu_group_claim_dma_owner 2',
    'table_group_read 2',
    'iommu_group_release_dma_owner 2',
  ]);
});

test.each`
  case                       | state         | device            | result
  ${'another device'}        | ${'attached'} | ${'0002:01:00.0'} | ${'ENODEV'}
  ${'without a container'}   | ${'opened'}   | ${'0001:01:00.0'} | ${'EINVAL'}
  ${'before VFIO_SET_IOMMU'} | ${'grouped'}  | ${'0001:01:00.0'} | ${'EINVAL'}
  ${'a device of the group'} | ${'attached'} | ${'0001:01:00.0'} | ${5}
`('VFIO_GROUP_GET_DEVICE_FD: $case → $result', ({ state, device, result }) => {
  expect(of(state).call('VFIO_GROUP_GET_DEVICE_FD', { device })).toBe(result);
});

test('VFIO_GROUP_UNSET_CONTAINER: EINVAL outside, EBUSY with an open device, 0', () => {
  const rig = of('opened');
  expect(refused(rig, () => rig.call('VFIO_GROUP_UNSET_CONTAINER'))).toBe('EINVAL');
  rig.call('VFIO_GROUP_SET_CONTAINER');
  rig.setIommu();
  rig.call('VFIO_GROUP_GET_DEVICE_FD', { device: '0001:01:00.0' });
  expect(refused(rig, () => rig.call('VFIO_GROUP_UNSET_CONTAINER'))).toBe('EBUSY');
  rig.close(5);
  expect(rig.call('VFIO_GROUP_UNSET_CONTAINER')).toBe(0);
});

const CONTAINER_CALLS = [
  'VFIO_IOMMU_SPAPR_TCE_GET_INFO',
  'VFIO_IOMMU_ENABLE',
  'VFIO_IOMMU_DISABLE',
  'VFIO_IOMMU_SPAPR_REGISTER_MEMORY',
  'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY',
  'VFIO_IOMMU_SPAPR_TCE_CREATE',
  'VFIO_IOMMU_SPAPR_TCE_REMOVE',
  'VFIO_IOMMU_MAP_DMA',
  'VFIO_IOMMU_UNMAP_DMA',
  'VFIO_EEH_PE_OP',
  'ioctl',
] as const;
const ARGS = {
  vaddr: BUF,
  size: 0x10000n,
  iova: 0n,
  startAddr: 0n,
  pageShift: 16,
  windowSize: 1n << 30n,
  levels: 1,
  op: 4,
  command: 1,
};

test.each(CONTAINER_CALLS)(
  '%s without a driver → EINVAL, of no descriptor EBADF, of a group ENOTTY',
  (call) => {
    const rig = of('grouped');
    expect(refused(rig, () => rig.call(call, ARGS))).toBe('EINVAL');
    expect(refused(rig, () => rig.call(call, { ...ARGS, containerFd: 99 }))).toBe('EBADF');
    expect(refused(rig, () => rig.call(call, { ...ARGS, containerFd: 4 }))).toBe('ENOTTY');
  },
);
test.each(CONTAINER_CALLS)('%s of a process that the container does not belong to → EPERM', (call) => {
  const rig = registered();
  rig.deliver(rig.message('fork', { child: 'child' }));
  expect(refused(rig, () => rig.call(call, { ...ARGS, process: 'child' }))).toBe('EPERM');
  expect(rig.call('VFIO_CHECK_EXTENSION', { extension: 7, process: 'child' })).toBe(1);
  expect(rig.call('VFIO_GET_API_VERSION', { process: 'child' })).toBe(0);
});

test.each`
  call                                    | v2          | v1
  ${'VFIO_IOMMU_ENABLE'}                  | ${'ENOTTY'} | ${0}
  ${'VFIO_IOMMU_DISABLE'}                 | ${'ENOTTY'} | ${0}
  ${'VFIO_IOMMU_SPAPR_REGISTER_MEMORY'}   | ${0}        | ${'ENOTTY'}
  ${'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY'} | ${'EPERM'}  | ${'ENOTTY'}
  ${'VFIO_IOMMU_SPAPR_TCE_CREATE'}        | ${0}        | ${'ENOTTY'}
  ${'VFIO_IOMMU_SPAPR_TCE_REMOVE'}        | ${0}        | ${'ENOTTY'}
  ${'ioctl'}                              | ${'ENOTTY'} | ${'ENOTTY'}
`('$call: v2 $v2, v1 $v1', ({ call, v2: second, v1: first }) => {
  expect(attached().call(call, ARGS)).toBe(second);
  expect(v1().call(call, ARGS)).toBe(first);
});

test.each`
  case                     | args                   | result
  ${'an unreadable block'} | ${{ readable: false }} | ${'EFAULT'}
  ${'a block of 15 bytes'} | ${{ argsz: 15 }}       | ${'EINVAL'}
`('VFIO_IOMMU_SPAPR_TCE_GET_INFO: $case → $result', ({ args, result }) => {
  const rig = attached();
  expect(refused(rig, () => rig.info(args))).toBe(result);
});
test('VFIO_IOMMU_SPAPR_TCE_GET_INFO tells of dynamic windows where the block has room, and not in v1', () => {
  const ddw = { pgsizes: 0x4021_1000n, maxDynamicWindows: 2, levels: 5 };
  const window = { dma32WindowStart: 0n, dma32WindowSize: 0x8000_0000n };
  expect(attached().info()).toEqual({ flags: 1, ...window, ddw });
  expect(attached().info({ argsz: 32 })).toEqual({ flags: 1, ...window, ddw });
  expect(attached().info({ argsz: 31 })).toEqual({ flags: 1, ...window, ddw: null });
  expect(v1().info()).toEqual({ flags: 0, ...window, ddw: null });
});

test.each`
  case                                  | state           | args                                      | result
  ${'nothing registered'}               | ${'attached'}   | ${{ readable: false }}                    | ${'EPERM'}
  ${'v1 before ENABLE'}                 | ${'v1'}         | ${{ readable: false }}                    | ${'EPERM'}
  ${'an unreadable block'}              | ${'registered'} | ${{ readable: false, argsz: 1 }}          | ${'EFAULT'}
  ${'a short block'}                    | ${'registered'} | ${{ argsz: 31, flags: 4 }}                | ${'EINVAL'}
  ${'unknown flags'}                    | ${'registered'} | ${{ flags: 4, iova: 1n << 62n }}          | ${'EINVAL'}
  ${'an address outside every window'}  | ${'withWindow'} | ${{ iova: 0x8000_0000n, size: 1n }}       | ${'ENXIO'}
  ${'a size that is no pages'}          | ${'withWindow'} | ${{ size: 0x800n, flags: 0 }}             | ${'EINVAL'}
  ${'memory that is not at a page'}     | ${'withWindow'} | ${{ vaddr: BUF + 0x800n }}                | ${'EINVAL'}
  ${'no rights'}                        | ${'withWindow'} | ${{ flags: 0, iova: 0x800n }}             | ${'EINVAL'}
  ${'an address that is not at a page'} | ${'withWindow'} | ${{ iova: 0x800n, vaddr: BUF - 0x1000n }} | ${1}
  ${'memory that is not registered'}    | ${'withWindow'} | ${{ vaddr: BUF - 0x1000n }}               | ${'EINVAL'}
  ${'all right'}                        | ${'withWindow'} | ${{}}                                     | ${0}
`('VFIO_IOMMU_MAP_DMA: $case → $result', ({ state, args, result }) => {
  const rig = of(state);
  const map = () => rig.map(0n, 0n, 0x1000n, args);
  expect(result === 0 ? map() : refused(rig, map)).toBe(result);
});

test.each`
  case                                  | state           | args                                | result
  ${'nothing registered'}               | ${'attached'}   | ${{ readable: false }}              | ${'EPERM'}
  ${'an unreadable block'}              | ${'registered'} | ${{ readable: false, argsz: 1 }}    | ${'EFAULT'}
  ${'a short block'}                    | ${'registered'} | ${{ argsz: 23, flags: 1 }}          | ${'EINVAL'}
  ${'flags'}                            | ${'registered'} | ${{ flags: 1, iova: 1n << 62n }}    | ${'EINVAL'}
  ${'an address outside every window'}  | ${'withWindow'} | ${{ iova: 0x8000_0000n, size: 1n }} | ${'ENXIO'}
  ${'a size that is no pages'}          | ${'withWindow'} | ${{ size: 0x800n, iova: 0x800n }}   | ${'EINVAL'}
  ${'an address that is not at a page'} | ${'withWindow'} | ${{ iova: 0x800n }}                 | ${1}
  ${'all right'}                        | ${'withWindow'} | ${{}}                               | ${0}
`('VFIO_IOMMU_UNMAP_DMA: $case → $result', ({ state, args, result }) => {
  const rig = of(state);
  const unmap = () => rig.unmap(0n, 0x1000n, args);
  expect(result === 0 ? unmap() : refused(rig, unmap)).toBe(result);
});

test.each`
  case                          | state           | args                             | result
  ${'an unreadable block'}      | ${'registered'} | ${{ readable: false, argsz: 1 }} | ${'EFAULT'}
  ${'a short block'}            | ${'registered'} | ${{ argsz: 39, flags: 1 }}       | ${'EINVAL'}
  ${'flags'}                    | ${'registered'} | ${{ flags: 1 }}                  | ${'EINVAL'}
  ${'a page size there is not'} | ${'withWindow'} | ${{ pageShift: 24 }}             | ${'EINVAL'}
  ${'a shift that wraps'}       | ${'withWindow'} | ${{ pageShift: 64 + 13 }}        | ${'EINVAL'}
  ${'a size that is none'}      | ${'withWindow'} | ${{ windowSize: 0xc000_0000n }}  | ${'EINVAL'}
  ${'no levels'}                | ${'withWindow'} | ${{ levels: 0 }}                 | ${'EINVAL'}
  ${'all right'}                | ${'withWindow'} | ${{}}                            | ${0}
`('VFIO_IOMMU_SPAPR_TCE_CREATE: $case → $result', ({ state, args, result }) => {
  const rig = of(state);
  const create = () => rig.create(16, 1n << 30n, 1, args);
  expect(result === 0 ? create() : refused(rig, create)).toBe(result);
});
test('VFIO_IOMMU_SPAPR_TCE_CREATE: the default window takes a slot, and a third window none → ENOSPC', () => {
  const rig = attached();
  expect(rig.create(16, 1n << 30n, 1)).toBe(0);
  expect(refused(rig, () => rig.create(16, 1n << 30n, 1))).toBe('ENOSPC');
});

test.each`
  case                     | state           | args                             | result
  ${'an unreadable block'} | ${'withWindow'} | ${{ readable: false, argsz: 1 }} | ${'EFAULT'}
  ${'a short block'}       | ${'withWindow'} | ${{ argsz: 15, flags: 1 }}       | ${'EINVAL'}
  ${'flags'}               | ${'withWindow'} | ${{ flags: 1 }}                  | ${'EINVAL'}
  ${'no window there'}     | ${'withWindow'} | ${{ startAddr: 1n << 59n }}      | ${'EINVAL'}
  ${'inside a window'}     | ${'withWindow'} | ${{ startAddr: 0x1234n }}        | ${0}
`('VFIO_IOMMU_SPAPR_TCE_REMOVE: $case → $result', ({ state, args, result }) => {
  const rig = of(state);
  const remove = () => rig.remove(0n, args);
  expect(result === 0 ? remove() : refused(rig, remove)).toBe(result);
});

test.each`
  case                              | args                                                 | result
  ${'an unreadable block'}          | ${{ readable: false, argsz: 1 }}                     | ${'EFAULT'}
  ${'a short block'}                | ${{ argsz: 23, flags: 1 }}                           | ${'EINVAL'}
  ${'flags'}                        | ${{ flags: 1 }}                                      | ${'EINVAL'}
  ${'memory that is not at a page'} | ${{ vaddr: BUF + 0x1000n }}                          | ${'EINVAL'}
  ${'a size that is no pages'}      | ${{ size: 0x1000n }}                                 | ${'EINVAL'}
  ${'a range that wraps'}           | ${{ vaddr: 0xffff_ffff_ffff_0000n, size: 0x20000n }} | ${'EINVAL'}
  ${'the same again'}               | ${{}}                                                | ${'EBUSY'}
  ${'no memory'}                    | ${{ vaddr: 0n }}                                     | ${'EFAULT'}
  ${'an overlap'}                   | ${{ size: 0x20_0000n }}                              | ${'EINVAL'}
  ${'0 bytes'}                      | ${{ vaddr: BUF + 0x40_0000n, size: 0n }}             | ${'ENOMEM'}
  ${'memory beside it'}             | ${{ vaddr: BUF + 0x10_0000n }}                       | ${0}
`('VFIO_IOMMU_SPAPR_REGISTER_MEMORY: $case → $result', ({ args, result }) => {
  const rig = registered();
  const register = () => rig.register(0n, 0x10_0000n, args);
  expect(result === 0 ? register() : refused(rig, register)).toBe(result);
});

test.each`
  case                              | state           | args                             | result
  ${'nothing ever registered'}      | ${'attached'}   | ${{ readable: false }}           | ${'EPERM'}
  ${'an unreadable block'}          | ${'registered'} | ${{ readable: false, argsz: 1 }} | ${'EFAULT'}
  ${'a short block'}                | ${'registered'} | ${{ argsz: 23, flags: 1 }}       | ${'EINVAL'}
  ${'flags'}                        | ${'registered'} | ${{ flags: 1 }}                  | ${'EINVAL'}
  ${'memory that is not at a page'} | ${'registered'} | ${{ vaddr: BUF + 0x1000n }}      | ${'EINVAL'}
  ${'a part of a region'}           | ${'registered'} | ${{ size: 0x10000n }}            | ${'ENOENT'}
  ${'the region'}                   | ${'registered'} | ${{}}                            | ${0}
`('VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY: $case → $result', ({ state, args, result }) => {
  const rig = of(state);
  const unregister = () => rig.unregister(0n, 0x10_0000n, args);
  expect(result === 0 ? unregister() : refused(rig, unregister)).toBe(result);
});

test('VFIO_IOMMU_ENABLE: EBUSY twice, EPERM without 32-bit addresses, and the whole window is charged', () => {
  const rig = enabled();
  expect(rig.vmlck()).toBe(2_097_152);
  expect(refused(rig, () => rig.call('VFIO_IOMMU_ENABLE'))).toBe('EBUSY');
  expect(rig.call('VFIO_IOMMU_DISABLE')).toBe(0);
  expect(refused(rig, () => rig.call('VFIO_IOMMU_DISABLE'))).toBe(0);
  expect(rig.vmlck()).toBe(0);
  const without = new Rig({ powernv: new FakePowernv([1], { dma32Size: 0n as never }) }).attach(1, 2);
  expect(refused(without, () => without.call('VFIO_IOMMU_ENABLE'))).toBe('EPERM');
});

test.each`
  op    | argsz   | readable | result
  ${0}  | ${null} | ${true}  | ${0}
  ${9}  | ${12}   | ${true}  | ${0}
  ${10} | ${null} | ${true}  | ${'EINVAL'}
  ${4}  | ${11}   | ${true}  | ${'EINVAL'}
  ${4}  | ${null} | ${false} | ${'EFAULT'}
`('VFIO_EEH_PE_OP $op with $argsz bytes, readable $readable → $result', ({ result, ...args }) => {
  expect(attached().call('VFIO_EEH_PE_OP', args)).toBe(result);
});

test('VFIO_CHECK_EXTENSION knows v1, EEH and v2, with and without a driver', () => {
  for (const rig of [of('opened'), attached()]) {
    const known = Array.from({ length: 12 }, (_, extension) =>
      rig.call('VFIO_CHECK_EXTENSION', { extension }),
    );
    expect(known.flatMap((answer, extension) => (answer === 1 ? [extension] : []))).toEqual([2, 5, 7]);
  }
});
