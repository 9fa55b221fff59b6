import { expect, test } from 'vitest';
import { vfioHostConfigOf } from '../src/config.ts';
import { OPERATIONS } from '../src/places.ts';
import { Rig, type RigOptions } from './rig.ts';

const GB = 1n << 30n;
const DEVICE = '0001:01:00.0';
const visited = new Set<string>();

/** Remembers where its thread has waited. */
function watched(options: RigOptions = {}): Rig {
  const rig = new Rig(options);
  const deliver = rig.deliver.bind(rig);
  rig.deliver = (event) => {
    const sent = deliver(event);
    for (const { at } of rig.host.threads) visited.add(at);
    return sent;
  };
  return rig;
}
const LINUX = ['linux-6.12', 'linux-6.1', 'linux-4.2'] as const;
const hosts = LINUX.map((linux) => (): Rig => watched({ config: vfioHostConfigOf(linux) }));

/** A container in use, with both windows mapped. */
function used(rig: Rig): Rig {
  rig.attach().register();
  rig.map(0n, 0n, 0x10000n);
  rig.map(0n, 0n, 0x10000n);
  rig.create(16, GB, 1);
  rig.map(1n << 59n, 0n, 0x10000n);
  return rig;
}
const joined = (rig: Rig) => {
  rig.open('/dev/vfio/2');
  return rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 });
};
/** Both groups in the container, and entries in both windows. */
const shared = (rig: Rig): Rig => {
  joined(used(rig));
  return rig;
};

test('every place of every operation is one where a thread waits at some time', () => {
  for (const host of hosts) {
    // What takes groups out of containers, with and without a driver.
    for (const leave of ['unset', 'close', 'exit', 'unbind'] as const) {
      const rig = shared(host());
      const bare = host();
      bare.open();
      bare.open('/dev/vfio/1');
      bare.call('VFIO_GROUP_GET_STATUS');
      bare.call('VFIO_GROUP_SET_CONTAINER');
      for (const each of [rig, bare]) {
        if (leave === 'unset') each.call('VFIO_GROUP_UNSET_CONTAINER');
        if (leave === 'close') each.close(4);
        if (leave === 'exit') each.exit();
        if (leave === 'unbind') each.event('unbind-vfio-pci', { device: DEVICE });
      }
      if (leave === 'unset') rig.call('VFIO_GROUP_UNSET_CONTAINER', { groupFd: 5 });
      if (leave === 'close') rig.close(5);
      if (leave === 'unbind') rig.event('unbind-vfio-pci', { device: '0002:01:00.0' });
    }
    // Windows that firmware refuses, wherever windows are made.
    const refuses = (call: (rig: Rig) => unknown, start: (rig: Rig) => Rig) => {
      const rig = start(host());
      rig.powernv.failNext('set_window', 'OPAL_HARDWARE');
      call(rig);
    };
    refuses(
      (rig) => rig.map(0n, 0n, 0x1000n),
      (rig) => {
        rig.attach().register();
        return rig;
      },
    );
    refuses(
      (rig) => rig.unmap(0n, 0x1000n),
      (rig) => {
        rig.attach().register();
        return rig;
      },
    );
    refuses(
      (rig) => rig.create(16, GB, 1),
      (rig) => rig.attach(),
    );
    refuses((rig) => joined(rig), used);
    refuses(
      (rig) => rig.setIommu(),
      (rig) => {
        rig.open();
        rig.open('/dev/vfio/1');
        rig.call('VFIO_GROUP_SET_CONTAINER');
        return rig;
      },
    );
    // Removals, clears and failures of a map.
    const rig = used(host());
    rig.unmap(0n, 0x8000_0000n);
    rig.map(0n, 0xf_f000n, 0x2000n);
    rig.remove(1n << 59n);
    rig.map(0n, 0n, 0x10000n);
    rig.remove(0n);
  }
  // Two groups before any driver: the second one is attached, cannot be, or cannot have the window.
  for (const host of hosts) {
    for (const fails of ['not', 'noPe', 'set_window'] as const) {
      const rig = host();
      rig.open();
      rig.open('/dev/vfio/1');
      rig.open('/dev/vfio/2');
      rig.call('VFIO_GROUP_SET_CONTAINER');
      rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 });
      if (fails === 'noPe') rig.powernv.groups.get(1)!.isNoPe = true;
      if (fails === 'set_window') rig.powernv.failNext('set_window', 'OPAL_HARDWARE', 1);
      const rc = rig.setIommu();
      const { groups } = rig.powernv;
      if (fails === 'noPe') expect(rc).toBe('ENODEV');
      if (typeof rc === 'string')
        expect([...groups.values()].flatMap(({ tables }) => tables)).toEqual([null, null, null, null]);
      if (typeof rc === 'string') expect(rig.powernv.tables.size).toBe(0);
    }
  }
  // A process that ends while another one's call holds the mutex of its group's container.
  const rig = watched({ threads: ['main', 'vcpu0'] }).attach();
  rig.deliver(rig.message('fork', { child: 'child' }));
  rig.close(4);
  rig.deliver(rig.message('VFIO_IOMMU_SPAPR_TCE_CREATE', { pageShift: 16, windowSize: GB, levels: 1 }));
  rig.deliver({
    ...rig.message('exit', { process: 'child', thread: 'vcpu0' }),
    from: 'environment',
  } as never);
  const places = Object.entries(OPERATIONS).flatMap(([operation, { places: its }]) =>
    Object.keys(its).map((place) => `${operation}.${place}`),
  );
  expect(places.filter((place) => !visited.has(place))).toEqual([]);
});
