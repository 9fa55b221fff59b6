import { threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import type { VfioHostReceived } from '../src/calls.ts';
import { vfioHostConfigOf } from '../src/config.ts';
import { BUF, BUF_HPA, buffer, Rig } from './rig.ts';

const ask = (rig: Rig, type: string, args: Readonly<Record<string, unknown>>): unknown => {
  const message = {
    type,
    from: 'kvm',
    to: 'vfio-host',
    thread: threadId('vcpu0'),
    ...args,
  } as unknown as VfioHostReceived;
  return rig.deliver(message).at(-1);
};
const registered = (rig = new Rig()): Rig => {
  rig.attach();
  rig.register();
  return rig;
};

test.each`
  fd    | file           | group
  ${3}  | ${'container'} | ${null}
  ${4}  | ${'group'}     | ${1}
  ${5}  | ${'device'}    | ${1}
  ${99} | ${null}        | ${null}
`('vfio_file $fd is $file of group $group', ({ fd, file, group }) => {
  const rig = registered();
  rig.call('VFIO_GROUP_GET_DEVICE_FD', { device: '0001:01:00.0' });
  expect(ask(rig, 'vfio_file', { fd })).toMatchObject({ type: 'vfio-file-return', file, group });
});

test.each`
  case                            | ua           | pageShift | count   | found
  ${'the first page'}             | ${0n}        | ${12}     | ${1}    | ${{ ok: true, region: 1, count: 1 }}
  ${'as many as there are'}       | ${0xf_0000n} | ${12}     | ${1000} | ${{ ok: true, region: 1, count: 16 }}
  ${'a page that reaches beyond'} | ${0xf_8000n} | ${16}     | ${1}    | ${{ ok: false, region: null, count: 0 }}
  ${'a page before it'}           | ${-0x1000n}  | ${12}     | ${1}    | ${{ ok: false, region: null, count: 0 }}
  ${'a page larger than its own'} | ${0n}        | ${20}     | ${1}    | ${{ ok: true, region: 1, count: 1 }}
`('mm_iommu_lookup: $case', ({ ua, pageShift, count, found }) => {
  const rig = registered();
  expect(ask(rig, 'mm_iommu_lookup', { ua: BUF + ua, pageShift, count })).toMatchObject({
    ...found,
    pageShift: found.ok ? 16 : null,
  });
});

test('a run ends where the host’s memory does not go on', () => {
  const more = { ua: (BUF + 0x20000n) as never, hpa: (BUF_HPA + 0x100_0000n) as never };
  const vmas = [buffer(0x20000n), buffer(0x20000n, more)];
  const rig = new Rig({ input: { processes: [{ process: 'qemu', vmas }] } }).attach();
  rig.register(0n, 0x40000n);
  expect(ask(rig, 'mm_iommu_lookup', { ua: BUF + 0x10000n, pageShift: 12, count: 100 })).toMatchObject({
    count: 16,
    hpa: BUF_HPA + 0x10000n,
  });
  expect(ask(rig, 'ua_to_hpa', { region: 1, ua: BUF + 0x21000n, pageShift: 12 })).toMatchObject({
    ok: true,
    hpa: BUF_HPA + 0x100_1000n,
    count: 31,
  });
});

test.each`
  case                              | region | ua            | pageShift | switches                         | ok
  ${'a page of the region'}         | ${1}   | ${0x1000n}    | ${12}     | ${{}}                            | ${true}
  ${'no such region'}               | ${2}   | ${0x1000n}    | ${12}     | ${{}}                            | ${false}
  ${'beyond it'}                    | ${1}   | ${0x10_0000n} | ${12}     | ${{}}                            | ${false}
  ${'a page larger than its own'}   | ${1}   | ${0n}         | ${20}     | ${{}}                            | ${false}
  ${'the same, where nobody looks'} | ${1}   | ${0n}         | ${20}     | ${{ pageShiftCheck: 'unfixed' }} | ${true}
`('ua_to_hpa: $case', ({ region, ua, pageShift, switches, ok }) => {
  const rig = registered(new Rig({ switches }));
  const reply = ask(rig, 'ua_to_hpa', { region, ua: BUF + ua, pageShift });
  expect(reply).toMatchObject({ ok, hpa: ok ? BUF_HPA + ua : null });
});

test('TCEs that KVM makes count like VFIO’s, and not in a region that has ended', () => {
  const rig = registered();
  expect(ask(rig, 'mapped_inc', { region: 1, count: 5 })).toMatchObject({ ok: true });
  expect(rig.regions()[0]!.mapped).toBe(6);
  ask(rig, 'mapped_dec', { region: 1, count: 4 });
  expect(rig.regions()[0]!.mapped).toBe(2);
  ask(rig, 'mapped_dec', { region: 1, count: 4 });
  expect(rig.regions()[0]!.mapped).toBe(1);
  rig.unregister();
  expect(ask(rig, 'mapped_inc', { region: 1, count: 1 })).toMatchObject({ ok: false });
});

test.each`
  linux          | left
  ${'linux-5.2'} | ${0}
  ${'linux-5.3'} | ${-64}
`(
  'account_locked_vm of $linux: a refund of more than was charged leaves $left kB, with a warning (B-42)',
  (row) => {
    const rig = new Rig({ config: vfioHostConfigOf(row.linux) }).attach();
    ask(rig, 'account_locked_vm', { pages: 2, inc: true });
    rig.sent = [];
    ask(rig, 'account_locked_vm', { pages: 2, inc: false });
    expect(rig.ran().join()).not.toContain('WARN');
    ask(rig, 'account_locked_vm', { pages: 1, inc: false });
    expect(rig.ran().join()).toContain('WARN_ON_ONCE');
    expect(rig.vmlck()).toBe(row.left);
  },
);

test('account_locked_vm charges the VMM within its limit, and tells what ran', () => {
  const rig = registered();
  rig.deliver(rig.message('set-memlock', { limit: 0x20_0000n, capIpcLock: false }));
  rig.sent = [];
  expect(ask(rig, 'account_locked_vm', { pages: 16, inc: true })).toMatchObject({ ok: true });
  expect(ask(rig, 'account_locked_vm', { pages: 1, inc: true })).toMatchObject({ ok: false });
  expect(rig.vmlck()).toBe(2048);
  expect(ask(rig, 'account_locked_vm', { pages: 16, inc: false })).toMatchObject({ ok: true });
  expect(rig.vmlck()).toBe(1024);
  expect(rig.ran()).toEqual([
    'account_locked_vm',
    '__account_locked_vm pages=16 inc=1',
    'account_locked_vm',
    '__account_locked_vm pages=1 inc=1',
    'account_locked_vm',
    '__account_locked_vm pages=16 inc=0',
  ]);
});

test('a new VMM is asked about, also while a container still holds the memory of the old one', () => {
  const rig = registered();
  rig.deliver(rig.message('fork', { child: 'child' }));
  rig.exit();
  expect(ask(rig, 'mm_iommu_lookup', { ua: BUF, pageShift: 12, count: 1 })).toMatchObject({ ok: true });
  rig.deliver(rig.message('map-memory', { vma: buffer() }));
  expect(ask(rig, 'mm_iommu_lookup', { ua: BUF, pageShift: 12, count: 1 })).toMatchObject({ ok: false });
  expect(ask(rig, 'account_locked_vm', { pages: 3, inc: true })).toMatchObject({ ok: true });
  expect(rig.host.mms.map(({ process, mode, lockedPages }) => [process, mode, lockedPages])).toEqual([
    ['qemu', 'exited', 16],
    ['child', 'alive', 0],
    ['qemu', 'alive', 3],
  ]);
});

test('after the VMM has ended there is nothing to charge, and nothing to find', () => {
  const rig = registered();
  rig.exit();
  expect(ask(rig, 'account_locked_vm', { pages: 1, inc: false })).toMatchObject({ ok: true });
  expect(ask(rig, 'mm_iommu_lookup', { ua: BUF, pageShift: 12, count: 1 })).toMatchObject({ ok: false });
  expect(ask(rig, 'ua_to_hpa', { region: 1, ua: BUF, pageShift: 12 })).toMatchObject({ ok: false });
});
