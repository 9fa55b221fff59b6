import { bytes, gpa, type Ua } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { ramChanges } from '../src/prereg-sections.js';
import { connectDevice, ramAdded, ramRemoving } from '../src/vfio-hooks.js';
import { device, FakeHost, machineWith, play } from './vfio-host-fake.js';

const DIMM = { gpa: gpa(0x4000_0000n), bytes: bytes(0x1000_0000n) };

function plugged(switches: Parameters<typeof machineWith>[0] = {}, dimm = DIMM) {
  const host = new FakeHost();
  const start = machineWith(switches);
  const { qemu } = play(start, connectDevice(start, device(1)), host);
  return { host, qemu: { ...qemu, ram: [...qemu.ram, dimm] } };
}

test('memory that comes is registered, and unregistered when it goes', () => {
  const { qemu, host } = plugged();
  const come = play(qemu, ramAdded(qemu, DIMM), host);
  expect(come.log).toEqual([
    'VFIO_IOMMU_SPAPR_REGISTER_MEMORY containerFd=4 vaddr=0x7f0040000000 size=0x10000000',
    'Q vfio_prereg_register va=0x7f0040000000 size=0x10000000 ret=0',
  ]);
  expect(come.qemu.vfio.containers[0]?.ram.length).toBe(2);
  const gone = play(come.qemu, ramRemoving(come.qemu, DIMM), host);
  expect(gone.log).toEqual([
    'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY containerFd=4 vaddr=0x7f0040000000 size=0x10000000',
    'Q vfio_prereg_unregister va=0x7f0040000000 size=0x10000000 ret=0',
  ]);
  expect(gone.qemu.vfio.containers[0]?.ram.length).toBe(1);
});

test('memory that cannot be registered in a running machine ends QEMU', () => {
  const { qemu, host } = plugged();
  host.refuse = ({ type }) => (type === 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY' ? 'ENOMEM' : undefined);
  expect(play(qemu, ramAdded(qemu, DIMM), host).log.slice(1)).toEqual([
    'Q vfio_prereg_register va=0x7f0040000000 size=0x10000000 ret=-12',
    'abort hardware error: vfio: Memory registering failed, unable to continue',
  ]);
});

test('that memory in use stays registered is only traced (B-22)', () => {
  const { qemu, host } = plugged();
  const come = play(qemu, ramAdded(qemu, DIMM), host).qemu;
  host.refuse = ({ type }) => (type === 'VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY' ? 'EBUSY' : undefined);
  expect(play(come, ramRemoving(come, DIMM), host).log.at(-1)).toBe(
    'Q vfio_prereg_unregister va=0x7f0040000000 size=0x10000000 ret=-16',
  );
});

test('memory that is no whole pages of the host is left out', () => {
  const odd = { ...DIMM, bytes: bytes(0x1000n) };
  const { qemu, host } = plugged({}, odd);
  expect(play(qemu, ramAdded(qemu, odd), host).log).toEqual([
    '! vfio_prereg_listener_region_add received unaligned region',
  ]);
});

test.each`
  joins    | size
  ${false} | ${'vaddr=0x7f0020000000 size=0x10000000'}
  ${true}  | ${'vaddr=0x7f0000000000 size=0x30000000'}
`('memory where other memory ends is a piece of its own unless it joins that: $joins', ({ joins, size }) => {
  const next = { ...DIMM, gpa: gpa(0x2000_0000n), ...(joins ? { joins } : {}) };
  const { qemu, host } = plugged({}, next);
  const registered = play(qemu, ramAdded(qemu, next), host).log.filter((line) => line.includes('_REGISTER_'));
  expect(registered).toEqual([`VFIO_IOMMU_SPAPR_REGISTER_MEMORY containerFd=4 ${size}`]);
});

test('without a container of v2 nobody hears of memory', () => {
  const { qemu } = plugged({ iommuType: 'v1' });
  expect(ramAdded(qemu, DIMM)).toBe(null);
});

test('B-34: the listener of a container that is gone hears of memory by its old descriptor', () => {
  const host = new FakeHost();
  host.refuse = ({ type }) => (type === 'VFIO_IOMMU_SPAPR_TCE_REMOVE' ? 'EINVAL' : undefined);
  const start = machineWith();
  const { qemu } = play(start, connectDevice(start, device(1)), host);
  host.refuse = ({ type }) => (type === 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY' ? 'EBADF' : undefined);
  const more = { ...qemu, ram: [...qemu.ram, DIMM] };
  expect(play(more, ramAdded(more, DIMM), host).log).toEqual([
    'VFIO_IOMMU_SPAPR_REGISTER_MEMORY containerFd=4 vaddr=0x7f0040000000 size=0x10000000',
    'Q vfio_prereg_register va=0x7f0040000000 size=0x10000000 ret=-9',
  ]);
});

describe('B-45: sections of memory that are split or joined', () => {
  const section = (ua: number, size: number) => ({ ua: BigInt(ua) as Ua, bytes: bytes(BigInt(size)) });
  test.each`
    case            | before                            | after                             | unfixed                                                            | fixed
    ${'split'}      | ${[section(0, 8)]}                | ${[section(0, 4), section(4, 4)]} | ${{ gone: [section(0, 8)], come: [section(0, 4), section(4, 4)] }} | ${{ gone: [], come: [] }}
    ${'joined'}     | ${[section(0, 4), section(4, 4)]} | ${[section(0, 8)]}                | ${{ gone: [section(0, 4), section(4, 4)], come: [section(0, 8)] }} | ${{ gone: [], come: [] }}
    ${'grown'}      | ${[section(0, 4)]}                | ${[section(0, 8)]}                | ${{ gone: [section(0, 4)], come: [section(0, 8)] }}                | ${{ gone: [], come: [section(4, 4)] }}
    ${'a hole cut'} | ${[section(0, 8)]}                | ${[section(0, 2), section(4, 4)]} | ${{ gone: [section(0, 8)], come: [section(0, 2), section(4, 4)] }} | ${{ gone: [], come: [] }}
    ${'gone'}       | ${[section(0, 4), section(8, 4)]} | ${[section(0, 4)]}                | ${{ gone: [section(8, 4)], come: [] }}                             | ${{ gone: [section(8, 4)], come: [] }}
    ${'come'}       | ${[section(0, 4)]}                | ${[section(0, 4), section(8, 4)]} | ${{ gone: [], come: [section(8, 4)] }}                             | ${{ gone: [], come: [section(8, 4)] }}
  `('$case', ({ before, after, unfixed, fixed }) => {
    expect(ramChanges(before, after, 'unfixed')).toEqual(unfixed);
    expect(ramChanges(before, after, 'fixed')).toEqual(fixed);
  });
});
