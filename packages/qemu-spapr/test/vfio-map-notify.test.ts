import { tceIndex } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { connectDevice, isHeard, notifyEntry, usesVfio } from '../src/vfio-hooks.js';
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

function running(switches: Parameters<typeof machineWith>[0] = {}) {
  const host = new FakeHost();
  const windows = withWindow(withWindow(machineWith(switches), L0, DEFAULT_WINDOW), L1, DYNAMIC_WINDOW);
  return { host, qemu: play(windows, connectDevice(windows, device(1)), host).qemu };
}
const tells = (liobn: typeof L0, index: number, tce: bigint, { qemu, host } = running()) =>
  play(qemu, notifyEntry(qemu, liobn, tceIndex(index), tce), host).log;

test.each`
  what                                   | liobn | index | tce             | log
  ${'an entry to read and write'}        | ${L0} | ${3}  | ${0x7003n}      | ${['Q vfio_iommu_map_notify kind=MAP start=0x3000 end=0x3fff', 'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0000007000 iova=0x3000 size=0x1000', 'returned true']}
  ${'an entry to read'}                  | ${L0} | ${3}  | ${0x7001n}      | ${['Q vfio_iommu_map_notify kind=MAP start=0x3000 end=0x3fff', 'VFIO_IOMMU_MAP_DMA containerFd=4 flags=1 vaddr=0x7f0000007000 iova=0x3000 size=0x1000', 'returned true']}
  ${'an entry to write'}                 | ${L0} | ${3}  | ${0x7002n}      | ${['Q vfio_iommu_map_notify kind=MAP start=0x3000 end=0x3fff', 'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0000007000 iova=0x3000 size=0x1000', 'returned true']}
  ${'a page of 16M of a window at 2^59'} | ${L1} | ${2}  | ${0x100_0003n}  | ${['Q vfio_iommu_map_notify kind=MAP start=0x800000002000000 end=0x800000002ffffff', 'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0001000000 iova=0x800000002000000 size=0x1000000', 'returned true']}
  ${'an address without permissions'}    | ${L0} | ${3}  | ${0x7000n}      | ${['Q vfio_iommu_map_notify kind=UNMAP start=0x3000 end=0x3fff', 'VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x3000 size=0x1000', 'returned true']}
  ${'a page beyond memory (B-24)'}       | ${L0} | ${3}  | ${0x2000_0003n} | ${['Q vfio_iommu_map_notify kind=MAP start=0x3000 end=0x3fff', '! iommu map to non memory area 20000000', 'returned false']}
`('$what', ({ liobn, index, tce, log }) => {
  expect(tells(liobn, index, tce)).toEqual(log);
});

test('a page that memory ends in is no page', () => {
  const host = new FakeHost();
  host.createsAnywhere = true;
  const windows = withWindow(machineWith({}, {}, 0x180_0000n), L1, DYNAMIC_WINDOW);
  const { qemu } = play(windows, connectDevice(windows, device(1)), host);
  expect(tells(L1, 0, 0x100_0003n, { qemu, host })).toContain(
    '! iommu has granularity incompatible with target AS',
  );
});

test('with unmapOnXlateFail mended the old mapping goes where the new one is of no memory', () => {
  expect(tells(L0, 3, 0x2000_0003n, running({ unmapOnXlateFail: 'fixed' }))).toEqual([
    'Q vfio_iommu_map_notify kind=MAP start=0x3000 end=0x3fff',
    '! iommu map to non memory area 20000000',
    'VFIO_IOMMU_UNMAP_DMA containerFd=4 iova=0x3000 size=0x1000',
    'returned false',
  ]);
});

describe('a mapping that the host refuses', () => {
  test('is told of', () => {
    const machine = running();
    machine.host.refuse = ({ type }) => (type === 'VFIO_IOMMU_MAP_DMA' ? 'ENOMEM' : undefined);
    expect(tells(L0, 3, 0x7003n, machine).slice(2)).toEqual([
      '! VFIO_MAP_DMA failed: Cannot allocate memory',
      'returned false',
    ]);
  });

  test('because it is busy is unmapped and made again', () => {
    const machine = running();
    let busy = true;
    machine.host.refuse = ({ type }) => {
      if (type !== 'VFIO_IOMMU_MAP_DMA' || !busy) return undefined;
      busy = false;
      return 'EBUSY';
    };
    expect(tells(L0, 3, 0x7003n, machine).map((line) => line.split(' ')[0])).toEqual([
      'Q',
      'VFIO_IOMMU_MAP_DMA',
      'VFIO_IOMMU_UNMAP_DMA',
      'VFIO_IOMMU_MAP_DMA',
      'returned',
    ]);
  });

  test('and that cannot be unmapped either stays busy', () => {
    const machine = running();
    machine.host.refuse = ({ type }) =>
      (({ VFIO_IOMMU_MAP_DMA: 'EBUSY', VFIO_IOMMU_UNMAP_DMA: 'EINVAL' }) as const)[
        type as 'VFIO_IOMMU_MAP_DMA'
      ];
    expect(tells(L0, 3, 0x7003n, machine).slice(3)).toEqual([
      '! VFIO_UNMAP_DMA failed: Invalid argument',
      '! VFIO_MAP_DMA failed: Device or resource busy',
      'returned false',
    ]);
  });

  test('an unmapping is told of too', () => {
    const machine = running();
    machine.host.refuse = ({ type }) => (type === 'VFIO_IOMMU_UNMAP_DMA' ? 'EINVAL' : undefined);
    expect(tells(L0, 3, 0n, machine).slice(2)).toEqual([
      '! VFIO_UNMAP_DMA failed: Invalid argument',
      'returned false',
    ]);
  });
});

test('a notifier of a part of a window hears of no other entry', () => {
  const { qemu, host } = running();
  const [container] = qemu.vfio.containers;
  const giommus = [{ liobn: L0, first: 0x1000n, last: 0x2fffn, offset: 0x10_0000n }];
  const part = { ...qemu, vfio: { ...qemu.vfio, containers: [{ ...container, giommus }] } } as typeof qemu;
  expect(tells(L0, 0, 0x7003n, { qemu: part, host })).toEqual(['returned true']);
  expect(tells(L0, 2, 0x7003n, { qemu: part, host })[1]).toContain('iova=0x102000');
  expect(tells(L0, 3, 0x7003n, { qemu: part, host })).toEqual(['returned true']);
});

test('where nobody listens there is nothing to call', () => {
  const qemu = withWindow(machineWith(), L0, DEFAULT_WINDOW);
  expect([usesVfio(qemu), isHeard(qemu, L0), notifyEntry(qemu, L0, tceIndex(0), 3n)]).toEqual([
    false,
    false,
    null,
  ]);
  expect([usesVfio(running().qemu), isHeard(running().qemu, L0)]).toEqual([true, true]);
});
