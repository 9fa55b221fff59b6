import { describe, expect, test } from 'vitest';
import { connectDevice, tableEnabled } from '../src/vfio-hooks.js';
import {
  DEFAULT_WINDOW,
  DYNAMIC_WINDOW,
  device,
  FakeHost,
  L0,
  L1,
  machineWith,
  play,
  withWindow,
} from './vfio-host-fake.js';

const connect = (
  {
    switches = {},
    config = {},
  }: { switches?: Parameters<typeof machineWith>[0]; config?: Parameters<typeof machineWith>[1] } = {},
  host = new FakeHost(),
) => {
  const qemu = machineWith(switches, config);
  return { host, ...play(qemu, connectDevice(qemu, device(1)), host) };
};
const errorOf = (log: readonly string[]) => log.find((line) => line.startsWith('returned '));

describe('the first device of a PHB', () => {
  test('opens its group and a container of v2, registers memory, drops the default window and gets the device', () => {
    expect(connect().log).toEqual([
      'Q vfio_realize host=0001:01:00.0 group=1',
      'open path=/dev/vfio/1',
      'VFIO_GROUP_GET_STATUS groupFd=3',
      'open path=/dev/vfio/vfio',
      'VFIO_GET_API_VERSION containerFd=4',
      'VFIO_CHECK_EXTENSION containerFd=4 extension=3',
      'VFIO_CHECK_EXTENSION containerFd=4 extension=1',
      'VFIO_CHECK_EXTENSION containerFd=4 extension=7',
      'VFIO_GROUP_SET_CONTAINER groupFd=3 containerFd=4',
      'VFIO_SET_IOMMU containerFd=4 iommuType=7',
      'VFIO_IOMMU_SPAPR_REGISTER_MEMORY containerFd=4 vaddr=0x7f0000000000 size=0x20000000',
      'Q vfio_prereg_register va=0x7f0000000000 size=0x20000000 ret=0',
      'VFIO_IOMMU_SPAPR_TCE_GET_INFO containerFd=4',
      'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x0',
      'Q vfio_spapr_remove_window offset=0x0',
      'KVM_CREATE_DEVICE device=KVM_DEV_TYPE_VFIO',
      'KVM_DEV_VFIO_GROUP_ADD groupFd=3',
      'Q vfio_listener_region_add_skip start=0x40000000000 end=0x4000000ffff',
      'VFIO_GROUP_GET_DEVICE_FD groupFd=3 device=0001:01:00.0',
      'Q vfio_get_device host=0001:01:00.0',
      "returned ''",
    ]);
  });

  test('finds the windows of a running guest made, tied to KVM, then replayed, one after the other', () => {
    const host = new FakeHost();
    for (let at = 0; at < 2; at++) host.put(L1, at, (BigInt(at) << 24n) | 3n);
    const windows = withWindow(withWindow(machineWith(), L0, DEFAULT_WINDOW), L1, DYNAMIC_WINDOW);
    const { log } = play(windows, connectDevice(windows, device(1)), host);
    expect(log.slice(log.indexOf('KVM_DEV_VFIO_GROUP_ADD groupFd=3') + 1)).toEqual([
      'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=12 windowSize=0x40000000 levels=1',
      'Q vfio_spapr_create_window pageShift=12 levels=1 windowSize=0x40000000 offset=0x0',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=3 tableFd=1000',
      'Q vfio_spapr_group_attach groupFd=3 tableFd=1000',
      'Q vfio_listener_region_add_iommu start=0x0 end=0x3fffffff',
      'view_bulk_load liobn=2147483648',
      'replay of 262144',
      'Q vfio_listener_region_add_skip start=0x40000000000 end=0x4000000ffff',
      'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=16 windowSize=0x80000000 levels=1',
      'Q vfio_spapr_create_window pageShift=16 levels=1 windowSize=0x80000000 offset=0x800000000000000',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=3 tableFd=1001',
      'Q vfio_spapr_group_attach groupFd=3 tableFd=1001',
      'Q vfio_listener_region_add_iommu start=0x800000000000000 end=0x80000007fffffff',
      'view_bulk_load liobn=2147483649',
      'replay of 128',
      'Q vfio_iommu_map_notify kind=MAP start=0x800000000000000 end=0x800000000ffffff',
      'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0000000000 iova=0x800000000000000 size=0x1000000',
      'Q vfio_iommu_map_notify kind=MAP start=0x800000001000000 end=0x800000001ffffff',
      'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0001000000 iova=0x800000001000000 size=0x1000000',
      'VFIO_GROUP_GET_DEVICE_FD groupFd=3 device=0001:01:00.0',
      'Q vfio_get_device host=0001:01:00.0',
      "returned ''",
    ]);
  });

  test('needs no KVM', () => {
    expect(connect({ config: { kvm: null } }).log.filter((line) => line.startsWith('KVM'))).toEqual([]);
  });

  test('B-12: before kvmAddBeforeListener KVM hears of the group after the listener, so no window is tied to it', () => {
    const windows = withWindow(machineWith({ kvmAddBeforeListener: 'false' }), L0, DEFAULT_WINDOW);
    const { log, qemu } = play(windows, connectDevice(windows, device(1)), new FakeHost());
    const calls = log
      .filter((line) => /^(KVM|VFIO_IOMMU_SPAPR_TCE_CREATE)/.test(line))
      .map((line) => line.split(' ')[0]);
    expect(calls).toEqual(['VFIO_IOMMU_SPAPR_TCE_CREATE', 'KVM_CREATE_DEVICE', 'KVM_DEV_VFIO_GROUP_ADD']);
    expect(qemu.vfio.containers[0]?.groups).toEqual([1]);
  });

  test('B-08: with v1 memory is not registered, the one window of the host is charged, and none is made', () => {
    const windows = withWindow(machineWith({ iommuType: 'v1' }), L0, DEFAULT_WINDOW);
    const { log, qemu } = play(windows, connectDevice(windows, device(1)), new FakeHost());
    expect(
      log.filter((line) => /EXTENSION|SET_IOMMU|ENABLE|GET_INFO|MEMORY|CREATE |add_iommu/.test(line)),
    ).toEqual([
      'VFIO_CHECK_EXTENSION containerFd=4 extension=3',
      'VFIO_CHECK_EXTENSION containerFd=4 extension=1',
      'VFIO_CHECK_EXTENSION containerFd=4 extension=2',
      'VFIO_SET_IOMMU containerFd=4 iommuType=2',
      'VFIO_IOMMU_ENABLE containerFd=4',
      'VFIO_IOMMU_SPAPR_TCE_GET_INFO containerFd=4',
      'Q vfio_listener_region_add_iommu start=0x0 end=0x3fffffff',
    ]);
    expect(qemu.vfio.containers[0]?.hostwins).toEqual([{ min: 0n, max: 0x7fff_ffffn, pgsizes: 0x1000n }]);
  });

  test('a host that refuses v2 is asked for v1', () => {
    const host = new FakeHost();
    host.refuse = (call) => (call.type === 'VFIO_SET_IOMMU' && call.iommuType === 7 ? 'EPERM' : undefined);
    const { log, qemu } = connect({}, host);
    expect(log.filter((line) => line.startsWith('VFIO_SET_IOMMU')).length).toBe(2);
    expect(qemu.vfio.containers[0]?.iommuType).toBe('v1');
  });
});

describe('a device that cannot be connected is undone', () => {
  test.each`
    call                                  | answer      | closed    | error
    ${'open 1'}                           | ${'ENOENT'} | ${[]}     | ${'failed to open /dev/vfio/1: No such file or directory'}
    ${'VFIO_GROUP_GET_STATUS'}            | ${'EINVAL'} | ${[3]}    | ${'failed to get group 1 status: Invalid argument'}
    ${'VFIO_GROUP_GET_STATUS'}            | ${0}        | ${[3]}    | ${'group 1 is not viable'}
    ${'open vfio'}                        | ${'ENOENT'} | ${[3]}    | ${'failed to setup container for group 1: failed to open /dev/vfio/vfio: No such file or directory'}
    ${'VFIO_GET_API_VERSION'}             | ${1}        | ${[4, 3]} | ${'failed to setup container for group 1: supported vfio version: 0, reported version: 1'}
    ${'VFIO_CHECK_EXTENSION'}             | ${0}        | ${[4, 3]} | ${'failed to setup container for group 1: No available IOMMU models'}
    ${'VFIO_GROUP_SET_CONTAINER'}         | ${'EBUSY'}  | ${[4, 3]} | ${'failed to setup container for group 1: Failed to set group container: Device or resource busy'}
    ${'VFIO_SET_IOMMU'}                   | ${'EPERM'}  | ${[4, 3]} | ${'failed to setup container for group 1: Failed to set iommu for container: Operation not permitted'}
    ${'VFIO_IOMMU_SPAPR_REGISTER_MEMORY'} | ${'ENOMEM'} | ${[4, 3]} | ${'failed to setup container for group 1: RAM memory listener initialization failed: Memory registering failed: Operation not permitted'}
    ${'VFIO_IOMMU_SPAPR_TCE_GET_INFO'}    | ${'EFAULT'} | ${[4, 3]} | ${'failed to setup container for group 1: VFIO_IOMMU_SPAPR_TCE_GET_INFO failed: Bad address'}
    ${'VFIO_IOMMU_SPAPR_TCE_REMOVE'}      | ${'EINVAL'} | ${[4, 3]} | ${'failed to setup container for group 1: failed to remove existing window: Invalid argument'}
    ${'VFIO_GROUP_GET_DEVICE_FD'}         | ${'ENODEV'} | ${[4, 3]} | ${'error getting device from group 1: No such device'}
  `('$call answers $answer: closes $closed', ({ call: refused, answer, closed, error }) => {
    const host = new FakeHost();
    host.refuse = (call) => {
      const name = call.type === 'open' ? `open ${call.path.slice('/dev/vfio/'.length)}` : call.type;
      return name === refused ? answer : undefined;
    };
    const { log, qemu } = connect({ switches: { preregListenerLeak: 'fixed' } }, host);
    expect(errorOf(log)).toBe(`returned 'vfio 0001:01:00.0: ${error}'`);
    expect(log.filter((line) => line.startsWith('close '))).toEqual(
      closed.map((fd: number) => `close fd=${fd}`),
    );
    expect({ ...qemu.vfio, kvmDevice: null }).toEqual({ ...machineWith().vfio });
  });

  test('memory that could not be registered is unregistered all the same, as recorded under a tight limit', () => {
    const host = new FakeHost();
    host.refuse = (call) =>
      (
        ({
          VFIO_IOMMU_SPAPR_REGISTER_MEMORY: 'ENOMEM',
          VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY: 'ENOENT',
        }) as const
      )[call.type as 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY'];
    const { log } = connect({}, host);
    expect(log.slice(log.findIndex((line) => line.startsWith('VFIO_IOMMU_SPAPR_REGISTER')))).toEqual([
      'VFIO_IOMMU_SPAPR_REGISTER_MEMORY containerFd=4 vaddr=0x7f0000000000 size=0x20000000',
      'Q vfio_prereg_register va=0x7f0000000000 size=0x20000000 ret=-12',
      'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY containerFd=4 vaddr=0x7f0000000000 size=0x20000000',
      'Q vfio_prereg_unregister va=0x7f0000000000 size=0x20000000 ret=-2',
      'close fd=4',
      'close fd=3',
      expect.stringContaining('Memory registering failed'),
    ]);
  });

  test('B-34: qemu-7.2 leaves its listener to memory behind where the default window cannot be removed', () => {
    const host = new FakeHost();
    host.refuse = (call) => (call.type === 'VFIO_IOMMU_SPAPR_TCE_REMOVE' ? 'EINVAL' : undefined);
    const { log, qemu } = connect({}, host);
    expect(log.some((line) => line.startsWith('VFIO_IOMMU_SPAPR_UNREGISTER'))).toBe(false);
    expect(qemu.vfio.leakedPrereg).toEqual([4]);
  });

  test('windows that were made before another failed go again, after KVM has forgotten the group', () => {
    const host = new FakeHost();
    host.refuse = (call) =>
      call.type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' && call.pageShift === 16 ? 'ENOMEM' : undefined;
    const windows = withWindow(
      withWindow(machineWith({ hotplugUnwind: 'fixed' }), L0, DEFAULT_WINDOW),
      L1,
      DYNAMIC_WINDOW,
    );
    const { log, qemu } = play(windows, connectDevice(windows, device(1)), host);
    expect(log.slice(log.findIndex((line) => line.startsWith('KVM_DEV_VFIO_GROUP_DEL')))).toEqual([
      'KVM_DEV_VFIO_GROUP_DEL groupFd=3',
      'Q vfio_listener_region_del start=0x0 end=0x3fffffff',
      'VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x0 size=0x40000000',
      'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x0',
      'Q vfio_spapr_remove_window offset=0x0',
      'Q vfio_listener_region_del_skip start=0x40000000000 end=0x4000000ffff',
      'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY containerFd=4 vaddr=0x7f0000000000 size=0x20000000',
      'Q vfio_prereg_unregister va=0x7f0000000000 size=0x20000000 ret=0',
      'close fd=4',
      'close fd=3',
      "returned 'vfio 0001:01:00.0: failed to setup container for group 1: memory listener initialization failed: Region tce-iommu-80000001: Failed to create SPAPR window: No such file or directory'",
    ]);
    expect({ ...qemu.vfio, kvmDevice: null }).toEqual(machineWith().vfio);
  });

  test('of two errors the first is told', () => {
    const host = new FakeHost();
    host.refuse = (call) =>
      call.type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' && call.pageShift === 12 ? 'ENOMEM' : undefined;
    const windows = withWindow(
      withWindow(machineWith({ hotplugUnwind: 'fixed' }), L0, DEFAULT_WINDOW),
      L1,
      DYNAMIC_WINDOW,
    );
    const { log } = play(windows, connectDevice(windows, device(1)), host);
    expect(log).toContain("! Host doesn't support DMA window at 800000000000000, must be 0");
    expect(errorOf(log)).toContain(
      'Region tce-iommu-80000000: Failed to create SPAPR window: No such file or directory',
    );
  });

  test('B-60: with the default window refused the dynamic one lands at 0, and the undoing ends QEMU', () => {
    const host = new FakeHost();
    host.refuse = (call) =>
      call.type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' && call.pageShift === 12 ? 'ENOMEM' : undefined;
    const windows = withWindow(withWindow(machineWith(), L0, DEFAULT_WINDOW), L1, DYNAMIC_WINDOW);
    const { log } = play(windows, connectDevice(windows, device(1)), host);
    expect(log.slice(log.findIndex((line) => line.startsWith('VFIO_IOMMU_SPAPR_TCE_CREATE')))).toEqual([
      ...[1, 2, 3].map(
        (levels) =>
          `VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=12 windowSize=0x40000000 levels=${levels}`,
      ),
      '! Failed to create a window, ret = -1 (No such file or directory)',
      'Q vfio_listener_region_add_skip start=0x40000000000 end=0x4000000ffff',
      'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=16 windowSize=0x80000000 levels=1',
      'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x0',
      'Q vfio_spapr_remove_window offset=0x0',
      "! Host doesn't support DMA window at 800000000000000, must be 0",
      'KVM_DEV_VFIO_GROUP_DEL groupFd=3',
      'Q vfio_listener_region_del start=0x0 end=0x3fffffff',
      'VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x0 size=0x40000000',
      'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x0',
      '! Failed to remove window at 0',
      'abort hardware error: vfio_listener_region_del: Cannot delete missing window at 0',
    ]);
  });
});

describe('further groups and functions', () => {
  const second = (switches: Parameters<typeof machineWith>[0] = {}, host = new FakeHost()) => {
    const windows = withWindow(withWindow(machineWith(switches), L0, DEFAULT_WINDOW), L1, DYNAMIC_WINDOW);
    const first = play(windows, connectDevice(windows, device(1)), host);
    return play(first.qemu, connectDevice(first.qemu, device(2)), host);
  };

  test('B-17: a second group joins the container and KVM hears of it, but it is tied to no window', () => {
    expect(second().log).toEqual([
      'Q vfio_realize host=0002:01:00.0 group=2',
      'open path=/dev/vfio/2',
      'VFIO_GROUP_GET_STATUS groupFd=6',
      'VFIO_GROUP_SET_CONTAINER groupFd=6 containerFd=4',
      'KVM_DEV_VFIO_GROUP_ADD groupFd=6',
      'VFIO_GROUP_GET_DEVICE_FD groupFd=6 device=0002:01:00.0',
      'Q vfio_get_device host=0002:01:00.0',
      "returned ''",
    ]);
  });

  test('with attachKvmOnJoin mended it is tied to both windows', () => {
    expect(second({ attachKvmOnJoin: 'fixed' }).log.filter((line) => line.startsWith('KVM'))).toEqual([
      'KVM_DEV_VFIO_GROUP_ADD groupFd=6',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=6 tableFd=1000',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=6 tableFd=1001',
    ]);
  });

  test('a group that the container refuses gets a container of its own, and its own windows', () => {
    const host = new FakeHost();
    host.refuse = (call) =>
      call.type === 'VFIO_GROUP_SET_CONTAINER' && call.groupFd === 6 && call.containerFd === 4
        ? 'EPERM'
        : undefined;
    host.createsAnywhere = true;
    const { log, qemu } = second({}, host);
    expect(log.filter((line) => line.startsWith('VFIO_IOMMU_SPAPR_TCE_CREATE')).length).toBe(2);
    expect(qemu.vfio.containers.map(({ fd, groups }) => [fd, groups])).toEqual([
      [7, [2]],
      [4, [1]],
    ]);
  });

  test('a third group tries the newest container first, then the older one', () => {
    const host = new FakeHost();
    const refused = new Set(['6 4', '9 7']);
    host.refuse = (call) =>
      call.type === 'VFIO_GROUP_SET_CONTAINER' && refused.has(`${call.groupFd} ${call.containerFd}`)
        ? 'EPERM'
        : undefined;
    host.createsAnywhere = true;
    const two = second({}, host).qemu;
    const { log, qemu } = play(two, connectDevice(two, device(3)), host);
    expect(log.filter((line) => line.startsWith('VFIO_GROUP_SET_CONTAINER'))).toEqual([
      'VFIO_GROUP_SET_CONTAINER groupFd=9 containerFd=7',
      'VFIO_GROUP_SET_CONTAINER groupFd=9 containerFd=4',
    ]);
    expect(qemu.vfio.containers.map(({ groups }) => groups)).toEqual([[2], [3, 1]]);
  });

  test('with two groups at start each window is tied once per group, the newest group first', () => {
    const host = new FakeHost();
    const one = play(machineWith(), connectDevice(machineWith(), device(1)), host);
    const two = play(one.qemu, connectDevice(one.qemu, device(2)), host);
    const windows = withWindow(two.qemu, L0, DEFAULT_WINDOW);
    expect(play(windows, tableEnabled(windows, L0), host).log.slice(0, 6)).toEqual([
      'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=12 windowSize=0x40000000 levels=1',
      'Q vfio_spapr_create_window pageShift=12 levels=1 windowSize=0x40000000 offset=0x0',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=6 tableFd=1000',
      'Q vfio_spapr_group_attach groupFd=6 tableFd=1000',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=3 tableFd=1000',
      'Q vfio_spapr_group_attach groupFd=3 tableFd=1000',
    ]);
  });

  test('a second function of a group needs nothing but its descriptor; the same function twice is refused', () => {
    const host = new FakeHost();
    const one = play(machineWith(), connectDevice(machineWith(), device(1)), host);
    const two = play(one.qemu, connectDevice(one.qemu, device(1, 1)), host);
    expect(two.log).toEqual([
      'Q vfio_realize host=0001:01:00.1 group=1',
      'VFIO_GROUP_GET_DEVICE_FD groupFd=3 device=0001:01:00.1',
      'Q vfio_get_device host=0001:01:00.1',
      "returned ''",
    ]);
    const again = play(two.qemu, connectDevice(two.qemu, { ...device(1), id: 'again' }), host);
    expect(errorOf(again.log)).toBe("returned 'vfio 0001:01:00.0: device is already attached'");
    expect(again.qemu.vfio).toEqual(two.qemu.vfio);
  });

  test('a group serves one PHB only', () => {
    const host = new FakeHost();
    const one = play(machineWith(), connectDevice(machineWith(), device(1)), host);
    const other = play(one.qemu, connectDevice(one.qemu, { ...device(1, 1), phb: 1 }), host);
    expect(errorOf(other.log)).toBe("returned 'vfio 0001:01:00.1: group 1 used in multiple address spaces'");
  });
});
