import { threadId } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { KVM_CAPS_ALL, pciLiobn, QEMU_7_2, type QemuConfig, ramOf } from '../src/index.js';
import {
  create,
  deviceAdd,
  get,
  indirect,
  put,
  type Qemu,
  realize,
  remove,
  step,
  stuff,
  systemReset,
} from './machine.ts';
import { device, drive, FakeHost } from './vfio-host-fake.js';

const L0 = pciLiobn(0, 0);
const L1 = pciLiobn(0, 1);

/** A running machine with 512 MiB, and its host. */
function running(
  replayPolicy: QemuConfig['switches']['replayPolicy'],
  devices: readonly ReturnType<typeof device>[] = [],
  kvm: QemuConfig['kvm'] = KVM_CAPS_ALL,
): { qemu: Qemu; host: FakeHost } {
  const host = new FakeHost();
  const start = realize({
    config: { ...QEMU_7_2, kvm, switches: { ...QEMU_7_2.switches, replayPolicy } },
    ram: ramOf(0x2000_0000n),
    devices: [{ driver: 'spapr-pci-host-bridge', index: 0 }, ...devices],
  });
  const started = start.context.task === null ? start : drive(start, step(threadId('main')), host);
  return { qemu: drive(started, systemReset, host), host };
}
const play = (
  { qemu, host }: { qemu: Qemu; host: FakeHost },
  ...messages: readonly Parameters<typeof drive>[1][]
) => {
  const from = host.log.length;
  const after = messages.reduce((at, message) => drive(at, message, host), qemu);
  return { qemu: after, host, log: host.log.slice(from).filter((line) => !line.startsWith('Q ')) };
};
const names = (log: readonly string[]) => log.map((line) => line.split(' ')[0]);
const fdOf = ({ context }: Qemu, liobn: number) => {
  const table = context.tables.find((candidate) => candidate.liobn === liobn);
  return table?.mode === 'enabled' ? table.fd : undefined;
};

describe('with lazyBind', () => {
  test('a window is made without a view in KVM, and nothing of it is tied or replayed', () => {
    const { host, qemu } = running('lazyBind', [device(1)]);
    expect(host.log.filter((line) => /CREATE_SPAPR_TCE|SET_SPAPR_TCE|replay/.test(line))).toEqual([]);
    expect(host.log.filter((line) => line.startsWith('VFIO_IOMMU_SPAPR_TCE_CREATE')).length).toBe(1);
    expect(fdOf(qemu, L0)).toBe(-1);
  });

  test('what clears entries does not bind it; the first valid one makes the view and ties every group, vCPUs held', () => {
    const machine = running('lazyBind', [device(1), device(2)]);
    const cleared = play(machine, stuff(L0, 0n, 0n, 2n));
    expect(names(cleared.log)).toEqual(['VFIO_IOMMU_UNMAP_DMA', 'VFIO_IOMMU_UNMAP_DMA', 'answer']);
    const bound = play(cleared, put(L0, 0x2000n, 0x5003n));
    expect(bound.log).toEqual([
      'pause_all_vcpus',
      'KVM_CREATE_SPAPR_TCE_64 liobn=2147483648 pageShift=12 offset=0x0 size=0x40000',
      'mmap fd=1001 bytes=0x200000',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=6 tableFd=1001',
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=3 tableFd=1001',
      'resume_all_vcpus',
      'view_store liobn=2147483648 index=2 count=1 tce=0x5003',
      'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0000005000 iova=0x2000 size=0x1000',
      'answer H_PUT_TCE H_SUCCESS',
    ]);
    expect(fdOf(bound.qemu, L0)).toBe(1001);
    expect(names(play(bound, put(L0, 0x3000n, 0x6003n)).log)).toEqual([
      'view_store',
      'VFIO_IOMMU_MAP_DMA',
      'answer',
    ]);
  });

  test('where KVM cannot have the view it stays in QEMU, and no group is tied', () => {
    const machine = running('lazyBind', [device(1)]);
    machine.host.refuse = ({ type }) => (type === 'KVM_CREATE_SPAPR_TCE_64' ? 'ENOMEM' : undefined);
    const { log, qemu } = play(machine, put(L0, 0x2000n, 0x5003n), get(L0, 0x2000n));
    expect(names(log)).toEqual([
      'pause_all_vcpus',
      'KVM_CREATE_SPAPR_TCE_64',
      'resume_all_vcpus',
      'VFIO_IOMMU_MAP_DMA',
      'answer',
      'answer',
    ]);
    expect(fdOf(qemu, L0)).toBe(-1);
  });

  test('without KVM there is nothing to bind', () => {
    expect(names(play(running('lazyBind', [], null), put(L0, 0n, 3n)).log)).toEqual(['answer']);
  });

  test('a device that comes finds a bound window tied and replayed, an unbound one neither', () => {
    const machine = play(running('lazyBind'), create(24, 31), put(L1, 1n << 59n, 0x100_0003n));
    machine.host.put(L1, 0, 0x100_0003n);
    const { log } = play(machine, deviceAdd(device(1)));
    expect(log.filter((line) => /SET_SPAPR_TCE|replay|MAP_DMA/.test(line))).toEqual([
      'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE groupFd=3 tableFd=1000',
      'replay of 128',
      'VFIO_IOMMU_MAP_DMA containerFd=4 flags=3 vaddr=0x7f0001000000 iova=0x800000000000000 size=0x1000000',
    ]);
  });
});

test('system calls of a replay: one for each entry, one more for a bitmap, and none where KVM does it', () => {
  const callsOf = (replayPolicy: QemuConfig['switches']['replayPolicy'], entries: readonly number[]) => {
    const machine = play(running(replayPolicy), create(24, 31));
    for (const entry of entries) machine.host.put(L1, entry, 0x100_0003n);
    const before = machine.host.ioctls;
    play(machine, deviceAdd(device(1)));
    return machine.host.ioctls - before;
  };
  const none = callsOf('skipOnCreate', []);
  expect(callsOf('skipOnCreate', [0, 3, 5]) - none).toBe(3);
  // Two windows are replayed, and each bitmap is asked for.
  expect(callsOf('bitmap', [0, 3, 5]) - none).toBe(2 + 3);
  expect(callsOf('kvmReplay', [0, 3, 5]) - callsOf('kvmReplay', [])).toBe(0);
});

describe('the flag of anyMappingFlagBlind', () => {
  const noted = (...messages: readonly Parameters<typeof drive>[1][]) =>
    [KVM_CAPS_ALL, null].map(
      (kvm) => play(running('anyMappingFlagBlind', [], kvm), ...messages).qemu.context.vfio.putLiobns,
    );

  test.each`
    what                             | message                            | liobns
    ${'a put'}                       | ${put(L0, 0n, 3n)}                 | ${[L0]}
    ${'a put that takes away'}       | ${put(L0, 0n, 0x5000n)}            | ${[]}
    ${'a list with one valid entry'} | ${indirect(L0, 0n, [0n, 0x5001n])} | ${[L0]}
    ${'a list without'}              | ${indirect(L0, 0n, [0n, 0n])}      | ${[]}
    ${'a clearing'}                  | ${stuff(L0, 0n, 0n, 4n)}           | ${[]}
  `('after $what in QEMU', ({ message, liobns }) => {
    expect(noted(message)).toEqual([liobns, liobns]);
  });

  test('goes with its window', () => {
    expect(noted(create(24, 31), put(L1, 1n << 59n, 3n))).toEqual([[L1], [L1]]);
    expect(noted(create(24, 31), put(L1, 1n << 59n, 3n), remove(L1))).toEqual([[], []]);
  });

  test('is kept by no other policy', () => {
    expect(play(running('skipOnCreate'), put(L0, 0n, 3n)).qemu.context.vfio.putLiobns).toEqual([]);
  });
});
