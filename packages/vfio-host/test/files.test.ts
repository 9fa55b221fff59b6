import { threadId } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { containerMode, defaultWindowMode, groupMode } from '../src/life-cycles.ts';
import { Rig, type RigOptions } from './rig.ts';

const DEVICE = '0001:01:00.0';
/** As the recordings: memory registered, both windows made and mapped. */
function held(options: RigOptions = {}): Rig {
  const rig = new Rig(options).attach();
  rig.register();
  rig.map(0n, 0n, 0x10_0000n);
  rig.create(16, 1n << 40n, 2);
  rig.map(1n << 59n, 0n, 0x10_0000n);
  rig.map((1n << 59n) + 0x80_0000_0000n, 0n, 0x10000n);
  rig.sent = [];
  return rig;
}
const device = (rig: Rig) => rig.call('VFIO_GROUP_GET_DEVICE_FD', { device: DEVICE });
const openContainers = (rig: Rig) => rig.host.containers.map((each) => containerMode(each));
const group = (rig: Rig, id = 1) => groupMode(rig.host, rig.host.groups.find((each) => each.group === id)!);

const OPENS = ['vfio_df_open', 'vfio_pci_core_enable'];
const CLOSES = ['vfio_df_close', 'vfio_pci_core_disable'];
/** What runs when the only group of a container leaves it. */
const LEAVES = [
  'vfio_group_detach_container',
  'tce_iommu_detach_group',
  'tce_iommu_clear',
  'tce_iommu_unuse_page_v2 count=256',
  'tce_iommu_clear',
  'tce_iommu_unuse_page_v2 count=17',
  'tce_iommu_release',
  'account_locked_vm',
  '__account_locked_vm pages=128 inc=0',
  'account_locked_vm',
  '__account_locked_vm pages=4098 inc=0',
  'mm_iommu_put used=1 mapped=1 entries=16',
  'account_locked_vm',
  '__account_locked_vm pages=16 inc=0',
  'tce_iommu_disable.part.0',
  'account_locked_vm',
];

describe('close', () => {
  test('the container’s descriptor first: nothing happens until the group goes', () => {
    const rig = held();
    expect(rig.close(3)).toBe(0);
    expect(rig.ran()).toEqual([]);
    expect(openContainers(rig)).toEqual(['enabled']);
    expect(rig.close(4)).toBe(0);
    expect(rig.ran()).toEqual(LEAVES);
    expect(rig.host.containers).toEqual([]);
    expect(rig.vmlck()).toBe(0);
  });

  test('the group’s first: an open device keeps it, and the container works on', () => {
    const rig = held();
    const fd = device(rig) as number;
    expect(rig.close(4)).toBe(0);
    expect(group(rig)).toBe('contained');
    expect(rig.open('/dev/vfio/1')).toBe('EBUSY');
    expect(rig.map(0n, 0n, 0x1000n)).toBe(0);
    rig.sent = [];
    expect(rig.close(fd)).toBe(0);
    expect(rig.ran()).toEqual([...CLOSES, ...LEAVES]);
    expect(group(rig)).toBe('closed');
    expect(openContainers(rig)).toEqual(['empty']);
    expect(rig.info()).toBe('EINVAL');
  });

  test('a device that was mapped stays open, whatever is closed', () => {
    const rig = held();
    const fd = device(rig) as number;
    expect(rig.call('mmap', { fd })).toBe(0);
    expect(rig.call('mmap', { fd: 3 })).toBe('ENODEV');
    expect(rig.call('mmap', { fd: 99 })).toBe('EBADF');
    expect(rig.ran()).toEqual(OPENS);
    for (const each of [fd, 4, 3]) expect(rig.close(each)).toBe(0);
    expect(rig.ran()).toEqual([]);
    expect(rig.vmlck()).toBe(271_488);
    rig.exit();
    expect(rig.ran()).toEqual([...CLOSES, ...LEAVES]);
  });

  test('a device is opened as often as one likes; vfio-pci uses it from the first opening to the last close', () => {
    const rig = held();
    const fds = [device(rig), device(rig)];
    expect(rig.ran()).toEqual([...OPENS, 'vfio_df_open']);
    expect(rig.call('VFIO_GROUP_GET_DEVICE_FD', { device: '0009:01:00.0' })).toBe('ENODEV');
    expect(rig.ran()).toEqual([]);
    rig.close(fds[0] as number);
    expect(rig.ran()).toEqual(['vfio_df_close']);
    rig.close(fds[1] as number);
    expect(rig.ran()).toEqual(CLOSES);
    device(rig);
    expect(rig.ran()).toEqual(OPENS);
  });

  test('a descriptor that is not open is EBADF, and numbers are used again from the lowest', () => {
    const rig = new Rig();
    expect([rig.open(), rig.open(), rig.open()]).toEqual([3, 4, 5]);
    rig.close(4);
    expect(rig.close(4)).toBe('EBADF');
    expect(rig.open()).toBe(4);
  });

  test('SET_CONTAINER alone takes the group, and close gives it back', () => {
    const rig = new Rig();
    rig.open();
    rig.open('/dev/vfio/1');
    rig.call('VFIO_GROUP_SET_CONTAINER');
    expect(rig.powernv.groups.get(1)!.owner).toBe('vfio');
    rig.close(3);
    rig.close(4);
    expect(rig.powernv.groups.get(1)!.owner).toBe('platform');
    expect(rig.host.containers).toEqual([]);
  });
});

describe('exit', () => {
  test('all is given back: groups before containers, and the process is gone', () => {
    const rig = held();
    device(rig);
    rig.sent = [];
    expect(rig.exit()).toMatchObject({ type: 'host-done', call: 'exit' });
    expect(rig.ran()).toEqual([...CLOSES, ...LEAVES]);
    expect(rig.host).toMatchObject({
      mms: [],
      processes: [],
      containers: [],
      freeing: [{ region: 1, entries: 16 }],
    });
    expect(rig.powernv.tables.size).toBe(0);
    expect(rig.powernv.groups.get(1)!.owner).toBe('platform');
  });

  test('a process that never was ends too', () => {
    expect(new Rig().exit('nobody')).toMatchObject({ type: 'host-done' });
  });

  test('of two groups the one opened last leaves first', () => {
    const rig = new Rig().attach();
    rig.open('/dev/vfio/2');
    rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 });
    rig.powernv.log.length = 0;
    rig.exit();
    expect(rig.powernv.log).toEqual(['iommu_group_release_dma_owner 2', 'iommu_group_release_dma_owner 1']);
  });

  test('all devices close before a group leaves; others go on in between, but nobody opens the group', () => {
    const rig = new Rig({ threads: ['main', 'vcpu0'] }).attach();
    rig.open('/dev/vfio/2');
    rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 });
    const onlyMapped = device(rig) as number;
    rig.call('mmap', { fd: onlyMapped });
    rig.call('mmap', { fd: device(rig) });
    rig.call('VFIO_GROUP_GET_DEVICE_FD', { groupFd: 5, device: '0002:01:00.0' });
    rig.close(onlyMapped);
    rig.sent = [];
    const exit = { type: 'exit', from: 'environment', to: 'vfio-host', process: 'qemu' } as const;
    rig.deliver({ ...exit, thread: threadId('main') });
    expect(rig.ran()).toEqual([...CLOSES, 'vfio_df_close', ...CLOSES]);
    expect(rig.thread()).toMatchObject({ at: 'exiting.waitingForMutex', locks: [] });
    const another = { process: 'another', thread: 'vcpu0' };
    expect(['1', '2'].map((id) => rig.open(`/dev/vfio/${id}`, another))).toEqual(['EBUSY', 'EBUSY']);
    rig.powernv.log.length = 0;
    expect(rig.run(rig.step())).toMatchObject({ type: 'host-done' });
    expect(rig.powernv.log).toEqual(['iommu_group_release_dma_owner 2', 'iommu_group_release_dma_owner 1']);
    expect(['1', '2'].map((id) => rig.open(`/dev/vfio/${id}`, another))).toEqual([3, 4]);
  });

  test('a device that a child has, too, stays open', () => {
    const rig = held();
    device(rig);
    rig.deliver(rig.message('fork', { child: 'child' }));
    rig.sent = [];
    rig.exit();
    expect(rig.ran()).toEqual([]);
    rig.exit('child');
    expect(rig.ran()).toEqual([...CLOSES, ...LEAVES]);
  });

  test('a container outlives its owner where a child has its descriptors, and keeps the owner’s charge', () => {
    const rig = held();
    rig.deliver(rig.message('fork', { child: 'child' }));
    rig.exit();
    expect(rig.host.mms).toMatchObject([
      { process: 'qemu', mode: 'exited', lockedPages: 4242 },
      { process: 'child', lockedPages: 0 },
    ]);
    expect(rig.info({ process: 'child' })).toBe('EPERM');
    rig.exit('child');
    expect(rig.host.mms).toEqual([]);
    expect(rig.host.containers).toEqual([]);
  });

  test('a process of the same name is another process', () => {
    const rig = new Rig().attach();
    rig.register();
    rig.deliver(rig.message('fork', { child: 'child' }));
    rig.exit();
    rig.deliver(
      rig.message('map-memory', {
        vma: { ua: 0n, bytes: 0x10000n, access: 'read-write', pageShift: 16, hpa: 0n },
      }),
    );
    expect(rig.host.mms.map(({ mm, process, mode }) => [mm, process, mode])).toEqual([
      [0, 'qemu', 'exited'],
      [1, 'child', 'alive'],
      [2, 'qemu', 'alive'],
    ]);
    expect(rig.open()).toBe(3);
  });
});

describe('vfio-pci', () => {
  test('unbind takes the group out of its container, whoever holds it; what is closed later is nothing', () => {
    const rig = held();
    expect(rig.event('unbind-vfio-pci', { device: DEVICE })).toMatchObject({
      type: 'host-done',
      call: 'unbind-vfio-pci',
    });
    expect(rig.ran()).toEqual(LEAVES);
    expect(group(rig)).toBe('revoked');
    expect(rig.vmlck()).toBe(0);
    expect(rig.call('VFIO_GROUP_SET_CONTAINER')).toBe('ENODEV');
    expect(rig.call('VFIO_GROUP_GET_STATUS')).toBe('ENODEV');
    rig.close(3);
    rig.close(4);
    expect(rig.ran()).toEqual([]);
    expect(group(rig)).toBe('absent');
    expect(rig.open('/dev/vfio/1')).toBe('ENOENT');
    rig.event('bind-vfio-pci', { device: DEVICE, group: 1 });
    expect(rig.open('/dev/vfio/1')).toBe(3);
  });

  test('unbind waits until the device is closed, and one device of several leaves the group as it is', () => {
    const rig = new Rig({
      input: { groups: [{ group: 1, devices: ['0001:01:00.1', DEVICE] }], processes: [{ process: 'qemu' }] },
    }).attach();
    const fd = device(rig) as number;
    const unbind = {
      type: 'unbind-vfio-pci',
      from: 'environment',
      to: 'vfio-host',
      thread: rig.thread().thread,
      device: DEVICE,
    } as const;
    expect(rig.can(unbind)).toBe(false);
    rig.close(fd);
    rig.sent = [];
    rig.run(unbind);
    expect(rig.ran()).toEqual([]);
    expect(group(rig)).toBe('contained');
    expect(device(rig)).toBe('ENODEV');
  });

  test('a device that vfio-pci does not have is given up at once', () => {
    expect(new Rig().event('unbind-vfio-pci', { device: '0009:01:00.0' })).toMatchObject({
      type: 'host-done',
    });
  });
});

test('a container that lost its last group can begin anew', () => {
  const rig = held();
  rig.call('VFIO_GROUP_UNSET_CONTAINER');
  expect(openContainers(rig)).toEqual(['empty']);
  expect(defaultWindowMode(rig.container()!)).toBe('none');
  rig.call('VFIO_GROUP_SET_CONTAINER');
  expect(rig.setIommu(2)).toBe(0);
  expect(openContainers(rig)).toEqual(['attached']);
  expect(rig.container()!.iommu!.version).toBe('v1');
});
