import { tceIndex } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import type { QemuState } from '../src/state.js';
import { connectDevice, disconnectDevice, notifyEntry } from '../src/vfio-hooks.js';
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

function running(switches: Parameters<typeof machineWith>[0] = {}, devices = [device(1)]) {
  const host = new FakeHost();
  let qemu = withWindow(withWindow(machineWith(switches), L0, DEFAULT_WINDOW), L1, DYNAMIC_WINDOW);
  for (const each of devices) qemu = play(qemu, connectDevice(qemu, each), host).qemu;
  return { host, qemu };
}

test('the last device: closed first, then KVM forgets, windows and memory go, then the files', () => {
  const { qemu, host } = running();
  const gone = play(qemu, disconnectDevice(qemu, 'v1'), host);
  expect(gone.log).toEqual([
    'Q vfio_put_base_device fd=5',
    'close fd=5',
    'KVM_DEV_VFIO_GROUP_DEL groupFd=3',
    'Q vfio_listener_region_del start=0x0 end=0x3fffffff',
    'VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x0 size=0x40000000',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x0',
    'Q vfio_spapr_remove_window offset=0x0',
    'Q vfio_listener_region_del_skip start=0x40000000000 end=0x4000000ffff',
    'Q vfio_listener_region_del start=0x800000000000000 end=0x80000007fffffff',
    'VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x800000000000000 size=0x80000000',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x800000000000000',
    'Q vfio_spapr_remove_window offset=0x800000000000000',
    'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY containerFd=4 vaddr=0x7f0000000000 size=0x20000000',
    'Q vfio_prereg_unregister va=0x7f0000000000 size=0x20000000 ret=0',
    'VFIO_GROUP_UNSET_CONTAINER groupFd=3',
    'Q vfio_disconnect_container fd=4',
    'close fd=4',
    'Q vfio_put_group fd=3',
    'close fd=3',
  ]);
  expect({ ...gone.qemu.vfio, kvmDevice: null }).toEqual(machineWith().vfio);
  expect(gone.qemu.tables.map(({ needVfio }) => needVfio)).toEqual([false, false]);
});

test('one of two groups leaves the container and its windows to the other', () => {
  const { qemu, host } = running({}, [device(1), device(2)]);
  const gone = play(qemu, disconnectDevice(qemu, 'v1'), host);
  expect(gone.log).toEqual([
    'Q vfio_put_base_device fd=5',
    'close fd=5',
    'KVM_DEV_VFIO_GROUP_DEL groupFd=3',
    'VFIO_GROUP_UNSET_CONTAINER groupFd=3',
    'Q vfio_put_group fd=3',
    'close fd=3',
  ]);
  expect(gone.qemu.vfio.containers[0]).toMatchObject({ fd: 4, groups: [2] });
  expect(gone.qemu.vfio.containers[0]?.giommus.length).toBe(2);
});

test('of two containers of a PHB the one that stays still needs the windows told', () => {
  const host = new FakeHost();
  host.refuse = (call) =>
    call.type === 'VFIO_GROUP_SET_CONTAINER' && call.groupFd === 6 && call.containerFd === 4
      ? 'EPERM'
      : undefined;
  host.createsAnywhere = true;
  let qemu = withWindow(withWindow(machineWith(), L0, DEFAULT_WINDOW), L1, DYNAMIC_WINDOW);
  for (const each of [device(1), device(2)]) qemu = play(qemu, connectDevice(qemu, each), host).qemu;
  const gone = play(qemu, disconnectDevice(qemu, 'v1'), host).qemu;
  expect(gone.vfio.containers.map(({ fd }) => fd)).toEqual([7]);
  expect(gone.tables.map(({ needVfio }) => needVfio)).toEqual([true, true]);
  const log = play(gone, notifyEntry(gone, L0, tceIndex(2), 0x5003n), host).log;
  expect(log.filter((line) => line.startsWith('VFIO'))).toEqual([expect.stringContaining('containerFd=7')]);
});

test('a window that a device with a cache of its own listens to is needed after the last container', () => {
  const { qemu, host } = running();
  const phbs = [{ mode: 'present', properties: { index: 0 }, notifiers: 1 }];
  const listened = { ...qemu, phbs } as unknown as QemuState;
  const gone = play(listened, disconnectDevice(listened, 'v1'), host).qemu;
  expect(gone.vfio.containers).toEqual([]);
  expect(gone.tables.map(({ needVfio }) => needVfio)).toEqual([true, true]);
});

test('one of two functions of a group only closes its descriptor', () => {
  const { qemu, host } = running({}, [device(1), device(1, 1)]);
  expect(play(qemu, disconnectDevice(qemu, 'v1'), host).log).toEqual([
    'Q vfio_put_base_device fd=5',
    'close fd=5',
  ]);
});

test('a group that does not leave is told of, and closed all the same', () => {
  const { qemu, host } = running({}, [device(1), device(2)]);
  host.refuse = ({ type }) =>
    type === 'VFIO_GROUP_UNSET_CONTAINER' || type === 'KVM_DEV_VFIO_GROUP_DEL' ? 'EINVAL' : undefined;
  const { log } = play(qemu, disconnectDevice(qemu, 'v1'), host);
  expect(log.filter((line) => line.startsWith('!'))).toEqual([
    '! Failed to remove group 1 from KVM VFIO device: Invalid argument',
    '! vfio: error disconnecting group 1 from container',
  ]);
  expect(log.at(-1)).toBe('close fd=3');
});

describe('B-05: before notifiers went with their container', () => {
  const UNFIXED = { unregNotifierOnContainerDestroy: 'false' } as const;

  test('the kernel cleans up alone, and the notifiers stay', () => {
    const { qemu, host } = running(UNFIXED);
    const gone = play(qemu, disconnectDevice(qemu, 'v1'), host);
    expect(gone.log.map((line) => line.split(' ')[0]).filter((name) => name !== 'Q')).toEqual([
      'close',
      'KVM_DEV_VFIO_GROUP_DEL',
      'VFIO_GROUP_UNSET_CONTAINER',
      'close',
      'close',
    ]);
    expect(gone.qemu.vfio.stale).toMatchObject([
      { liobn: L0, containerFd: 4 },
      { liobn: L1, containerFd: 4 },
    ]);
    expect(gone.qemu.tables[0]?.needVfio).toBe(true);
  });

  test('after a replug an entry is told twice, first by the old descriptor', () => {
    const { qemu, host } = running(UNFIXED);
    const gone = play(qemu, disconnectDevice(qemu, 'v1'), host).qemu;
    // Somebody else has the descriptor of the old container meanwhile.
    host.answer({
      type: 'open',
      path: '/dev/vfio/9',
      process: 'qemu',
      thread: 'main',
      from: 'environment',
      to: 'vfio-host',
    } as never);
    host.answer({
      type: 'open',
      path: '/dev/vfio/8',
      process: 'qemu',
      thread: 'main',
      from: 'environment',
      to: 'vfio-host',
    } as never);
    const again = play(gone, connectDevice(gone, device(1)), host).qemu;
    host.refuse = (call) =>
      call.type === 'VFIO_IOMMU_MAP_DMA' && call.containerFd === 4 ? 'ENOTTY' : undefined;
    const { log } = play(again, notifyEntry(again, L0, tceIndex(2), 0x5003n), host);
    expect(log.filter((line) => !line.startsWith('Q '))).toEqual([
      'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0000005000 iova=0x2000 size=0x1000',
      '! VFIO_MAP_DMA failed: Inappropriate ioctl for device',
      'VFIO_IOMMU_MAP_DMA containerFd=6 flags=3 vaddr=0x7f0000005000 iova=0x2000 size=0x1000',
      'returned false',
    ]);
  });
});
