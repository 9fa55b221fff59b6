import type { KvmState } from '@spapr-dma/kvm';
import type { PowernvState } from '@spapr-dma/powernv-ioda2';
import { tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { QemuState } from '@spapr-dma/qemu-spapr';
import { withFill, withTce } from '@spapr-dma/tce-table';
import type { Mm, VfioHost } from '@spapr-dma/vfio-host';
import { describe, expect, test } from 'vitest';
import { costOf } from '../src/costs.ts';
import { PROPERTIES } from '../src/properties/index.ts';
import { unwatched, watched, watchedAtRest } from '../src/properties/watch.ts';
import { BOOT, changedFrom, EMULATED, hostSteps, NVME, SECOND } from './host-systems.ts';
import type { Stepped } from './systems.ts';

/** What a property says of some steps: the first thing that is wrong, and whether it was reached. */
function judged(name: string, steps: readonly Stepped[]) {
  const property = PROPERTIES.find((each) => each.name === name)!;
  let known = unwatched([property]);
  steps.forEach(({ before, moved }, index) => {
    known = watched(known, { before, moved, cost: costOf(moved) }, index + 1);
  });
  known = watchedAtRest(known, steps.at(-1)!.moved.state, steps.length);
  const [{ violated, reached }] = known as [(typeof known)[number]];
  return { text: violated?.text ?? null, reached };
}

const plug = { do: 'device_add-vfio', ...NVME };
const unplug = { do: 'device_del-pci', id: 'nvme' };

/** Devices of the host come to a guest that has mapped something, and go. */
const hotplug = hostSteps([...BOOT, plug], { devices: [EMULATED] });
const cleared = hostSteps([...BOOT, plug, { do: 'dma_unmap', of: 'buffer' }], { devices: [EMULATED] });
const unplugged = hostSteps([...BOOT, plug, unplug], { devices: [EMULATED] });
const ended = hostSteps([...BOOT, plug, { do: 'quit' }], { devices: [EMULATED] });

const powernv = (steps: readonly Stepped[], change: (powernv: PowernvState) => PowernvState, at = -1) =>
  changedFrom(steps, at, 'powernv-ioda2', change);
const vfio = (steps: readonly Stepped[], change: (vfio: VfioHost) => VfioHost, at = -1) =>
  changedFrom(steps, at, 'vfio-host', change);
const kvm = (steps: readonly Stepped[], change: (kvm: KvmState) => KvmState, at = -1) =>
  changedFrom(steps, at, 'kvm', change);
const qemu = (steps: readonly Stepped[], change: (qemu: QemuState) => QemuState, at = -1) =>
  changedFrom(steps, at, 'qemu-spapr', change);

/** QEMU's address space in another condition. */
const withMm =
  (change: (mm: Mm) => Mm) =>
  (host: VfioHost): VfioHost => ({
    ...host,
    mms: host.mms.map((mm) => (mm.process === 'qemu' ? change(mm) : mm)),
  });

/** One entry of the tables of VFIO with another value. */
const withEntry =
  (index: number, value: bigint) =>
  (platform: PowernvState): PowernvState => ({
    ...platform,
    tables: platform.tables.map((table) =>
      table.userspace === null
        ? table
        : { ...table, hardware: withTce(table.hardware, tceIndex(index), tce(value)) },
    ),
  });

/** The step after which a property finds something wrong stands last: it was a quiet one, or the one that answered. */
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

describe('replay, errors and ends', () => {
  test('S-18: an entry that was changed while it was replayed is as it was', () => {
    const replayed = hostSteps([...BOOT, plug], { devices: [EMULATED] }, 'newest');
    const mapping = replayed.findIndex(({ moved }) => moved.delivered?.message.type === 'VFIO_IOMMU_MAP_DMA');
    const changed = kvm(
      replayed,
      (each) => ({
        ...each,
        tables: each.tables.map((table) => ({ ...table, view: withTce(table.view, tceIndex(1), tce(0n)) })),
      }),
      mapping,
    );
    expect(judged('S-18', replayed)).toEqual({ text: null, reached: true });
    expect(judged('S-18', changed).text).toMatch(
      /^A replay mapped an entry .* At 0x1000 LIOBN 0x80000000 has 0x0/,
    );
  });

  test('S-19: a hypercall succeeds without its effect', () => {
    const answered = cleared.findLastIndex(({ moved }) =>
      moved.sent.some(({ message }) => message.type === 'hcall-return' && message.to === 'guest-kernel'),
    );
    const left = powernv(cleared.slice(0, answered + 1), withEntry(2, 0x10_0005_1003n));
    expect(judged('S-19', left).text).toMatch(
      /^H_(STUFF|PUT)_TCE returned H_SUCCESS\. At 0x2000 LIOBN 0x80000000/,
    );
  });

  test('L-3: what was mapped before is not in the hardware (B-03)', () => {
    const plugged = hotplug.findLastIndex(({ moved }) =>
      moved.sent.some(({ message }) => message.type === 'monitor-return'),
    );
    const missing = powernv(hotplug, withEntry(2, 0n), plugged);
    expect(judged('L-3', missing).text).toMatch(
      /^What the guest had mapped before the device came is not there\. At 0x2000/,
    );
  });

  test('L-4: something is left of the last device', () => {
    const owned = powernv(
      unplugged,
      (platform) => ({
        ...platform,
        groups: platform.groups.map((group) => ({ ...group, owner: 'vfio' })),
      }),
      hotplug.length,
    );
    expect(judged('L-4', owned).text).toBe(
      "The last passed-through device is unplugged, and group 0 is still VFIO's.",
    );
    const listened = qemu(
      unplugged,
      (each) => ({
        ...each,
        tables: each.tables.map((table) => ({ ...table, needVfio: true })),
      }),
      hotplug.length,
    );
    expect(judged('L-4', listened).text).toContain('LIOBN 0x80000000 is still marked as listened to.');
  });

  test('L-5: memory of a QEMU that is gone stays pinned', () => {
    const before = hotplug.at(-1)!.moved.state.snapshots['vfio-host']!.context as VfioHost;
    const left = before.mms.map((mm): Mm => ({ ...mm, mode: 'leaked' }));
    const exit = ended.findIndex(
      ({ moved }) => moved.delivered?.message.type === 'exit' && moved.delivered.to === 'vfio-host',
    );
    const leaked = vfio(ended, (host) => ({ ...host, mms: left }), exit);
    expect(judged('L-5', leaked).text).toMatch(
      /^QEMU is gone, and 0x[0-9a-f]+ bytes .* stay pinned for ever\.$/,
    );
    const owned = powernv(
      ended,
      (platform) => ({
        ...platform,
        groups: platform.groups.map((group) => ({ ...group, owner: 'vfio' })),
      }),
      0,
    );
    expect(judged('L-5', owned).text).toBe("QEMU is gone, and group 0 is still VFIO's.");
  });

  test('L-7: RCU frees in another order, or never', () => {
    const waiting = unplugged.findIndex(
      ({ moved }) => (moved.state.snapshots.kvm!.context as KvmState).rcu.callbacks.length > 0,
    );
    const stuck = unplugged.slice(0, waiting + 1);
    expect(judged('L-7', stuck).text).toBe('RCU never frees hardware table 1.');
    const view = { free: { kind: 'table', stt: 5 }, readers: [] } as const;
    const behind = kvm(stuck, (each) => ({
      ...each,
      rcu: { ...each.rcu, callbacks: [...each.rcu.callbacks, view] },
    }));
    const last = behind.at(-1)!;
    const overtaken = kvm([...behind, { ...last, before: last.moved.state }], (each) => ({
      ...each,
      rcu: { ...each.rcu, callbacks: each.rcu.callbacks.slice(0, 1) },
    }));
    expect(judged('L-7', overtaken).text).toBe(
      'RCU frees view 5 before hardware table 1, which waits longer.',
    );
  });

  test('L-8: a call goes round', () => {
    const handed = hotplug.findIndex(
      ({ moved }) =>
        moved.delivered?.message.from === 'kvm' && moved.delivered.message.type.startsWith('ibm,'),
    );
    const again = Array.from({ length: 3 }, () => hotplug[handed]!);
    const circling = [...hotplug.slice(0, handed), ...again];
    expect(judged('L-8', circling).text).toBe('ibm,query-pe-dma-window of vcpu0 is handed on 4 times.');
  });

  /** A dynamic window of 2^31 entries, and a device that is passed through afterwards. */
  const huge = [
    { do: 'system_reset' },
    { do: 'ibm,create-pe-dma-window', phb: 0, pageShift: 16, windowShift: 47 },
    plug,
  ];
  const host = (memlockKb: number | null) => ({
    pageShift: 16,
    ...(memlockKb === null ? {} : { memlockKb }),
    phbs: [{ phb: 1, devices: [{ device: NVME.host }] }],
  });

  test.each([
    ['newest', "qdev_device_add holds QEMU's big lock for 172 s, and a vCPU that needs QEMU waits so long"],
    ['repaired', null],
  ])('L-2: a device comes to a window of 2^31 empty entries in %s (B-52)', (preset, text) => {
    const steps = hostSteps(huge, { guest: false, host: host(null), phbs: [] }, preset, {}, 'power9');
    const found = judged('L-2', steps);
    expect(found.reached).toBe(true);
    if (text === null) expect(found.text).toBeNull();
    else expect(found.text).toContain(text);
  });

  test.each([
    ['unfixed', 'abort', /^QEMU ends on ibm,create-pe-dma-window: hardware error: vfio/],
    ['fixed', 'rtasError', null],
  ])(
    'S-21: the host has no memory for a window that the guest creates, createFailure %s (B-59)',
    (_, createFailure, text) => {
      const limited = { guest: false, host: host(2_200_000), phbs: [], devices: [NVME] };
      const script = huge.slice(0, 2);
      const found = judged('S-21', hostSteps(script, limited, 'newest', { createFailure }, 'power9'));
      if (text === null) expect(found).toEqual({ text: null, reached: true });
      else expect(found.text).toMatch(text);
    },
  );
});
