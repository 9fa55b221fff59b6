import { describe, expect, test } from 'vitest';
import { vfioHostConfigOf } from '../src/config.ts';
import { Rig, type RigOptions } from './rig.ts';

const GB = 1n << 30n;
const attached = (options: RigOptions = {}): Rig => new Rig(options).attach();
/** Two groups in one container: 1 by descriptor 4, 2 by descriptor 5. */
const twoGroups = (options: RigOptions = {}): Rig => {
  const rig = attached(options);
  rig.open('/dev/vfio/2');
  expect(rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 })).toBe(0);
  return rig;
};
const defaultWindow = (rig: Rig) => rig.container()!.iommu!.defaultWindow;
const starts = (rig: Rig) =>
  rig
    .container()!
    .iommu!.windows.map((window) => window && window.facts.offset << BigInt(window.facts.pageShift));
/** What the platform was asked for by a call. */
const asked = (rig: Rig, call: () => unknown): readonly string[] => {
  rig.powernv.log.length = 0;
  call();
  return [...rig.powernv.log];
};

describe('the default window', () => {
  test.each`
    call                    | made
    ${'MAP_DMA'}            | ${true}
    ${'UNMAP_DMA'}          | ${true}
    ${'TCE_CREATE'}         | ${true}
    ${'REGISTER_MEMORY'}    | ${false}
    ${'MAP_DMA with flags'} | ${false}
    ${'GET_INFO'}           | ${false}
  `('$call makes it: $made', ({ call, made }) => {
    const rig = attached();
    rig.register();
    const calls: Record<string, () => unknown> = {
      MAP_DMA: () => rig.map(1n << 60n, 0n, 1n),
      UNMAP_DMA: () => rig.unmap(1n << 60n, 1n),
      TCE_CREATE: () => rig.create(0, 0n, 0),
      REGISTER_MEMORY: () => rig.register(0x100_0000n),
      'MAP_DMA with flags': () => rig.map(0n, 0n, 0n, { flags: 4 }),
      GET_INFO: () => rig.info(),
    };
    expect(defaultWindow(rig)).toBe('pending');
    calls[call]!();
    expect(defaultWindow(rig)).toBe(made ? 'created' : 'pending');
    expect(starts(rig)[0]).toBe(made ? 0n : null);
  });

  test('it is 2 GiB of 4K pages in one level, and costs 8 MiB', () => {
    const rig = attached();
    rig.register();
    rig.map(0n, 0n, 0n);
    expect(rig.container()!.iommu!.windows[0]!.facts).toMatchObject({
      pageShift: 12,
      size: 0x80000,
      levels: 1,
      offset: 0n,
    });
    expect(rig.vmlck()).toBe(1024 + 8192);
  });

  test('REMOVE of address 0 cancels it while it is owed, and it does not come back', () => {
    const rig = attached();
    rig.register();
    expect(asked(rig, () => expect(rig.remove(0n)).toBe(0))).toEqual([]);
    expect(defaultWindow(rig)).toBe('cancelled');
    expect(rig.map(0n, 0n, 0x1000n)).toBe('ENXIO');
    expect(rig.remove(0n)).toBe('EINVAL');
  });

  test('REMOVE of another address does not cancel it', () => {
    const rig = attached();
    expect(rig.remove(1n << 59n)).toBe('EINVAL');
    expect(defaultWindow(rig)).toBe('pending');
  });

  test('where it cannot be paid, it stays owed', () => {
    const rig = attached();
    rig.deliver(rig.message('set-memlock', { limit: 0x10_0000n, capIpcLock: false }));
    rig.register(0n, 0x10000n);
    expect(rig.map(0n, 0n, 0x1000n)).toBe('ENOMEM');
    expect(defaultWindow(rig)).toBe('pending');
  });

  test('before linux-4.10 the first group brings it, and is given up where it cannot', () => {
    const config = vfioHostConfigOf('linux-4.2');
    const rig = new Rig({ config });
    rig.open();
    rig.open('/dev/vfio/1');
    expect(asked(rig, () => rig.call('VFIO_GROUP_SET_CONTAINER'))).toEqual([]);
    rig.powernv.failNext('set_window', 'OPAL_HARDWARE');
    expect(rig.setIommu()).toBe('ENXIO');
    expect(rig.powernv.groups.get(1)!.owner).toBe('platform');
    expect(rig.vmlck()).toBe(0);
    expect(asked(rig, () => expect(rig.setIommu()).toBe(0))).toEqual([
      'table_group_read 1',
      'take_ownership 1',
      'get_table_size 1',
      'create_table 1',
      'set_window 1',
    ]);
    expect(defaultWindow(rig)).toBe('created');
  });
});

describe('slots', () => {
  test('the slot decides where a window starts, and the first that is free is taken', () => {
    const rig = attached();
    rig.remove(0n);
    const start = () => {
      const reply = rig.reply('VFIO_IOMMU_SPAPR_TCE_CREATE', { pageShift: 16, windowSize: GB, levels: 1 });
      return reply.ok ? reply.startAddr : reply.errno;
    };
    expect([start(), start(), start()]).toEqual([0n, 1n << 59n, 'ENOSPC']);
    rig.remove(0n);
    expect(starts(rig)).toEqual([null, 1n << 59n]);
    expect(start()).toBe(0n);
  });

  test('a REMOVE with mappings clears them', () => {
    const rig = attached();
    rig.register();
    rig.map(0n, 0n, 0x10000n);
    expect(rig.remove(0n)).toBe(0);
    expect(rig.regions()[0]!.mapped).toBe(1);
    expect(rig.vmlck()).toBe(1024);
  });
});

describe('several groups', () => {
  test('the group that joined last is attached first, and is then the oldest', () => {
    const rig = new Rig();
    rig.open();
    for (const [group, groupFd] of [
      [1, 4],
      [2, 5],
    ] as const) {
      rig.open(`/dev/vfio/${group}`);
      rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd });
    }
    expect(asked(rig, () => rig.setIommu())).toEqual(['table_group_read 2', 'table_group_read 1']);
    rig.remove(0n);
    expect(asked(rig, () => rig.create(16, GB, 1)).slice(2)).toEqual(['set_window 1', 'set_window 2']);
  });

  test('a new window goes to the newest group first, and the newest one’s table is asked for', () => {
    const rig = twoGroups();
    rig.remove(0n);
    expect(asked(rig, () => rig.create(16, GB, 1))).toEqual([
      'get_table_size 2',
      'create_table 2',
      'set_window 2',
      'set_window 1',
    ]);
    expect(asked(rig, () => rig.remove(0n))).toEqual([
      'tce_xchg 1',
      'tce_kill 1',
      'unset_window 2',
      'unset_window 1',
      'iommu_tce_table_put 1',
    ]);
  });

  test('before linux-6.11 a window is taken from its groups before it is cleared', () => {
    const rig = twoGroups({ features: { clearBeforeUnset: false } });
    rig.remove(0n);
    rig.create(16, GB, 1);
    expect(asked(rig, () => rig.remove(0n))).toEqual([
      'unset_window 2',
      'unset_window 1',
      'tce_xchg 1',
      'tce_kill 1',
      'iommu_tce_table_put 1',
    ]);
  });

  test('firmware that refuses one group takes the window from all, and nothing stays charged', () => {
    const rig = twoGroups();
    rig.remove(0n);
    rig.powernv.failNext('set_window', 'OPAL_PARAMETER', 1);
    expect(asked(rig, () => expect(rig.create(16, GB, 1)).toBe('EPERM'))).toEqual([
      'get_table_size 2',
      'create_table 2',
      'set_window 2',
      'set_window 1',
      'unset_window 2',
      'unset_window 1',
      'iommu_tce_table_put 1',
    ]);
    expect(rig.vmlck()).toBe(0);
    expect(starts(rig)).toEqual([null, null]);
  });

  test('a group that joins late gets the windows there are; one that cannot is given up', () => {
    const rig = attached();
    rig.create(16, GB, 1);
    rig.open('/dev/vfio/2');
    rig.powernv.failNext('set_window', 'OPAL_HARDWARE', 1);
    expect(
      asked(rig, () => expect(rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 })).toBe('ENXIO')),
    ).toEqual([
      'iommu_group_claim_dma_owner 2',
      'table_group_read 2',
      'set_window 2',
      'set_window 2',
      'unset_window 2',
      'unset_window 2',
      'iommu_group_release_dma_owner 2',
    ]);
    expect(rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 })).toBe(0);
    expect(rig.powernv.groups.get(2)!.tables).toEqual([1, 2]);
  });

  test('setWindowOnExtraGroup unfixed: a group that joins late has no windows (B-13)', () => {
    const rig = attached({ switches: { setWindowOnExtraGroup: 'unfixed' } });
    rig.create(16, GB, 1);
    rig.open('/dev/vfio/2');
    expect(rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 })).toBe(0);
    expect(rig.powernv.groups.get(2)!.tables).toEqual([null, null]);
  });

  test.each`
    clearOnDetach       | first | last
    ${'whole'}          | ${1}  | ${1}
    ${'no'}             | ${17} | ${1}
    ${'onlyIfLastUser'} | ${17} | ${1}
  `('clearOnDetach $clearOnDetach: mapped is $first when the first group has left (B-18)', (row) => {
    const rig = twoGroups({ switches: { clearOnDetach: row.clearOnDetach } });
    rig.register();
    rig.map(0n, 0n, 0x10000n);
    rig.call('VFIO_GROUP_UNSET_CONTAINER', { groupFd: 5 });
    expect(rig.regions()[0]!.mapped).toBe(row.first);
    const put = rig.sent.length;
    rig.call('VFIO_GROUP_UNSET_CONTAINER', { groupFd: 4 });
    const puts = rig.sent
      .slice(put)
      .flatMap((each) => (each.type === 'effect' && each.fn === 'mm_iommu_put' ? [each.args.mapped] : []));
    expect(puts).toEqual([row.last]);
    expect(rig.vmlck()).toBe(0);
    expect(rig.powernv.tables.size).toBe(0);
  });

  test('until linux-6.3 the driver takes and gives groups, and nobody claims', () => {
    const config = vfioHostConfigOf('linux-6.1');
    const rig = new Rig({ config }).attach();
    rig.open('/dev/vfio/2');
    expect(asked(rig, () => rig.call('VFIO_GROUP_SET_CONTAINER', { groupFd: 5 }))).toEqual([
      'table_group_read 2',
      'take_ownership 2',
    ]);
    rig.create(16, GB, 1);
    expect(asked(rig, () => rig.call('VFIO_GROUP_UNSET_CONTAINER', { groupFd: 5 }))).toEqual([
      'unset_window 2',
      'unset_window 2',
      'release_ownership 2',
    ]);
    expect(asked(rig, () => rig.call('VFIO_GROUP_UNSET_CONTAINER'))).toEqual([
      'unset_window 1',
      'unset_window 1',
      'release_ownership 1',
      'tce_xchg 1',
      'tce_kill 1',
      'iommu_tce_table_put 1',
      'tce_xchg 2',
      'tce_kill 2',
      'iommu_tce_table_put 2',
    ]);
    expect(new Rig({ config }).attach(1, 2).container()!.iommu).toBeNull();
  });
});

describe('charges', () => {
  test.each`
    createRefund | kept
    ${'unfixed'} | ${262_144}
    ${'fixed'}   | ${0}
  `(
    'createRefund $createRefund: a table that cannot be made leaves $kept kB charged (B-21)',
    ({ createRefund, kept }) => {
      const rig = attached({ switches: { createRefund } });
      rig.remove(0n);
      expect(rig.create(16, 1n << 40n, 1)).toBe('ENOMEM');
      expect(rig.vmlck()).toBe(kept);
      rig.close(4);
      expect(rig.vmlck()).toBe(kept);
    },
  );

  test.each`
    chargeMatchesAllocation | left
    ${'unfixed'}            | ${128}
    ${'fixed'}              | ${0}
  `(
    'chargeMatchesAllocation $chargeMatchesAllocation: $left kB are left of a window whose table says less (B-42)',
    (row) => {
      const rig = attached({ switches: { chargeMatchesAllocation: row.chargeMatchesAllocation } });
      rig.remove(0n);
      const created = rig.powernv.groupOp.bind(rig.powernv);
      rig.powernv.groupOp = (message) => {
        const reply = created(message);
        if (!reply.result.ok || reply.result.table === null) return reply;
        const table = { ...reply.result.table, allocatedBytes: 0x20000n as never };
        return { ...reply, result: { ...reply.result, table } };
      };
      expect(rig.create(16, GB, 1)).toBe(0);
      expect(rig.vmlck()).toBe(256);
      rig.remove(0n);
      expect(rig.vmlck()).toBe(row.left);
    },
  );
});
