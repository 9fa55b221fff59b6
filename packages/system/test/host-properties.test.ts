import type { KvmState } from '@spapr-dma/kvm';
import { tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import { withFill } from '@spapr-dma/tce-table';
import { describe, expect, test } from 'vitest';
import {
  cleared,
  ended,
  hotplug,
  judged,
  kvm,
  plug,
  powernv,
  qemu,
  unplug,
  unplugged,
  vfio,
  withEntry,
  withMm,
} from './host-judged.ts';
import { BOOT, EMULATED, hostSteps, NVME, SECOND } from './host-systems.ts';

describe('holds for a repaired machine, and says something', () => {
  const two = hostSteps(
    [{ do: 'system_reset' }, { do: 'power-on' }, { do: 'device_del-pci', id: 'second' }],
    { devices: [NVME, SECOND] },
  );
  const host = hostSteps(
    [
      ...BOOT,
      plug,
      unplug,
      { do: 'host-bind-driver', device: NVME.host, dmaMask: '0xffffffff' },
      { do: 'host-dma_map', device: NVME.host, hpa: '0x100000', bytes: '0x1000' },
    ],
    { devices: [EMULATED] },
  );
  const memory = hostSteps(
    [...BOOT, plug, { do: 'device_add-memory', gpa: '0x4000000', bytes: '0x1000000' }],
    { devices: [EMULATED] },
  );
  test.each([
    ['S-1', hotplug],
    ['S-2', hotplug],
    ['S-3', cleared],
    ['S-4', hotplug],
    ['S-6', hotplug],
    ['S-7', hotplug],
    ['S-8', two],
    ['S-9', unplugged],
    ['S-11', unplugged],
    ['S-12', hotplug],
    ['S-14', hotplug],
    ['S-15', memory],
    ['S-16', hotplug],
    ['S-17', hotplug],
    ['S-18', hotplug],
    ['S-19', cleared],
    ['L-3', hotplug],
    ['L-4', unplugged],
    ['L-5', ended],
    ['L-7', unplugged],
    ['L-8', hotplug],
    ['L-9', host],
  ])('%s', (name, steps) => {
    expect(judged(name, steps)).toEqual({ text: null, reached: true });
  });
});

describe('tables, memory and devices', () => {
  test('S-1: memory that is no longer registered is behind an entry that devices reach', () => {
    const gone = vfio(
      hotplug,
      withMm((mm) => ({ ...mm, regions: [] })),
    );
    expect(judged('S-1', gone).text).toBe(
      'Entry 0x1 of hardware table 1, which devices reach, is HPA 0x1000050000, and no registered memory holds that page.',
    );
  });

  test('S-1: an entry leads elsewhere than its userspace slot says', () => {
    const elsewhere = powernv(hotplug, withEntry(1, 0x10_0006_0003n));
    expect(judged('S-1', elsewhere).text).toBe(
      'Entry 0x1 of hardware table 1, which devices reach, is HPA 0x1000060000, but its userspace slot has 0x7f0000050000, which is HPA 0x1000050000.',
    );
  });

  test('S-1: an entry is larger than the pages behind it', () => {
    const small = vfio(
      hotplug,
      withMm((mm) => ({ ...mm, regions: mm.regions.map((region) => ({ ...region, pageShift: 11 })) })),
    );
    expect(judged('S-1', small).text).toContain('has pages of 2^11.');
  });

  test('S-2: a region counts too many, or too few', () => {
    const counting = (by: number) =>
      vfio(
        hotplug,
        withMm((mm) => ({
          ...mm,
          regions: mm.regions.map((region) => ({ ...region, mapped: region.mapped + by })),
        })),
      );
    const range = 'Registered memory at 0x7f0000000000 with 0x4000000 bytes';
    expect(judged('S-2', counting(1)).text).toBe(
      `${range} counts 3 TCEs, and 2 point into it: it can never be released.`,
    );
    expect(judged('S-2', counting(-1)).text).toBe(
      `${range} counts 1 TCEs, and 2 point into it: it can be released under them.`,
    );
  });

  test('S-3: the entry is still there when the guest hears that it is cleared', () => {
    const answered = cleared.findLastIndex(({ moved }) =>
      moved.sent.some(({ message }) => message.type === 'hcall-return' && message.to === 'guest-kernel'),
    );
    const left = powernv(cleared.slice(0, answered + 1), withEntry(2, 0x10_0005_1003n));
    expect(judged('S-3', left).text).toBe(
      'The guest was told that 0x2000 of LIOBN 0x80000000 is cleared, and hardware table 1 still leads to HPA 0x1000051000.',
    );
  });

  test('S-3: the entry comes back later, or stays in a TCE cache', () => {
    const revived = powernv(cleared, withEntry(1, 0x10_0005_0003n));
    expect(judged('S-3', revived).text).toContain(
      '0x1000 of LIOBN 0x80000000 is cleared, and hardware table 1',
    );
    const cached = powernv(
      cleared,
      (platform) => ({
        ...platform,
        pes: platform.pes.map((pe) => ({
          ...pe,
          cache: platform.tables
            .filter(({ userspace }) => userspace !== null)
            .map(({ table, hardware }) => ({
              table,
              tces: withFill(hardware, tceIndex(0), tceCount(4), tce(0x10_0005_0003n)),
            })),
        })),
      }),
      0,
    );
    expect(judged('S-3', cached).text).toContain('the TCE cache of PE 253 on PHB 1 still leads to HPA');
  });

  test('S-4: an entry is missing in the hardware, is another, or should not be there', () => {
    expect(judged('S-4', powernv(hotplug, withEntry(1, 0n))).text).toBe(
      'At 0x1000 LIOBN 0x80000000 has 0x50003, which is HPA 0x1000050000 for reading and writing, but hardware table 1 lets no device through.',
    );
    expect(judged('S-4', powernv(hotplug, withEntry(1, 0x10_0005_0001n))).text).toContain(
      'hardware table 1 lets devices through to HPA 0x1000050000 for reading.',
    );
    expect(judged('S-4', powernv(hotplug, withEntry(5, 0x10_0005_0003n))).text).toContain(
      'At 0x5000 LIOBN 0x80000000 has 0x0, which is no mapping of RAM',
    );
  });

  test('S-4: a container has no hardware window at all', () => {
    const none = vfio(hotplug, (host) => ({
      ...host,
      containers: host.containers.map((container) => ({
        ...container,
        iommu: { ...container.iommu!, windows: [null, null] },
      })),
    }));
    expect(judged('S-4', none).text).toContain('has no hardware window at 0x0.');
  });

  test('S-6 and L-9: before linux-4.12 the base stays on a table that was freed (B-10)', () => {
    const stale = { tableBaseUpdate: 'none' };
    const taken = hostSteps([...BOOT, plug], { devices: [EMULATED] }, 'repaired', stale);
    expect(judged('S-6', taken).text).toContain('The iommu_table_base of 0001:01:00.0 is table');
    expect(judged('S-14', taken).text).toContain(
      "Group 0 is VFIO's, and the iommu_table_base of 0001:01:00.0",
    );
    const back = hostSteps(
      [
        ...BOOT,
        plug,
        unplug,
        { do: 'host-bind-driver', device: NVME.host, dmaMask: '0xffffffff' },
        { do: 'host-dma_map', device: NVME.host, hpa: '0x100000', bytes: '0x1000' },
      ],
      { devices: [EMULATED] },
      'repaired',
      stale,
    );
    expect(judged('L-9', back).text).toContain('a DMA mapping of 0001:01:00.0 below 4 GiB succeeds with');
    expect(judged('S-7', back).text).toBe('Memory of a hardware table is touched after it was freed.');
  });

  test('S-7: a TVE names a table that is freed', () => {
    const freed = powernv(hotplug, (platform) => ({
      ...platform,
      tables: platform.tables.map((table) =>
        table.userspace === null ? table : { ...table, mode: 'freed' },
      ),
    }));
    expect(judged('S-7', freed).text).toBe(
      'TVE 0 of PE 253 on PHB 1 still names table 1, whose memory is freed.',
    );
  });

  test('S-8: a group that joins gets no window (B-13)', () => {
    const joined = hostSteps(
      [{ do: 'system_reset' }, { do: 'power-on' }, { do: 'device_add-vfio', ...SECOND }],
      { devices: [NVME] },
      'repaired',
      { setWindowOnExtraGroup: 'unfixed' },
    );
    expect(judged('S-8', joined).text).toContain('but group 1 has no table there.');
  });

  test('S-9: notifiers of a container stay, or come twice', () => {
    const window = { liobn: 0x8000_0000, first: 0n, last: 0xffffn, offset: 0n } as never;
    const left = qemu(hotplug, (each) => ({
      ...each,
      vfio: { ...each.vfio, stale: [{ ...(window as object), containerFd: 9 } as never] },
    }));
    expect(judged('S-9', left).text).toBe(
      'A notifier of the container that had fd 9 listens to LIOBN 0x80000000 still, and the container is gone.',
    );
    const double = qemu(hotplug, (each) => ({
      ...each,
      vfio: {
        ...each.vfio,
        containers: each.vfio.containers.map((container) => ({ ...container, giommus: [window, window] })),
      },
    }));
    expect(judged('S-9', double).text).toContain('listens to LIOBN 0x80000000 twice.');
  });

  test('S-10: somebody reaches beyond a hardware table', () => {
    const beyond = powernv(hotplug, (platform) => ({
      ...platform,
      accidents: { ...platform.accidents, outOfBounds: true },
    }));
    expect(judged('S-10', beyond).text).toContain('reaches beyond the end of a hardware table.');
  });

  test.each([
    ['firstOnly', true],
    ['full', false],
  ])('S-10: H_STUFF_TCE beyond the window in KVM with rangeCheck=%s (B-27)', (rangeCheck, isViolated) => {
    const script = [
      { do: 'system_reset' },
      { do: 'H_STUFF_TCE', liobn: '0x80000000', ioba: '0xf000', tceValue: '0x0', npages: '0x2' },
    ];
    const steps = hostSteps(script, { guest: false, host: undefined }, 'repaired', { rangeCheck });
    const { text, reached } = judged('S-10', steps);
    expect([text !== null, reached]).toEqual([isViolated, !isViolated]);
  });

  test('S-11: a process is charged more than it holds, or less', () => {
    const charged = (by: number) =>
      vfio(
        hotplug,
        withMm((mm) => ({ ...mm, lockedPages: mm.lockedPages + by })),
      );
    expect(judged('S-11', charged(3)).text).toMatch(
      /which is 3 more than it holds \(16384 for registered memory, 2/,
    );
    expect(judged('S-11', charged(-3)).text).toContain('which is 3 fewer than it holds');
  });

  test('S-12: KVM keeps a reference for each group (B-56)', () => {
    const script = [{ do: 'system_reset' }, { do: 'power-on' }];
    const leaking = hostSteps(script, { devices: [NVME, SECOND] }, 'repaired', {
      attachRefPerGroup: 'unfixed',
    });
    expect(judged('S-12', leaking).text).toBe(
      'Hardware table 1 counts 5 references, and 4 are held (1 by who made it, 2 by groups, 1 by KVM).',
    );
  });

  test('S-12: a table is freed that somebody holds', () => {
    const freed = powernv(hotplug, (platform) => ({
      ...platform,
      tables: platform.tables.map((table) =>
        table.userspace === null ? table : { ...table, mode: 'freed' },
      ),
    }));
    expect(judged('S-12', freed).text).toContain(
      'Hardware table 1 is freed, and 3 references on it are held',
    );
  });

  test('S-13: KVM has a window in another shape, or ties it to a table that does not fit', () => {
    const shaped = (change: object) =>
      kvm(hotplug, (each) => ({ ...each, tables: each.tables.map((table) => ({ ...table, ...change })) }));
    expect(judged('S-13', shaped({ offset: 1n })).text).toBe(
      'LIOBN 0x80000000 has 16 entries of 2^12 bytes at 0x0 in QEMU, and 16 of 2^12 at 0x1000 in KVM.',
    );
    const [stit] = (hotplug.at(-1)!.moved.state.snapshots.kvm!.context as KvmState).tables[0]!.iommuTables;
    const unfit = { ...stit!, hw: { ...stit!.hw, offset: 1n } };
    expect(judged('S-13', shaped({ iommuTables: [unfit] })).text).toContain(
      'which is no table for its window.',
    );
  });

  test('S-14: the bypass stays on, a group is in two containers, or the host makes DMA', () => {
    const bypass = powernv(hotplug, (platform) => ({
      ...platform,
      pes: platform.pes.map((pe) => ({ ...pe, bypassEnabled: true })),
    }));
    expect(judged('S-14', bypass).text).toContain('the bypass window of PE 253 on PHB 1');
    const twice = vfio(hotplug, (host) => ({
      ...host,
      containers: [...host.containers, ...host.containers],
    }));
    expect(judged('S-14', twice).text).toBe('Group 0 is in two containers.');
    const used = powernv(hotplug, (platform) => ({
      ...platform,
      accidents: { ...platform.accidents, hostDmaWhileOwned: true },
    }));
    expect(judged('S-14', used).text).toContain("The host's DMA API works on a device");
  });

  test('S-15: two regions overlap', () => {
    const overlapping = vfio(
      hotplug,
      withMm((mm) => ({
        ...mm,
        regions: mm.regions.flatMap((region) => [
          region,
          { ...region, region: 7, ua: (region.ua + 0x1000n) as typeof region.ua },
        ]),
      })),
    );
    expect(judged('S-15', overlapping).text).toBe(
      'Process qemu has registered memory at 0x7f0000000000 and at 0x7f0000001000, and the two overlap.',
    );
  });

  test('S-16: a window tells nobody though a container listens', () => {
    const deaf = qemu(hotplug, (each) => ({
      ...each,
      tables: each.tables.map((table) => ({ ...table, needVfio: false })),
    }));
    expect(judged('S-16', deaf).text).toBe('1 listen to PHB 0, but LIOBN 0x80000000 tells nobody.');
  });

  test('S-17: KVM has one LIOBN twice', () => {
    const twice = kvm(hotplug, (each) => ({
      ...each,
      tables: each.tables.flatMap((table) => [table, { ...table, id: 9 }]),
    }));
    expect(judged('S-17', twice).text).toBe('KVM has two views that are named LIOBN 0x80000000.');
  });

  test('S-20: a window that a create returns already lets devices through', () => {
    const created = hostSteps(
      [{ do: 'system_reset' }, { do: 'ibm,create-pe-dma-window', phb: 0, pageShift: 12, windowShift: 16 }],
      { guest: false, devices: [NVME] },
    );
    expect(judged('S-20', created)).toEqual({ text: null, reached: true });
    const answered = created.findIndex(({ moved }) =>
      moved.sent.some(({ message }) => message.type === 'rtas-return'),
    );
    const full = powernv(created, withEntry(3, 0x10_0000_0003n), answered);
    expect(judged('S-20', full).text).toContain('entries of hardware table');
  });
});
