import { bytes, type Device, gpa, threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { KVM_CAPS_ALL, pciLiobn, QEMU_7_2, type QemuReceived, ramOf } from '../src/index.js';
import { RCU_THREAD } from '../src/task-run.js';
import {
  create,
  deviceAdd,
  devicePciDel,
  devicePhbDel,
  type Qemu,
  realize,
  rtas,
  step,
  systemReset,
} from './machine.ts';
import { RECORDED } from './recorded-vfio.ts';
import { device, drive, FakeHost } from './vfio-host-fake.js';

const ENVIRONMENT = { from: 'environment', to: 'qemu-spapr' } as const;
const DIMM = { gpa: gpa(0x4000_0000n), bytes: bytes(0x1000_0000n) };

/** Lines of our log in the words of the recording; others have none there. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  // A new container takes its group when it gets its IOMMU, which follows at once.
  [/^VFIO_GROUP_SET_CONTAINER .*$/, 'K cgrp'],
  [/^VFIO_IOMMU_SPAPR_(UN)?REGISTER_MEMORY .*(size=\S+)$/, 'K ioctl $1REGISTER $2'],
  [/^VFIO_IOMMU_SPAPR_TCE_GET_INFO .*$/, 'K ioctl GET_INFO'],
  [
    /^VFIO_IOMMU_SPAPR_TCE_CREATE \S+ pageShift=(\d+) windowSize=(\S+) (\S+)$/,
    'K ioctl CREATE shift=$1 size=$2 $3',
  ],
  [/^VFIO_IOMMU_SPAPR_TCE_REMOVE \S+ startAddr=(\S+)$/, 'K ioctl REMOVE start=$1'],
  [/^VFIO_IOMMU_(UN)?MAP_DMA .*(iova=.*)$/, 'K ioctl $1MAP_DMA $2'],
  [/^VFIO_EEH_PE_OP \S+ (op=\d)$/, 'K ioctl EEH $1'],
  [/^VFIO_GROUP_GET_DEVICE_FD .*$/, 'K dfopen'],
  [/^VFIO_GROUP_UNSET_CONTAINER .*$/, 'K dgrp'],
  [/^KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE .*$/, 'K kvfattach'],
  [/^KVM_DEV_VFIO_GROUP_DEL .*$/, 'K kvfrel'],
  [/^close fd=1\d\d\d$/, 'K ktcerel'],
  [/^Q (vfio_prereg_\w*register) va=\S+ (.*)$/, 'Q $1 $2'],
  [/^Q vfio_spapr_remove_window (.*)$/, 'Q vfio_spapr_remove_window $1'],
  [/^Q (vfio_spapr_group_attach|vfio_put_base_device|vfio_put_group|vfio_disconnect_container) .*$/, 'Q $1'],
  [/^Q (vfio_listener_region_add_iommu|vfio_listener_region_del\w*) start=(\S+) end=(\S+)$/, 'Q $1 $2 - $3'],
  [/^Q vfio_iommu_map_notify kind=(\S+) start=(\S+) end=(\S+)$/, 'Q vfio_iommu_map_notify $1 $2 - $3'],
  [/^Q spapr_iommu_(new_table|ddw_create) .*?(liobn=\S+).*$/, 'Q spapr_iommu_$1 $2'],
  [/^Q vfio_get_device host=(.*)$/, 'Q vfio_get_device $1'],
];
const hex = (text: string | undefined): string => `0x${BigInt(text ?? 0).toString(16)}`;

function worded(line: string): string | undefined {
  const view = /^KVM_CREATE_SPAPR_TCE_64 liobn=(\d+) pageShift=(\d+) (.*)$/.exec(line);
  if (view !== null) return `K ktce liobn=${hex(view[1])} shift=${hex(view[2])} flags=0x0 ${view[3]}`;
  const made = /^Q vfio_spapr_create_window pageShift=(\d+) (\S+) windowSize=(\S+) (\S+)$/.exec(line);
  if (made !== null)
    return `Q vfio_spapr_create_window pageshift=${hex(made[1])} ${made[2]} winsize=${made[3]} ${made[4]}`;
  const word = WORDS.find(([pattern]) => pattern.test(line));
  return word === undefined ? undefined : line.replace(...word);
}

/** A device is closed just after QEMU says so; other descriptors that close show as something else. */
function wordedAll(log: readonly string[]): readonly string[] {
  return log.flatMap((line, at) => {
    if (line.startsWith('close') && log[at - 1]?.startsWith('Q vfio_put_base_device')) return ['K dfclose'];
    return worded(line) ?? [];
  });
}
const linesOf = (recorded: string): readonly string[] => recorded.trim().split(/\n\s*/);

/** A machine under KVM with 512 MiB, started with these devices, and the host it runs on. */
function started(devices: readonly Device[]): { qemu: Qemu; host: FakeHost } {
  const host = new FakeHost();
  const qemu = realize({
    config: { ...QEMU_7_2, kvm: KVM_CAPS_ALL },
    ram: ramOf(0x2000_0000n),
    devices: [{ driver: 'spapr-pci-host-bridge', index: 0 }, ...devices],
  });
  return { qemu: drive(qemu, step(threadId('main')), host), host };
}

/** What is said and called while the machine takes these messages, in the recording's words. */
function played({ qemu, host }: { qemu: Qemu; host: FakeHost }, ...messages: readonly QemuReceived[]) {
  const from = host.log.length;
  const after = messages.reduce((at, message) => drive(at, message, host), qemu);
  return { qemu: after, host, log: wordedAll(host.log.slice(from)) };
}

test('started with a device: realized before the first reset makes the default window', () => {
  const { qemu, host } = started([device(1)]);
  drive(qemu, systemReset, host);
  expect(wordedAll(host.log)).toEqual(linesOf(RECORDED.start));
});

test('started with two groups: each window is tied to KVM once per group, and EEH is not asked for', () => {
  const { qemu, host } = started([device(1), device(2)]);
  const after = drive(qemu, systemReset, host);
  expect(wordedAll(host.log)).toEqual(linesOf(RECORDED.twoAtStart));
  expect(played({ qemu: after, host }, create(24, 31)).log).toEqual(linesOf(RECORDED.createForTwo));
});

test('the guest makes its dynamic window, and the machine is reset', () => {
  const made = played(played(started([device(1)]), systemReset), create(24, 31));
  expect(made.log).toEqual(linesOf(RECORDED.create));
  expect(played(made, systemReset).log).toEqual(linesOf(RECORDED.systemReset));
});

test('a device comes to a guest with both windows and 32 live entries, and leaves it', () => {
  const machine = played(started([]), systemReset, create(24, 31));
  for (let at = 0; at < 32; at++) machine.host.put(pciLiobn(0, 1), at, (BigInt(at) << 24n) | 3n);
  const added = played(machine, deviceAdd(device(1)));
  expect(added.log).toEqual(linesOf(RECORDED.hotAdd));
  const removed = played(added, devicePciDel('v1'), step(RCU_THREAD));
  expect(removed.log).toEqual(linesOf(RECORDED.unplugLast));
});

test('one of two groups leaves', () => {
  const machine = played(
    started([]),
    systemReset,
    create(24, 31),
    deviceAdd(device(1)),
    deviceAdd(device(2)),
  );
  expect(played(machine, devicePciDel('v1'), step(RCU_THREAD)).log).toEqual(linesOf(RECORDED.unplugOneOfTwo));
});

test('memory comes and goes', () => {
  const machine = played(started([device(1)]), systemReset);
  const come = played(machine, deviceAdd({ driver: 'pc-dimm', ...DIMM }));
  expect(come.log).toEqual(linesOf(RECORDED.memoryAdd));
  const gone = played(come, {
    ...ENVIRONMENT,
    type: 'device_del',
    target: { kind: 'memory', gpa: DIMM.gpa },
  });
  expect(gone.log).toEqual(linesOf(RECORDED.memoryDel));
});

test('a process that may not lock enough for the guest', () => {
  const machine = played(started([]), systemReset);
  machine.host.refuse = ({ type }) =>
    (({ VFIO_IOMMU_SPAPR_REGISTER_MEMORY: 'ENOMEM', VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY: 'ENOENT' }) as const)[
      type as 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY'
    ];
  // The host gives the group back when its descriptor is closed.
  expect([...played(machine, deviceAdd(device(1))).log, 'K dgrp']).toEqual(linesOf(RECORDED.tightStart));
});

test('a process that may lock enough for all but the dynamic window ends when the guest asks for that', () => {
  const machine = played(started([device(1)]), systemReset);
  machine.host.refuse = ({ type }) => (type === 'VFIO_IOMMU_SPAPR_TCE_CREATE' ? 'ENOMEM' : undefined);
  const { qemu, log, host } = played(machine, create(24, 31));
  expect(log).toEqual(linesOf(RECORDED.tightCreate));
  expect(qemu.value).toBe('aborted');
  expect(host.log.at(-1)).toBe('abort hardware error: vfio: DMA mapping failed, unable to continue');
});

test('a PHB that leaves takes its devices along: their group and container go before its windows are freed', () => {
  const phb: Device = { driver: 'spapr-pci-host-bridge', index: 1 };
  const machine = played(started([phb]), systemReset, deviceAdd({ ...device(1), phb: 1 } as Device));
  expect(machine.qemu.context.vfio.containers).toHaveLength(1);
  const indicator = (type: number) => rtas('set-indicator', [type, 0x2000_0001, 0], 1);
  const left = played(machine, devicePhbDel(1), indicator(9001), indicator(9003));
  expect(left.qemu.context.devices).toEqual([]);
  const freed = played(left, step(RCU_THREAD), step(RCU_THREAD));
  expect(freed.qemu.context.vfio).toMatchObject({ containers: [], groups: [], devices: [] });
  expect(freed.qemu.context.phbs).toHaveLength(1);
  expect(freed.qemu.value).toBe('running');
});
