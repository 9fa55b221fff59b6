import { describe, expect, test } from 'vitest';
import type { QemuState } from '../src/state.js';
import { eehReenable } from '../src/vfio-eeh.js';
import { connectDevice, tableDisabling, tableEnabled } from '../src/vfio-hooks.js';
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

type Switches = Parameters<typeof machineWith>[0];
type Config = Parameters<typeof machineWith>[1];

/** A machine with a device and no window yet. */
function connected(switches: Switches = {}, config: Config = {}, host = new FakeHost()) {
  const qemu = machineWith(switches, config);
  return { host, qemu: play(qemu, connectDevice(qemu, device(1)), host).qemu };
}
const shows = (qemu: QemuState, liobn: typeof L0, shape: typeof DEFAULT_WINDOW, host: FakeHost) => {
  const windows = withWindow(qemu, liobn, shape);
  return play(windows, tableEnabled(windows, liobn), host);
};

test('a default window: made, tied to KVM, listened to, replayed', () => {
  const { qemu, host } = connected();
  const after = shows(qemu, L0, DEFAULT_WINDOW, host);
  expect(after.log).toEqual([
    'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=12 windowSize=0x40000000 levels=1',
    'Q vfio_spapr_create_window pageShift=12 levels=1 windowSize=0x40000000 offset=0x0',
    'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=3 tableFd=1000',
    'Q vfio_spapr_group_attach groupFd=3 tableFd=1000',
    'Q vfio_listener_region_add_iommu start=0x0 end=0x3fffffff',
    'view_bulk_load liobn=2147483648',
    'replay of 262144',
  ]);
  expect(after.qemu.vfio.containers[0]).toMatchObject({
    hostwins: [{ min: 0n, max: 0x3fff_ffffn, pgsizes: 0x1000n }],
    giommus: [{ liobn: L0, first: 0n, last: 0x3fff_ffffn, offset: 0n }],
  });
  expect(after.qemu.tables[0]?.needVfio).toBe(true);
});

test('a window goes: nobody listens, one UNMAP_DMA of the whole, then the hardware window', () => {
  const { qemu, host } = connected();
  const there = shows(shows(qemu, L0, DEFAULT_WINDOW, host).qemu, L1, DYNAMIC_WINDOW, host).qemu;
  const gone = play(there, tableDisabling(there, L1), host);
  expect(gone.log).toEqual([
    'Q vfio_listener_region_del start=0x800000000000000 end=0x80000007fffffff',
    'VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x800000000000000 size=0x80000000',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x800000000000000',
    'Q vfio_spapr_remove_window offset=0x800000000000000',
  ]);
  expect(gone.qemu.tables[1]?.needVfio).toBe(false);
  expect(gone.qemu.vfio.containers[0]?.giommus.map(({ liobn }) => liobn)).toEqual([L0]);
  expect(gone.qemu.vfio.containers[0]?.hostwins.length).toBe(1);
});

test('of two containers the older one hears first of a window that comes, and last of one that goes', () => {
  const host = new FakeHost();
  host.createsAnywhere = true;
  host.refuse = (call) =>
    call.type === 'VFIO_GROUP_SET_CONTAINER' && call.groupFd === 6 && call.containerFd === 4
      ? 'EPERM'
      : undefined;
  const { qemu } = connected({}, {}, host);
  const two = play(qemu, connectDevice(qemu, device(2)), host).qemu;
  const heard = (log: readonly string[]) =>
    log.flatMap((line) => /^VFIO_IOMMU_SPAPR_TCE_\w+ containerFd=\d+/.exec(line) ?? []);
  const there = shows(two, L0, DEFAULT_WINDOW, host);
  expect(heard(there.log)).toEqual([
    'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4',
    'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=7',
  ]);
  expect(heard(play(there.qemu, tableDisabling(there.qemu, L0), host).log)).toEqual([
    'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=7',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4',
  ]);
});

test('a v1 container unmaps a window that goes, and keeps its own', () => {
  const { qemu, host } = connected({ iommuType: 'v1' });
  const there = shows(qemu, L0, DEFAULT_WINDOW, host).qemu;
  const gone = play(there, tableDisabling(there, L0), host);
  expect(gone.log.slice(1)).toEqual(['VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x0 size=0x40000000']);
  expect(gone.qemu.vfio.containers[0]?.hostwins.length).toBe(1);
});

test('that a window could not be unmapped or removed is only told', () => {
  const { qemu, host } = connected();
  const there = shows(qemu, L0, DEFAULT_WINDOW, host).qemu;
  host.refuse = ({ type }) =>
    type === 'VFIO_IOMMU_UNMAP_DMA' || type === 'VFIO_IOMMU_SPAPR_TCE_REMOVE' ? 'EINVAL' : undefined;
  const gone = play(there, tableDisabling(there, L0), host);
  expect(gone.log.filter((line) => /^(!|abort)/.test(line))).toEqual([
    '! VFIO_UNMAP_DMA failed: Invalid argument',
    '! Failed to remove window at 0',
  ]);
  expect(gone.qemu.vfio.containers[0]?.hostwins).toEqual([]);
});

test('after a reset both windows went, the default one is made again', () => {
  const { qemu, host } = connected();
  let now = shows(shows(qemu, L0, DEFAULT_WINDOW, host).qemu, L1, DYNAMIC_WINDOW, host).qemu;
  const from = host.log.length;
  for (const liobn of [L0, L1]) {
    now = play(now, tableDisabling(now, liobn), host).qemu;
    now = {
      ...now,
      tables: now.tables.map((table) => (table.liobn === liobn ? { ...table, mode: 'disabled' } : table)),
    } as QemuState;
  }
  now = shows(now, L0, DEFAULT_WINDOW, host).qemu;
  play(now, eehReenable(now, 0), host);
  expect(
    host.log
      .slice(from)
      .filter((line) => !line.startsWith('Q '))
      .map((line) => line.split(' ')[0]),
  ).toEqual([
    'VFIO_IOMMU_UNMAP_DMA',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE',
    'VFIO_IOMMU_UNMAP_DMA',
    'VFIO_IOMMU_SPAPR_TCE_REMOVE',
    'VFIO_IOMMU_SPAPR_TCE_CREATE',
    'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE',
    'view_bulk_load',
    'replay',
    'VFIO_EEH_PE_OP',
  ]);
});

test('EEH is asked for only where one container has one group', () => {
  const { qemu, host } = connected();
  expect(eehReenable(machineWith(), 0)).toBe(null);
  expect(eehReenable(qemu, 0)).toMatchObject({ op: 1 });
  expect(eehReenable(play(qemu, connectDevice(qemu, device(2)), host).qemu, 0)).toBe(null);
});

describe('a window that the host refuses', () => {
  const noMemory = (): FakeHost => {
    const host = new FakeHost();
    host.refuse = ({ type }) => (type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' ? 'ENOMEM' : undefined);
    return host;
  };

  test('B-59: is asked for with more and more levels, then ends QEMU', () => {
    const { qemu, host } = connected({}, {}, noMemory());
    expect(shows(qemu, L1, DYNAMIC_WINDOW, host).log).toEqual([
      ...[1, 2, 3].map(
        (levels) =>
          `VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=16 windowSize=0x80000000 levels=${levels}`,
      ),
      '! Failed to create a window, ret = -1 (No such file or directory)',
      '! Failed to create SPAPR window: No such file or directory',
      'abort hardware error: vfio: DMA mapping failed, unable to continue',
    ]);
  });

  test('with createFailure mended the create hears of it', () => {
    const { qemu, host } = connected({ createFailure: 'rtasError' }, {}, noMemory());
    const { log } = shows(qemu, L1, DYNAMIC_WINDOW, host);
    expect(log.at(-1)).toBe("returned 'Failed to create SPAPR window: No such file or directory'");
  });

  test('may be had with more levels', () => {
    const host = new FakeHost();
    host.refuse = (call) =>
      call.type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' && call.levels < 2 ? 'ENOMEM' : undefined;
    const { qemu } = connected({}, {}, host);
    const { log } = shows(qemu, L0, DEFAULT_WINDOW, host);
    expect(log[2]).toBe('Q vfio_spapr_create_window pageShift=12 levels=2 windowSize=0x40000000 offset=0x0');
  });

  test('a positive answer is a failure too', () => {
    const host = new FakeHost();
    host.refuse = (call) => (call.type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' ? 7 : undefined);
    const { qemu } = connected({}, {}, host);
    expect(shows(qemu, L0, DEFAULT_WINDOW, host).log).toContain(
      '! Failed to create a window, ret = 7 (No such file or directory)',
    );
  });

  test('pages that the host does not have end QEMU before anything is asked', () => {
    const { qemu, host } = connected();
    const container = { ...qemu.vfio.containers[0], pgsizes: 0x100_0000n };
    const odd = { ...qemu, vfio: { ...qemu.vfio, containers: [container] } } as QemuState;
    expect(shows(odd, L0, DEFAULT_WINDOW, host).log).toEqual([
      "! Host doesn't support page size 0x1000, the supported mask is 0x1000000",
      '! Failed to create SPAPR window: Invalid argument',
      'abort hardware error: vfio: DMA mapping failed, unable to continue',
    ]);
  });

  test('B-32: a second window at the place of another is cut down to what shows of it, which the host cannot have', () => {
    const { qemu, host } = connected();
    const there = shows(shows(qemu, L0, DEFAULT_WINDOW, host).qemu, L1, DYNAMIC_WINDOW, host).qemu;
    const removed = play(there, tableDisabling(there, L0), host).qemu;
    const free = {
      ...removed,
      tables: removed.tables.map((table) => (table.liobn === L0 ? { ...table, mode: 'disabled' } : table)),
    } as QemuState;
    const { log } = shows(free, L0, { ...DYNAMIC_WINDOW, entries: 0x100 }, host);
    expect(log.filter((line) => !line.startsWith('Q '))).toEqual([
      'VFIO_IOMMU_SPAPR_TCE_CREATE containerFd=4 pageShift=16 windowSize=0x80000000 levels=1',
      'VFIO_IOMMU_SPAPR_TCE_REMOVE containerFd=4 startAddr=0x0',
      "! Host doesn't support DMA window at 800000080000000, must be 0",
      '! Failed to create SPAPR window: Invalid argument',
      'abort hardware error: vfio: DMA mapping failed, unable to continue',
    ]);
  });

  test('a window over one that the container still has ends QEMU', () => {
    const { qemu, host } = connected();
    const hostwins = [{ min: 0n, max: 0x3fff_ffffn, pgsizes: 0x1000n }];
    const container = { ...qemu.vfio.containers[0], hostwins };
    const full = { ...qemu, vfio: { ...qemu.vfio, containers: [container] } } as QemuState;
    expect(shows(full, L0, { ...DEFAULT_WINDOW, entries: 1 }, host).log).toEqual([
      '! region [0x0,0xfff] overlaps with existinghost DMA window [0x0,0x3fffffff]',
      'abort hardware error: vfio: DMA mapping failed, unable to continue',
    ]);
  });

  test('on a v1 host a dynamic window is beyond the only one', () => {
    const { qemu, host } = connected({ iommuType: 'v1' });
    expect(shows(qemu, L1, DYNAMIC_WINDOW, host).log.at(-2)).toBe(
      "! Container can't map guest IOVA region 0x800000000000000..0x80000007fffffff",
    );
  });

  test('on a v1 host a window that only begins in its one is refused as a whole', () => {
    const { qemu, host } = connected({ iommuType: 'v1' });
    const large = { ...DEFAULT_WINDOW, entries: 0x10_0000 };
    expect(shows(qemu, L0, large, host).log.at(-2)).toBe(
      "! Container can't map guest IOVA region 0x0..0xffffffff",
    );
  });

  test('where no number of levels is allowed, nothing is asked, and a window at 0 counts as made', () => {
    const { qemu, host } = connected({}, { ramPageShift: 24 });
    const huge = { pageShift: 34, busOffset: 0n, entries: 2 ** 22, fd: -1 };
    const { log } = shows(qemu, L0, huge, host);
    const made = 'Q vfio_spapr_create_window pageShift=24 levels=3 windowSize=0x100000000000000 offset=0x0';
    expect(log).toContain(made);
    expect(log.filter((line) => line.startsWith('VFIO_IOMMU_SPAPR_TCE_CREATE'))).toEqual([]);
  });
});

describe('a view that KVM cannot tie to the hardware', () => {
  const refusing = (): FakeHost => {
    const host = new FakeHost();
    host.refuse = ({ type }) => (type === 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE' ? 'EBADF' : undefined);
    return host;
  };
  const noTable = { ...DEFAULT_WINDOW, fd: -1 };

  test('B-19: qemu-7.2 says so and never listens', () => {
    const { qemu, host } = connected({}, {}, refusing());
    const after = shows(qemu, L0, noTable, host);
    expect(after.log.slice(2)).toEqual([
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=3 tableFd=-1',
      '! vfio: failed to setup fd -1 for a group with fd 3: Bad file descriptor',
    ]);
    expect(after.qemu.vfio.containers[0]?.giommus).toEqual([]);
    expect(after.qemu.vfio.containers[0]?.hostwins.length).toBe(1);
  });

  test('later ones end', () => {
    const { qemu, host } = connected({ attachFailure: 'fatal' }, {}, refusing());
    expect(shows(qemu, L0, noTable, host).log.at(-1)).toBe(
      'abort hardware error: vfio: DMA mapping failed, unable to continue',
    );
  });

  test('the repaired one listens, with the view in QEMU', () => {
    const { qemu, host } = connected({ attachFailure: 'fallbackUserspace' }, {}, refusing());
    const after = shows(qemu, L0, DEFAULT_WINDOW, host);
    expect(after.log.slice(4).map((line) => line.split(' ')[0])).toEqual([
      'Q',
      'Q',
      'view_bulk_load',
      'close',
      'replay',
    ]);
    expect(after.qemu.tables[0]).toMatchObject({ fd: -1, needVfio: true });
    expect(after.qemu.vfio.containers[0]?.giommus.length).toBe(1);
  });

  test('where KVM says that it cannot, nobody asks, and the first who listens takes the view out of KVM', () => {
    const kvm = { spaprTce: true, spaprTce64: true, spaprTceVfio: false, multiTce: true };
    const { qemu, host } = connected({}, { kvm });
    const after = shows(qemu, L0, DEFAULT_WINDOW, host);
    expect(after.log.map((line) => line.split(' ')[0])).toEqual([
      'VFIO_IOMMU_SPAPR_TCE_CREATE',
      'Q',
      'Q',
      'Q',
      'view_bulk_load',
      'close',
      'replay',
    ]);
    expect(after.qemu.tables[0]).toMatchObject({ fd: -1, needVfio: true });
  });
});
