import { threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { RCU_THREAD } from '../src/state.ts';
import { attachedRig, configOf, LIOBN, Rig } from './rig.ts';

const setTce = (groupFd: number, tableFd: number) =>
  ({ type: 'KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE', groupFd, tableFd }) as const;

/** The tables of the recorded scenario `kvm`: a default window of 2 GiB, 4K; group 13; container 11. */
function recorded(config = configOf('linux-6.12')) {
  const rig = new Rig(config);
  rig.host.files.set(13, { file: 'group', group: 1 });
  rig.host.files.set(11, { file: 'container', group: null });
  rig.host.groups.set(1, [null, null]);
  rig.host.table(1, 12, 0n, 0x80000);
  rig.host.table(2, 16, 0x800_0000_0000n, 0x4000);
  const t1 = rig.create(12, 0n, 0x80000n);
  const t2 = rig.create(16, 0x800_0000_0000n, 0x4000n, LIOBN + 1);
  return { rig, t1, t2 };
}

test('the recorded scenario kvm/33 to 67, with its references', () => {
  const { rig, t1, t2 } = recorded();
  const wrongOffset = rig.create(12, 0x1000n, 0x80000n, LIOBN + 8);
  const smaller = rig.create(12, 0n, 0x40000n, LIOBN + 9);
  const larger = rig.create(16, 0n, 0x8000n, LIOBN + 10);
  const device = rig.value({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' });
  expect(rig.errno(setTce(13, t1))).toBe('ENOENT');
  expect(rig.errno({ type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 13 })).toBe('OK');
  expect(rig.errno({ type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 13 })).toBe('EEXIST');
  expect(rig.errno(setTce(13, t1))).toBe('EINVAL');
  rig.host.groups.set(1, [1, null]);
  const kref = (id: number) => rig.host.tables.get(id)!.kref;
  const took = (fd: number) => [rig.errno(setTce(13, fd)), kref(1)];
  expect(took(t1)).toEqual(['OK', 2]);
  expect(took(t1)).toEqual(['OK', 3]);
  expect(took(wrongOffset)).toEqual(['EINVAL', 3]);
  expect(took(smaller)).toEqual(['OK', 4]);
  expect(took(larger)).toEqual(['OK', 5]);
  expect(took(11)).toEqual(['EINVAL', 5]);
  rig.host.groups.set(1, [1, 2]);
  expect(rig.errno(setTce(13, t2))).toBe('OK');
  rig.value({ type: 'close', fd: t1 });
  const again = rig.create(12, 0n, 0x80000n);
  expect(took(again)).toEqual(['OK', 6]);
  rig.host.groups.set(1, [null, null]);
  expect(rig.errno({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 13 })).toBe('OK');
  expect(rig.errno({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 13 })).toBe('ENOENT');
  for (const fd of [t2, again, device]) rig.value({ type: 'close', fd });
  rig.grace();
  // Of the first table's six references, one leaked with the second attach, two are behind tables still open.
  expect([kref(1), kref(2)]).toEqual([4, 1]);
  for (const fd of [wrongOffset, smaller, larger]) rig.value({ type: 'close', fd });
  rig.grace();
  expect([kref(1), kref(2)]).toEqual([2, 1]);
  expect(rig.host.lockedPages).toBe(0);
});

test.each`
  case                             | call                   | errno
  ${'an unknown descriptor'}       | ${{ add: 99 }}         | ${'EBADF'}
  ${'a container'}                 | ${{ add: 11 }}         | ${'EINVAL'}
  ${'a table of KVM'}              | ${{ add: 1000 }}       | ${'EINVAL'}
  ${'deleting an unknown one'}     | ${{ del: 99 }}         | ${'EBADF'}
  ${'deleting one not there'}      | ${{ del: 13 }}         | ${'ENOENT'}
  ${'deleting a table of KVM'}     | ${{ del: 1000 }}       | ${'ENOENT'}
  ${'attaching with group -1'}     | ${{ set: [-1, 1000] }} | ${'EBADF'}
  ${'attaching one not there'}     | ${{ set: [13, -1] }}   | ${'ENOENT'}
  ${'attaching table -1'}          | ${{ set: [14, -1] }}   | ${'EBADF'}
  ${'attaching a container'}       | ${{ set: [14, 11] }}   | ${'EINVAL'}
  ${'attaching the device itself'} | ${{ set: [14, 1002] }} | ${'EINVAL'}
  ${'a group without data'}        | ${{ set: [15, 1000] }} | ${'EFAULT'}
  ${'a device file'}               | ${{ set: [16, 1000] }} | ${'EIO'}
  ${'a table being freed'}         | ${{ set: [14, 1000] }} | ${'EINVAL'}
`('KVM_DEV_VFIO_GROUP: $case → $errno', ({ call, errno }) => {
  const { rig } = recorded();
  rig.value({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' });
  rig.host.files.set(14, { file: 'group', group: 2 });
  rig.host.files.set(15, { file: 'group', group: 3 });
  rig.host.files.set(16, { file: 'device', group: 4 });
  rig.host.groups.set(2, [1, null]);
  rig.host.groups.set(3, null);
  rig.host.freed.add(1);
  for (const groupFd of [14, 15, 16]) rig.value({ type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd });
  const body =
    'add' in call
      ? ({ type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: call.add } as const)
      : 'del' in call
        ? ({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: call.del } as const)
        : setTce(call.set[0], call.set[1]);
  expect(rig.errno(body)).toBe(errno);
  expect(rig.kvm.device!.files).toHaveLength(3);
  expect(rig.kvm.tables.flatMap(({ iommuTables }) => iommuTables)).toEqual([]);
});

test('there is one KVM-VFIO device at most, and without it groups have nowhere to go', () => {
  const { rig, t1 } = recorded();
  expect(rig.errno({ type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 13 })).toBe('EBADF');
  expect(rig.errno({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 13 })).toBe('EBADF');
  expect(rig.errno(setTce(13, t1))).toBe('EBADF');
  rig.value({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' });
  expect(rig.errno({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' })).toBe('EBUSY');
});

test('before linux-6.6 a device file cannot be given to KVM', () => {
  const { rig } = recorded(configOf('linux-6.1'));
  rig.value({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' });
  rig.host.files.set(16, { file: 'device', group: 4 });
  expect(rig.errno({ type: 'KVM_DEV_VFIO_GROUP_ADD', groupFd: 16 })).toBe('EINVAL');
});

/** Two groups with one table, both attached, and both gone again. */
function twoGroups(config: ReturnType<typeof configOf>, times: readonly number[]) {
  const rig = new Rig(config);
  rig.host.table(1, 12, 0n, 16);
  const fd = rig.create(12, 0n, 16n);
  for (const group of new Set(times)) rig.group(group, [1, null]);
  for (const group of times) expect(rig.attach(fd, group)).toBe('OK');
  const attached = rig.host.tables.get(1)!.kref;
  for (const groupFd of new Set(times)) rig.value({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd });
  rig.grace();
  const detached = [rig.host.tables.get(1)!.kref, rig.kvm.tables[0]!.iommuTables.length];
  rig.value({ type: 'close', fd });
  rig.grace();
  return { attached, detached, closed: rig.host.tables.get(1)!.kref };
}

test('attaching a group twice leaks a reference, and the table outlives the group (B-20)', () => {
  const unfixed = configOf('linux-6.12');
  expect(twoGroups(unfixed, [7, 7])).toEqual({ attached: 3, detached: [3, 1], closed: 2 });
  const fixed = configOf('linux-6.12', { attachRefLeak: 'fixed' });
  expect(twoGroups(fixed, [7, 7])).toEqual({ attached: 2, detached: [1, 0], closed: 1 });
  expect(twoGroups(fixed, [7, 8])).toEqual({ attached: 3, detached: [2, 0], closed: 2 });
});

test('two groups with one table leak a reference (B-56)', () => {
  expect(twoGroups(configOf('linux-6.12'), [7, 8])).toEqual({ attached: 3, detached: [2, 0], closed: 2 });
  const fixed = configOf('linux-6.12', { attachRefPerGroup: 'fixed' });
  expect(twoGroups(fixed, [7, 8])).toEqual({ attached: 2, detached: [1, 0], closed: 1 });
  expect(twoGroups(fixed, [7, 7])).toEqual({ attached: 3, detached: [3, 1], closed: 2 });
});

test('a hardware table fits by start, page size and length; before linux-4.19 only where all are the same (B-40)', () => {
  const fits = (version: 'linux-4.18' | 'linux-6.12', hw: readonly [number, bigint, number]) => {
    const rig = new Rig(configOf(version));
    rig.host.table(1, ...hw);
    const fd = rig.create(16, 0x100n, 16n);
    rig.group(7, [null, 1]);
    return rig.attach(fd, 7);
  };
  const same = [16, 0x100n, 16] as const;
  const longer = [16, 0x100n, 17] as const;
  const shorter = [16, 0x100n, 15] as const;
  const finer = [12, 0x1000n, 256] as const;
  const coarser = [24, 0x1n, 1] as const;
  const elsewhere = [16, 0x101n, 16] as const;
  const all = [same, longer, shorter, finer, coarser, elsewhere];
  expect(all.map((hw) => fits('linux-6.12', hw))).toEqual(['OK', 'OK', 'EINVAL', 'OK', 'EINVAL', 'EINVAL']);
  expect(all.map((hw) => fits('linux-4.18', hw))).toEqual([
    'OK',
    'EINVAL',
    'EINVAL',
    'EINVAL',
    'EINVAL',
    'EINVAL',
  ]);
});

test('GROUP_DEL lets every table of the group go, newest LIOBN first, by RCU; up to linux-4.20 only one', () => {
  const del = (version: 'linux-4.20' | 'linux-6.12') => {
    const rig = new Rig(configOf(version));
    rig.host.table(1, 12, 0n, 16);
    rig.host.table(2, 16, 0x100n, 16);
    const fds = [rig.create(12, 0n, 16n), rig.create(16, 0x100n, 16n, LIOBN + 1)];
    rig.group(7, [1, 2]);
    for (const fd of fds) expect(rig.attach(fd, 7)).toBe('OK');
    rig.sent.length = 0;
    rig.value({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 7 });
    expect([rig.host.tables.get(1)!.kref, rig.host.tables.get(2)!.kref]).toEqual([2, 2]);
    rig.host.asked.length = 0;
    rig.grace();
    return { effects: rig.effects(), krefs: [1, 2].map((id) => rig.host.tables.get(id)!.kref) };
  };
  const ran = ['kvm_spapr_tce_release_iommu_group', 'kvm_spapr_tce_liobn_put'];
  expect(del('linux-6.12')).toEqual({ effects: [...ran, 'kvm_spapr_tce_liobn_put'], krefs: [1, 1] });
  expect(del('linux-4.20')).toEqual({ effects: ran, krefs: [2, 1] });
});

test('a table whose window is gone from the group stays until its LIOBN is closed', () => {
  const rig = new Rig();
  rig.host.table(1, 12, 0n, 16);
  const fd = rig.create(12, 0n, 16n);
  rig.group(7, [1, null]);
  rig.attach(fd, 7);
  rig.host.groups.set(7, [null, null]);
  rig.value({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 7 });
  rig.grace();
  expect(rig.host.tables.get(1)!.kref).toBe(2);
  rig.value({ type: 'close', fd });
  rig.grace();
  expect(rig.host.tables.get(1)!.kref).toBe(1);
});

test('a group that was never attached makes the kernel complain when it leaves, since linux-6.1', () => {
  const leave = (version: 'linux-5.19' | 'linux-6.12') => {
    const rig = new Rig(configOf(version));
    rig.group(7, [null, null]);
    rig.sent.length = 0;
    rig.value({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 7 });
    return rig.effects();
  };
  expect(leave('linux-6.12')).toEqual(['WARN_ON_ONCE']);
  expect(leave('linux-5.19')).toEqual(['kvm_spapr_tce_release_iommu_group']);
});

test('without memory for what ties the tables together, the reference is dropped', () => {
  const rig = new Rig();
  rig.host.table(1, 12, 0n, 16);
  const fd = rig.create(12, 0n, 16n);
  rig.group(7, [1, null]);
  rig.say({
    type: 'fail-next',
    from: 'environment',
    to: 'kvm',
    thread: 'main' as never,
    call: 'kvmppc_spapr_tce_iommu_table',
  });
  expect(rig.attach(fd, 7)).toBe('ENOMEM');
  expect(rig.host.tables.get(1)!.kref).toBe(1);
  expect(rig.attach(fd, 7)).toBe('OK');
});

test('a table closed while a group is attached to it: freed under the call, or held (B-35)', () => {
  const race = (attachHoldsFd: 'unfixed' | 'fixed', graceMeanwhile: boolean) => {
    const rig = new Rig(configOf('linux-6.12', { attachHoldsFd }), { ioctls: 2 });
    rig.host.table(1, 12, 0n, 16);
    const fd = rig.create(12, 0n, 16n);
    rig.group(7, [1, null]);
    rig.sent.length = 0;
    rig.say({ ...setTce(7, fd), from: 'qemu-spapr', to: 'kvm', thread: 'main' as never });
    rig.answerUntil('main', 'iommu_tce_table_get');
    rig.say({ type: 'close', fd, from: 'qemu-spapr', to: 'kvm', thread: 'other' as never });
    rig.answerUntil('other', 'iommu_tce_table_put');
    if (graceMeanwhile) {
      while (rig.can(rig.rcuStep())) {
        rig.say(rig.rcuStep());
        rig.answerUntil(RCU_THREAD, 'vfio_file');
      }
    }
    rig.settle();
    rig.grace();
    const uaf = rig.sent.some((message) => message.type === 'effect' && message.args.useAfterFree === true);
    return {
      uaf,
      kref: rig.host.tables.get(1)!.kref,
      tables: rig.kvm.tables.length,
      locked: rig.host.lockedPages,
    };
  };
  expect(race('unfixed', true)).toEqual({ uaf: true, kref: 2, tables: 0, locked: 0 });
  expect(race('unfixed', false)).toEqual({ uaf: false, kref: 2, tables: 0, locked: 0 });
  expect(race('fixed', true)).toEqual({ uaf: false, kref: 1, tables: 0, locked: 0 });
});

test('calls on the KVM-VFIO device wait for each other, others do not', () => {
  const rig = new Rig(configOf('linux-6.12'), { ioctls: 2 });
  rig.host.table(1, 12, 0n, 16);
  const fd = rig.create(12, 0n, 16n);
  rig.group(7, [1, null]);
  const from = { from: 'qemu-spapr', to: 'kvm' } as const;
  rig.say({ ...setTce(7, fd), ...from, thread: 'main' as never });
  const del = { type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 7, ...from, thread: 'other' as never } as const;
  expect(rig.can(del)).toBe(false);
  expect(rig.can({ type: 'mmap', fd, bytes: 0n as never, ...from, thread: 'other' as never })).toBe(true);
  rig.settle();
  expect(rig.can(del)).toBe(true);
});

test('QEMU gone: the file with the highest number goes first, then the groups; RCU drops the tables after that', () => {
  const rig = new Rig();
  rig.host.table(1, 12, 0n, 16);
  rig.host.table(2, 16, 0x100n, 16);
  rig.value({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' });
  const fds = [rig.create(12, 0n, 16n), rig.create(16, 0x100n, 16n, LIOBN + 1)];
  rig.group(7, [1, 2]);
  for (const fd of fds) rig.attach(fd, 7);
  rig.memory(0x10000n);
  rig.sent.length = 0;
  rig.say({ type: 'exit', from: 'environment', to: 'kvm', thread: 'main' as never });
  rig.settle();
  expect(rig.sent.map((message) => (message.type === 'effect' ? message.fn : message.type))).toEqual([
    'kvm_spapr_tce_release',
    'kvm_spapr_tce_liobn_put',
    'kvm_spapr_tce_release',
    'kvm_spapr_tce_liobn_put',
    'kvm_spapr_tce_release_iommu_group',
    'kvm-done',
  ]);
  expect(rig.host.lockedPages).toBe(0);
  expect([1, 2].map((id) => rig.host.tables.get(id)!.kref)).toEqual([2, 2]);
  rig.grace();
  expect([1, 2].map((id) => rig.host.tables.get(id)!.kref)).toEqual([1, 1]);
  expect(rig.kvm).toEqual(new Rig().kvm);
});

test('a call of QEMU’s RCU thread and a callback of KVM’s do not take each other’s answers', () => {
  const rig = attachedRig();
  const fd = rig.kvm.tables[0]!.fd!;
  const qemusRcu = { from: 'qemu-spapr', to: 'kvm', thread: threadId('rcu') } as const;
  rig.host.table(2, 12, 0n, 16);
  rig.group(8, [2, null]);
  rig.syscall({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 7 });
  rig.say({ ...setTce(8, fd), ...qemusRcu });
  rig.answerUntil('rcu', 'iommu_tce_table_get');
  rig.say(rig.rcuStep());
  expect(rig.open.map(({ type }) => type)).toEqual(['iommu_tce_table_get', 'iommu_tce_table_put']);
  expect(rig.answer('rcu')).toBe('iommu_tce_table_get');
  expect(rig.snapshot.value).toMatchObject({ ioctl: 'idle', rcu: { freeing: 'puttingTable' } });
  rig.settle();
  expect([1, 2].map((table) => rig.host.tables.get(table)!.kref)).toEqual([1, 2]);
});
