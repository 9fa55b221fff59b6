import { bytes, hostPageShift, iommuPageShift, liobn } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { canonicalKvm, KVM_VERSIONS, kvmConfig, sttPages } from '../src/index.ts';
import { configOf, LIOBN, Rig } from './rig.ts';

const create64 = (
  over: Partial<{ liobn: number; pageShift: number; flags: number; offset: bigint; size: bigint }>,
) => ({
  type: 'KVM_CREATE_SPAPR_TCE_64' as const,
  liobn: liobn(over.liobn ?? LIOBN),
  pageShift: iommuPageShift(over.pageShift ?? 12),
  flags: over.flags ?? 0,
  offset: over.offset ?? 0n,
  size: over.size ?? 0x10n,
});

test.each`
  case                                   | over                                                     | errno
  ${'flags and size are wrong'}          | ${{ flags: 1, size: 0n }}                                | ${'EINVAL'}
  ${'flags'}                             | ${{ flags: 1 }}                                          | ${'EINVAL'}
  ${'no entry'}                          | ${{ size: 0n }}                                          | ${'EINVAL'}
  ${'page shift 11'}                     | ${{ pageShift: 11 }}                                     | ${'EINVAL'}
  ${'page shift 12'}                     | ${{ pageShift: 12 }}                                     | ${'OK'}
  ${'page shift 24'}                     | ${{ pageShift: 24 }}                                     | ${'OK'}
  ${'page shift 34'}                     | ${{ pageShift: 34 }}                                     | ${'OK'}
  ${'page shift 35'}                     | ${{ pageShift: 35 }}                                     | ${'EINVAL'}
  ${'an end at 2^64'}                    | ${{ offset: (1n << 52n) - 0x10n }}                       | ${'EINVAL'}
  ${'an end one page before 2^64'}       | ${{ offset: (1n << 52n) - 0x11n }}                       | ${'OK'}
  ${'an end that wraps in 64 bits'}      | ${{ offset: 0xffff_ffff_ffff_fffcn }}                    | ${'OK'}
  ${'a list of pages beyond 16 MiB'}     | ${{ size: 1n << 34n }}                                   | ${'ENOMEM'}
  ${'the largest list of pages'}         | ${{ size: (1n << 34n) - 0x4_0000n }}                     | ${'OK'}
  ${'2^31 entries of 64K, as a DDW has'} | ${{ pageShift: 16, size: 1n << 31n, offset: 1n << 43n }} | ${'OK'}
`('KVM_CREATE_SPAPR_TCE_64: $case → $errno', ({ over, errno }) => {
  const rig = new Rig();
  const before = canonicalKvm(rig.kvm);
  expect(rig.errno(create64(over))).toBe(errno);
  if (errno !== 'OK') {
    expect(canonicalKvm(rig.kvm)).toEqual(before);
    expect(rig.host.lockedPages).toBe(0);
  } else expect(rig.kvm.tables).toHaveLength(1);
});

test('the recorded charges, in the order of the recording (kvm/17 to 32)', () => {
  const rig = new Rig();
  const kb = () => rig.host.lockedPages * 64;
  const window = bytes(0x1000_0000n);
  const old = rig.value({ type: 'KVM_CREATE_SPAPR_TCE', liobn: liobn(0x7000_0000), windowSize: window });
  expect(kb()).toBe(576);
  expect(rig.errno(create64({ liobn: 0x7000_0000, size: 0x80000n }))).toBe('EBUSY');
  expect(kb()).toBe(576);
  rig.value(create64({ size: 0x80000n }));
  expect(kb()).toBe(4736);
  rig.value(create64({ liobn: LIOBN + 1, pageShift: 16, offset: 0x800_0000_0000n, size: 0x4000n }));
  expect(kb()).toBe(4928);
  const third = rig.value(create64({ liobn: LIOBN + 4, pageShift: 24 }));
  rig.value(create64({ liobn: LIOBN + 5, offset: 0xffff_ffff_ffff_fffcn }));
  expect(kb()).toBe(5184);
  const huge = rig.value(create64({ liobn: LIOBN + 6, pageShift: 16, size: 0x100_0000n }));
  expect(kb()).toBe(136320);
  rig.value(create64({ liobn: LIOBN + 8, offset: 0x1000n, size: 0x80000n }));
  rig.value(create64({ liobn: LIOBN + 9, size: 0x40000n }));
  rig.value(create64({ liobn: LIOBN + 10, pageShift: 16, size: 0x8000n }));
  expect(kb()).toBe(142912);
  for (const fd of [third, huge, old])
    expect(rig.syscall({ type: 'close', fd })).toEqual({ ok: true, value: 0 });
  expect(kb()).toBe(11072);
});

test('a 128 TiB window of 64K pages is charged 262177 pages of 64K; 4K pages have their own sums', () => {
  expect(sttPages(hostPageShift(16), 1n << 31n)).toBe(262177);
  expect(sttPages(hostPageShift(12), 1n << 18n)).toBe(512 + 2);
});

test('the order of failures: the charge comes before the LIOBN is looked for, and is given back', () => {
  const rig = new Rig();
  rig.create(12, 0n, 0x40000n);
  expect(rig.host.lockedPages).toBe(33);
  rig.host.limitPages = 65;
  expect(rig.errno(create64({ size: 0x40000n }))).toBe('ENOMEM');
  rig.host.limitPages = 66;
  expect(rig.errno(create64({ size: 0x40000n }))).toBe('EBUSY');
  expect(rig.host.lockedPages).toBe(33);
  expect(rig.effects()).toEqual(new Array(3).fill('kvm_vm_ioctl_create_spapr_tce'));
});

test('without memory for its descriptor a create gives its charge back', () => {
  const rig = new Rig();
  rig.say({
    type: 'fail-next',
    from: 'environment',
    to: 'kvm',
    thread: 'main' as never,
    call: 'kvmppc_spapr_tce_table',
  });
  expect(rig.errno(create64({}))).toBe('ENOMEM');
  expect(rig.host.lockedPages).toBe(0);
  expect(rig.errno(create64({}))).toBe('OK');
});

test('two creates of one LIOBN at a time both succeed where the lock is missing (B-36)', () => {
  const both = (createLock: 'unfixed' | 'fixed') => {
    const rig = new Rig(configOf('linux-6.12', { createLock }), { ioctls: 2 });
    for (const thread of ['main', 'other']) {
      rig.say({ ...create64({}), from: 'qemu-spapr', to: 'kvm', thread: thread as never });
    }
    rig.settle();
    return [rig.kvm.tables.length, rig.host.lockedPages];
  };
  expect(both('unfixed')).toEqual([2, 4]);
  expect(both('fixed')).toEqual([1, 2]);
});

test('descriptors are the lowest that are free, from 1000 on', () => {
  const rig = new Rig();
  expect([rig.create(12, 0n, 4n, 1), rig.create(12, 0n, 4n, 2), rig.create(12, 0n, 4n, 3)]).toEqual([
    1000, 1001, 1002,
  ]);
  rig.value({ type: 'close', fd: 1001 });
  expect(rig.value({ type: 'KVM_CREATE_DEVICE', device: 'KVM_DEV_TYPE_VFIO' })).toBe(1001);
  expect(rig.create(12, 0n, 4n, 4)).toBe(1003);
  expect(rig.errno({ type: 'close', fd: 1004 })).toBe('EBADF');
});

test('mmap knows tables only', () => {
  const rig = new Rig();
  const fd = rig.create(12, 0n, 4n);
  expect(rig.errno({ type: 'mmap', fd, bytes: bytes(32n) })).toBe('OK');
  expect(rig.errno({ type: 'mmap', fd: fd + 1, bytes: bytes(32n) })).toBe('EBADF');
});

test.each([
  ['power8', [1, 1, 1, 0, 0, 0]],
  ['power9', [1, 0, 1, 1, 0, 1]],
  ['power10', [1, 0, 1, 1, 1, 1]],
] as const)('what a processor has, recorded on power9 and power10: %s', (cpu, values) => {
  const rig = new Rig(kvmConfig(KVM_VERSIONS['linux-6.12'], { cpu }));
  const caps = [
    'PPC_SMT',
    'PPC_HTM',
    'SPAPR_RESIZE_HPT',
    'PPC_MMU_RADIX',
    'PPC_MMU_HASH_V3',
    'PPC_NESTED_HV',
  ] as const;
  expect(caps.map((cap) => rig.value({ type: 'KVM_CHECK_EXTENSION', extension: `KVM_CAP_${cap}` }))).toEqual(
    values,
  );
  expect(rig.value({ type: 'KVM_GET_API_VERSION' })).toBe(12);
});

test('what a version has: capabilities, the 64-bit create, charges and eager pages', () => {
  const caps = (version: Parameters<typeof configOf>[0]) => {
    const rig = new Rig(configOf(version));
    return (
      ['SPAPR_TCE', 'PPC_ENABLE_HCALL', 'SPAPR_MULTITCE', 'SPAPR_TCE_64', 'SPAPR_TCE_VFIO'] as const
    ).map((cap) => rig.value({ type: 'KVM_CHECK_EXTENSION', extension: `KVM_CAP_${cap}` }));
  };
  expect(caps('linux-4.2')).toEqual([1, 1, 0, 0, 0]);
  expect(caps('linux-4.6')).toEqual([1, 1, 1, 1, 0]);
  expect(caps('linux-4.12')).toEqual([1, 1, 1, 1, 1]);

  const old = new Rig(configOf('linux-4.2'));
  expect(old.errno(create64({}))).toBe('EINVAL');
  old.value({ type: 'KVM_CREATE_SPAPR_TCE', liobn: liobn(LIOBN), windowSize: bytes(0x4000_0000n) });
  expect(old.host.lockedPages).toBe(0);
  expect(old.costs('view-fault')).toBe(32);
  expect(old.errno({ type: 'KVM_ENABLE_CAP', cap: 'KVM_CAP_PPC_ENABLE_HCALL', hcall: 'H_STUFF_TCE' })).toBe(
    'EINVAL',
  );
  expect(new Rig(configOf('linux-4.12')).errno(create64({ pageShift: 11 }))).toBe('OK');
});
