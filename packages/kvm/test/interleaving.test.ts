import { bytes, liobn, tceIndex, threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { attachedRig, configOf, DDW_START, LIOBN, RAM_HPA, RAM_UA, Rig } from './rig.ts';

const place = (rig: Rig, region: string) => (rig.snapshot.value as Record<string, unknown>)[region];
const newest = configOf('linux-6.12');
const entriesOf = (rig: Rig, table = 1) =>
  [...rig.host.tables.get(table)!.entries.keys()].sort((a, b) => a - b);
const mapped = (rig: Rig, region = 0) => rig.host.regions[region]!.mapped - 1;

/** One vCPU goes on until it asks that; the other one then makes its whole call. */
function interleaved(
  first: () => void,
  until: Parameters<Rig['answerUntil']>[1],
  rig: Rig,
  second: () => void,
) {
  first();
  rig.answerUntil('vcpu0', until);
  second();
  rig.answerUntil('vcpu1', 'vfio_file');
  rig.answerUntil('vcpu0', 'vfio_file');
}

test('two vCPUs write one entry between exchange and slot: the region is counted down that is not mapped (B-16)', () => {
  const rig = attachedRig(newest, { registered: 0x10_0000n });
  rig.host.region(RAM_UA + 0x10_0000n, 0x10_0000n, RAM_HPA + 0x10_0000n);
  const put = (tce: bigint, cpu: number) => () =>
    rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0x3000n, tce }, cpu);
  interleaved(put(0x20003n, 0), 'userspace_slot_write', rig, put(0x12_0003n, 1));
  // The exchanges came in one order, the slots in the other: the entry maps region 1, its slot names region 0.
  expect(rig.host.tables.get(1)!.entries.get(3)!.hpa).toBe(RAM_HPA + 0x12_0000n);
  expect(rig.host.tables.get(1)!.slots.get(3)).toBe(RAM_UA + 0x20000n);
  expect([mapped(rig, 0), mapped(rig, 1)]).toEqual([1, 1]);
  expect(rig.put(0x3000n, 0n)).toBe('H_SUCCESS');
  expect([mapped(rig, 0), mapped(rig, 1)]).toEqual([0, 1]);
});

test('two vCPUs: an entry that is cleared before its slot is written goes to QEMU, and is put back', () => {
  const rig = attachedRig();
  const put = (tce: bigint, cpu: number) => () =>
    rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0x3000n, tce }, cpu);
  interleaved(put(0x20003n, 0), 'userspace_slot_write', rig, put(0n, 1));
  expect(rig.snapshot.value).toMatchObject({ vcpu0: 'inGuest', vcpu1: 'inUserspace' });
  // After that failure the entry was wiped all the same, and is counted for ever.
  expect([entriesOf(rig), mapped(rig)]).toEqual([[], 1]);
});

test('a table that is closed under a call stays until the call has left; the counts it made stay too (B-46)', () => {
  const rig = attachedRig();
  const fd = rig.kvm.tables[0]!.fd!;
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0x3000n, tce: 0x20003n });
  rig.answerUntil('vcpu0', 'tce_xchg');
  rig.say({ type: 'close', fd, from: 'qemu-spapr', to: 'kvm', thread: threadId('main') });
  rig.answer('main');
  expect(rig.can(rig.rcuStep())).toBe(false);
  // Another call finds no LIOBN any more.
  rig.enters({ type: 'H_GET_TCE', liobn: BigInt(LIOBN), ioba: 0n }, 1);
  expect(rig.snapshot.value).toMatchObject({ vcpu1: 'inUserspace', rcu: 'pending' });
  rig.answerUntil('vcpu0', 'vfio_file');
  rig.grace();
  expect(rig.kvm.tables).toEqual([]);
  expect(rig.host.tables.get(1)!.kref).toBe(1);
  expect([entriesOf(rig), mapped(rig)]).toEqual([[3], 1]);
});

test('a hardware table that is let go meanwhile is not written any more', () => {
  const rig = attachedRig();
  rig.host.table(2, 12, 0n, 16);
  rig.group(8, [2, null]);
  rig.attach(rig.kvm.tables[0]!.fd!, 8);
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  rig.answerUntil('vcpu0', 'tce_kill');
  rig.say({
    type: 'KVM_DEV_VFIO_GROUP_DEL',
    groupFd: 7,
    from: 'qemu-spapr',
    to: 'kvm',
    thread: threadId('main'),
  });
  rig.answerUntil('main', 'mapped_inc');
  rig.settle();
  expect([entriesOf(rig, 2), entriesOf(rig, 1)]).toEqual([[0], []]);
});

test('QEMU holds the vCPUs: it is told when the last one has left the kernel', () => {
  const rig = attachedRig();
  const from = { from: 'qemu-spapr', to: 'kvm', thread: threadId('main') } as const;
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  rig.enters({ type: 'hcall', opcode: 1n }, 1);
  rig.say({ type: 'pause_all_vcpus', ...from });
  const answers = () => rig.sent.filter(({ type }) => type === 'kvm-return').length;
  expect([place(rig, 'ioctl'), answers()]).toEqual(['pausingVcpus', 0]);
  rig.settle();
  expect([place(rig, 'ioctl'), answers()]).toEqual(['idle', 1]);
  const get = { type: 'H_GET_TCE', liobn: 0n, ioba: 0n, from: 'guest-kernel', to: 'kvm' } as const;
  expect(rig.can({ ...get, thread: threadId('vcpu0') })).toBe(false);
  rig.value({ type: 'resume_all_vcpus' });
  expect(rig.can({ ...get, thread: threadId('vcpu0') })).toBe(true);
});

test.each`
  releaseWaits | type                        | at
  ${'unfixed'} | ${'close'}                  | ${'idle'}
  ${'fixed'}   | ${'close'}                  | ${'waitingForGracePeriod'}
  ${'unfixed'} | ${'KVM_DEV_VFIO_GROUP_DEL'} | ${'idle'}
  ${'fixed'}   | ${'KVM_DEV_VFIO_GROUP_DEL'} | ${'waitingForGracePeriod'}
`('releaseWaits $releaseWaits: $type while a vCPU may write the hardware is $at (B-46)', (row) => {
  const rig = attachedRig(configOf('linux-6.12', { releaseWaits: row.releaseWaits }));
  const { fd } = rig.kvm.tables[0]!;
  const answers = () => rig.sent.filter(({ type }) => type === 'kvm-return').length;
  const before = answers();
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  rig.say({ type: row.type, fd: fd!, groupFd: 7, from: 'qemu-spapr', to: 'kvm', thread: threadId('main') });
  while (rig.open.some(({ thread }) => thread === 'main')) rig.answer('main');
  expect(place(rig, 'ioctl')).toBe(row.at);
  // A vCPU that comes later cannot find the table, and is not waited for.
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN) + 1n, ioba: 0n, tce: 0x20003n }, 1);
  expect(answers() - before).toBe(row.at === 'idle' ? 1 : 0);
  while (rig.open.some(({ thread }) => thread === 'vcpu0')) rig.answer('vcpu0');
  expect([place(rig, 'ioctl'), answers() - before]).toEqual(['idle', 1]);
});

test('releaseWaits fixed: with nobody inside, and for a close that is refused, nothing is waited for', () => {
  const rig = attachedRig(configOf('linux-6.12', { releaseWaits: 'fixed' }));
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  const { fd } = rig.kvm.tables[0]!;
  expect(rig.errno({ type: 'close', fd: 99 })).toBe('EBADF');
  expect(rig.value({ type: 'close', fd: fd! })).toBe(0);
});

test.each`
  tceLock      | other         | taken
  ${'unfixed'} | ${'the same'} | ${true}
  ${'fixed'}   | ${'the same'} | ${false}
  ${'fixed'}   | ${'another'}  | ${true}
`('tceLock $tceLock: a hypercall on $other LIOBN that another vCPU is at is taken: $taken (B-65)', (row) => {
  const rig = attachedRig(configOf('linux-6.12', { tceLock: row.tceLock }));
  const put = { type: 'H_PUT_TCE', from: 'guest-kernel', to: 'kvm', ioba: 0n, tce: 0x20003n } as const;
  const other = BigInt(LIOBN) + (row.other === 'another' ? 1n : 0n);
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  expect(rig.can({ ...put, liobn: other, thread: threadId('vcpu1') })).toBe(row.taken);
  expect(
    rig.can({ type: 'hcall', opcode: 1n, from: 'guest-kernel', to: 'kvm', thread: threadId('vcpu1') }),
  ).toBe(true);
  while (rig.open.some(({ thread }) => thread === 'vcpu0')) rig.answer('vcpu0');
  expect(rig.can({ ...put, liobn: other, thread: threadId('vcpu1') })).toBe(true);
});

test('memory that goes while an entry for it is looked at is H_PARAMETER', () => {
  const rig = attachedRig(configOf('linux-6.12'));
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  const { slot, gpa, ua } = rig.kvm.memslots[0]!;
  rig.value({ type: 'KVM_SET_USER_MEMORY_REGION', slot, gpa, bytes: bytes(0n), ua });
  while (rig.open.some(({ thread }) => thread === 'vcpu0')) rig.answer('vcpu0');
  expect(rig.sent.at(-1)).toMatchObject({ type: 'hcall-return', status: 'H_PARAMETER' });
});

test('QEMU’s end waits for the vCPUs inside the kernel', () => {
  const rig = attachedRig();
  rig.enters({ type: 'H_PUT_TCE', liobn: BigInt(LIOBN), ioba: 0n, tce: 0x20003n });
  const exit = { type: 'exit', from: 'environment', to: 'kvm', thread: threadId('main') } as const;
  expect(rig.can(exit)).toBe(false);
  rig.settle();
  expect(rig.can(exit)).toBe(true);
});

test('QEMU’s accesses allocate what they touch, and a bulk read all of it', () => {
  const rig = new Rig(configOf('linux-6.12', {}, { hostPageShift: 12 as never }));
  rig.memory(0x100_0000n);
  rig.create(12, DDW_START >> 12n, 2048n);
  const from = { from: 'qemu-spapr', to: 'kvm', thread: threadId('vcpu0'), liobn: liobn(LIOBN) } as const;
  const last = () => rig.sent.at(-1);
  rig.say({ type: 'view_load', index: tceIndex(5), ...from });
  expect(last()).toMatchObject({ call: 'view_load', tce: 0n, faults: 1 });
  rig.say({ type: 'view_store', index: tceIndex(511), count: 2, tce: 0x5003n, ...from });
  expect(last()).toMatchObject({ call: 'view_store', tce: null, faults: 1 });
  for (const entry of [600n, 601n, 602n]) rig.put(DDW_START + (entry << 12n), 0x20003n + (entry << 13n));
  rig.say({ type: 'view_bulk_load', presentOnly: true, ...from });
  const runs = [
    { index: 511, count: 2, tce: 0x5003n, stride: 0n },
    { index: 600, count: 3, tce: 0x20003n + (600n << 13n), stride: 0x2000n },
  ];
  expect(last()).toMatchObject({ faults: 0, runs });
  const before = rig.costs('view-fault');
  rig.say({ type: 'view_bulk_load', ...from });
  expect(last()).toMatchObject({ faults: 2, runs });
  expect(rig.costs('view-fault') - before).toBe(2);
  rig.say({ type: 'view_bulk_load', ...from });
  expect(last()).toMatchObject({ faults: 0, runs });
});
