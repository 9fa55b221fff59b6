import { describe, expect, test } from 'vitest';
import { markedRuns } from '../src/replay-stretches.js';
import type { QemuState } from '../src/state.js';
import { connectDevice, tableEnabled } from '../src/vfio-hooks.js';
import { withPut } from '../src/vfio-state.js';
import { device, FakeHost, L0, machineWith, play, withWindow } from './vfio-host-fake.js';

type Switches = Parameters<typeof machineWith>[0];
const WINDOW = { pageShift: 12, busOffset: 0n, entries: 8, fd: 1000 };
const MINIMAL = { entriesAtOnce: 1 };

/** What a hot add to a running guest does after the window was listened to, but for the device itself. */
function replayed(
  switches: Switches,
  config: Parameters<typeof machineWith>[1] = {},
  window: { fd?: number; entries?: number; pageShift?: number } = {},
  host = hostWith([1, 5]),
): readonly string[] {
  const own =
    window.fd === -1
      ? ([
          [1, 0x1003n],
          [5, 0x5003n],
        ] as const)
      : [];
  const qemu = withWindow(machineWith(switches, config), L0, { ...WINDOW, ...window }, own);
  const { log } = play(qemu, connectDevice(qemu, device(1)), host);
  return brief(log);
}
const hostWith = (entries: readonly number[]): FakeHost => {
  const host = new FakeHost();
  for (const index of entries) host.put(L0, index, BigInt(index) * 0x1000n + 3n);
  return host;
};
/** From the line that tells of listening on: names, and which entry. */
const brief = (log: readonly string[]): readonly string[] => {
  const from = log.findIndex((line) => line.startsWith('Q vfio_listener_region_add_iommu')) + 1;
  const to = log.findIndex((line) => line.startsWith('Q vfio_listener_region_add_skip'));
  return log
    .slice(from, to < from ? undefined : to)
    .filter((line) => !line.startsWith('Q '))
    .map((line) =>
      line
        .replace(/^VFIO_IOMMU_(\w+) .*iova=(\S+).*$/, '$1 $2')
        .replace(/^view_load .*index=/, 'load ')
        .replace(/ liobn=\S+/, ''),
    );
};

describe('a window with two live entries of eight is replayed', () => {
  test.each`
    policy                   | entriesAtOnce | log
    ${'always'}              | ${1}          | ${['replay of 8', 'load 0', 'load 1', 'MAP_DMA 0x1000', 'load 2', 'load 3', 'load 4', 'load 5', 'MAP_DMA 0x5000', 'load 6', 'load 7']}
    ${'skipOnCreate'}        | ${1}          | ${['replay of 8', 'load 0', 'load 1', 'MAP_DMA 0x1000', 'load 2', 'load 3', 'load 4', 'load 5', 'MAP_DMA 0x5000', 'load 6', 'load 7']}
    ${'always'}              | ${2 ** 53}    | ${['view_bulk_load', 'replay of 8', 'MAP_DMA 0x1000', 'MAP_DMA 0x5000']}
    ${'anyMappingFlagBlind'} | ${2 ** 53}    | ${[]}
    ${'anyMappingFlag'}      | ${2 ** 53}    | ${['view_bulk_load', 'replay of 8', 'MAP_DMA 0x1000', 'MAP_DMA 0x5000']}
    ${'kvmReplay'}           | ${2 ** 53}    | ${['pause_all_vcpus', 'view_bulk_load presentOnly=true', 'MAP_DMA 0x1000', 'MAP_DMA 0x5000', 'resume_all_vcpus']}
    ${'bitmap'}              | ${2 ** 53}    | ${['view_bulk_load presentOnly=true', 'replay of 8', 'MAP_DMA 0x1000', 'MAP_DMA 0x5000']}
    ${'lazyBind'}            | ${2 ** 53}    | ${['view_bulk_load', 'replay of 8', 'MAP_DMA 0x1000', 'MAP_DMA 0x5000']}
  `('$policy, $entriesAtOnce at once', ({ policy, entriesAtOnce, log }) => {
    expect(replayed({ replayPolicy: policy }, { entriesAtOnce })).toEqual(log);
  });

  test('from a view of QEMU itself, without a message for the look', () => {
    expect(replayed({}, { kvm: null }, { fd: -1 })).toEqual([
      'replay of 8',
      'MAP_DMA 0x1000',
      'MAP_DMA 0x5000',
    ]);
  });

  test('and one that cannot be mapped does not keep the others from it', () => {
    const host = hostWith([1, 5]);
    host.refuse = (call) =>
      call.type === 'VFIO_IOMMU_MAP_DMA' && call.iova === 0x1000n ? 'ENOMEM' : undefined;
    expect(replayed({}, {}, {}, host)).toEqual([
      'view_bulk_load',
      'replay of 8',
      'MAP_DMA 0x1000',
      '! VFIO_MAP_DMA failed: Cannot allocate memory',
      'MAP_DMA 0x5000',
    ]);
  });
});

test.each`
  entriesAtOnce | log
  ${2 ** 53}    | ${['view_bulk_load', 'replay of 8', 'MAP_DMA 0x1000']}
  ${1}          | ${['replay of 8', 'load 0', 'load 1', 'MAP_DMA 0x1000', ...[2, 3, 4, 5, 6, 7].map((each) => `load ${each}`)]}
`(
  'an entry with an address and no permissions is not unmapped, $entriesAtOnce at once',
  ({ entriesAtOnce, log }) => {
    const host = hostWith([1]);
    host.put(L0, 3, 0x3000n);
    expect(replayed({}, { entriesAtOnce }, {}, host)).toEqual(log);
  },
);

describe('an empty window', () => {
  test.each`
    policy                   | fd      | log
    ${'always'}              | ${1000} | ${['view_bulk_load', 'replay of 8']}
    ${'anyMappingFlag'}      | ${1000} | ${['view_bulk_load', 'replay of 8']}
    ${'anyMappingFlagBlind'} | ${1000} | ${[]}
    ${'kvmReplay'}           | ${1000} | ${['pause_all_vcpus', 'view_bulk_load presentOnly=true', 'resume_all_vcpus']}
    ${'bitmap'}              | ${1000} | ${['view_bulk_load presentOnly=true']}
    ${'lazyBind'}            | ${1000} | ${['view_bulk_load', 'replay of 8']}
    ${'always'}              | ${-1}   | ${['replay of 8']}
    ${'anyMappingFlag'}      | ${-1}   | ${[]}
    ${'lazyBind'}            | ${-1}   | ${[]}
  `('$policy, fd $fd', ({ policy, fd, log }) => {
    const host = new FakeHost();
    const kvm = fd < 0 && policy !== 'lazyBind' ? { kvm: null } : {};
    const qemu = withWindow(machineWith({ replayPolicy: policy }, kvm), L0, { ...WINDOW, fd });
    expect(brief(play(qemu, connectDevice(qemu, device(1)), host).log)).toEqual(log);
  });
});

describe('a window that a create has just made', () => {
  const created = (replayPolicy: Required<NonNullable<Switches>>['replayPolicy']) => {
    const host = new FakeHost();
    const start = machineWith({ replayPolicy });
    const { qemu } = play(start, connectDevice(start, device(1)), host);
    const window = withWindow(qemu, L0, WINDOW);
    const creating = {
      ...window,
      tables: window.tables.map((table) => ({ ...table, skippingReplay: true })),
    } as QemuState;
    return brief(play(creating, tableEnabled(creating, L0), host).log);
  };
  test('B-01: is replayed in full, before replayPolicy skips it', () => {
    expect(created('always')).toEqual(['view_bulk_load', 'replay of 8']);
    expect(created('skipOnCreate')).toEqual([]);
    expect(created('kvmReplay')).toEqual([]);
  });
  test('is looked through for a flag that has to ask the view in KVM, and not for one of QEMU’s own', () => {
    expect(created('anyMappingFlag')).toEqual(['view_bulk_load', 'replay of 8']);
    expect(created('anyMappingFlagBlind')).toEqual([]);
  });
});

test('B-02: the flag of anyMappingFlagBlind sees what QEMU put, and nothing that KVM put', () => {
  const host = hostWith([1]);
  const window = withWindow(machineWith({ replayPolicy: 'anyMappingFlagBlind' }), L0, WINDOW);
  const put = { ...window, vfio: withPut(window.vfio, L0, true) };
  expect(brief(play(put, connectDevice(put, device(1)), host).log)).toEqual([
    'view_bulk_load',
    'replay of 8',
    'MAP_DMA 0x1000',
  ]);
  expect(withPut(put.vfio, L0, false)).toEqual(window.vfio);
});

describe('B-16: a vCPU changes an entry between the look and the mapping', () => {
  /** The vCPU clears entry 1 as soon as it can after QEMU has read it. */
  const racing = (replayVsKvm: 'racy' | 'atomicPerEntry' | 'vcpusPaused', config = MINIMAL) => {
    const host = hostWith([1]);
    let read = false;
    let mapped: 'never' | 'what stood there' | 'what stood there before' = 'never';
    host.meanwhile = (call) => {
      if (!host.held && read) host.put(L0, 1, 0n);
      if (call.type === 'view_bulk_load' || (call.type === 'view_load' && call.index === 1)) read = true;
      if (call.type === 'VFIO_IOMMU_MAP_DMA') {
        mapped = host.at(L0, 1) === 0x1003n ? 'what stood there' : 'what stood there before';
      }
    };
    const log = replayed({ replayVsKvm }, config, { entries: 2 }, host);
    return { log, mapped };
  };

  test('racy: the old value is mapped', () => {
    expect(racing('racy').mapped).toBe('what stood there before');
    expect(racing('racy', { entriesAtOnce: 2 ** 53 }).mapped).toBe('what stood there before');
  });

  test('atomicPerEntry: each entry is looked at and mapped with the vCPUs held', () => {
    expect(racing('atomicPerEntry').log).toEqual([
      'replay of 2',
      'pause_all_vcpus',
      'load 0',
      'resume_all_vcpus',
      'pause_all_vcpus',
      'load 1',
      'MAP_DMA 0x1000',
      'resume_all_vcpus',
    ]);
    expect(racing('atomicPerEntry').mapped).toBe('what stood there');
  });

  test('atomicPerEntry after one look at all: an entry is read again before it is mapped', () => {
    expect(racing('atomicPerEntry', { entriesAtOnce: 2 ** 53 }).log).toEqual([
      'view_bulk_load',
      'replay of 2',
      'pause_all_vcpus',
      'load 1',
      'resume_all_vcpus',
    ]);
  });

  test('vcpusPaused: the whole replay is one moment to the vCPUs', () => {
    for (const config of [MINIMAL, { entriesAtOnce: 2 ** 53 }]) {
      const { log, mapped } = racing('vcpusPaused', config);
      expect([log[0], log.at(-1), mapped]).toEqual([
        'pause_all_vcpus',
        'resume_all_vcpus',
        'what stood there',
      ]);
    }
  });
});

test('a bitmap marks stretches of 256 MiB, each once, and none beyond the window', () => {
  const run = (index: number, count: number) => ({ index, count, tce: 3n, stride: 0n }) as never;
  expect(markedRuns([run(0, 1), run(5, 2), run(0x1_0000, 1), run(0x3_ffff, 1)], 0x4_0000, 12)).toEqual([
    { index: 0, count: 0x1_0000 },
    { index: 0x1_0000, count: 0x1_0000 },
    { index: 0x3_0000, count: 0x1_0000 },
  ]);
  expect(markedRuns([run(0xffff, 2)], 0x1_8000, 12)).toEqual([{ index: 0, count: 0x1_8000 }]);
  expect(markedRuns([run(3, 2)], 8, 30)).toEqual([{ index: 3, count: 2 }]);
});

test('with a bitmap only marked stretches are read, one entry at a time', () => {
  const log = replayed({ replayPolicy: 'bitmap' }, MINIMAL, { entries: 64, pageShift: 24 }, hostWith([0x11]));
  expect(log.slice(0, 2)).toEqual(['view_bulk_load presentOnly=true', 'replay of 16']);
  expect(log.filter((line) => line.startsWith('load'))).toEqual(
    Array.from({ length: 16 }, (_, at) => `load ${16 + at}`),
  );
});
