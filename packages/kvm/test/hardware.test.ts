import { threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { SEAM_GAP } from './fake-host.ts';
import { attachedRig, configOf, RAM_HPA, RAM_UA, Rig } from './rig.ts';

const newest = configOf('linux-6.12');
const entriesOf = (rig: Rig, table = 1) =>
  [...rig.host.tables.get(table)!.entries.keys()].sort((a, b) => a - b);
const mapped = (rig: Rig, region = 0) => rig.host.regions[region]!.mapped - 1;
const view = (rig: Rig, ...entries: number[]) =>
  entries.map((entry) => rig.get(BigInt(entry) << 12n).slice(10));

test('H_PUT_TCE: the stations of one entry, in the order of the kernel', () => {
  const rig = attachedRig();
  rig.put(0x3000n, 0x20003n);
  const validated = ['mm_iommu_lookup', 'ua_to_hpa'];
  expect(rig.host.asked).toEqual([
    ...validated,
    'userspace_slot_read',
    ...validated,
    'mapped_inc',
    'tce_xchg',
    'userspace_slot_write',
    'tce_kill',
  ]);
  rig.host.asked.length = 0;
  rig.put(0x3000n, 0x21003n);
  expect(rig.host.asked.slice(7)).toEqual([
    'userspace_slot_read',
    'mm_iommu_lookup',
    'mapped_dec',
    'userspace_slot_write',
    'userspace_slot_write',
    'tce_kill',
  ]);
  rig.host.asked.length = 0;
  rig.put(0x3000n, 0n);
  expect(rig.host.asked).toEqual([
    'tce_xchg',
    'userspace_slot_read',
    'mm_iommu_lookup',
    'mapped_dec',
    'userspace_slot_write',
    'tce_kill',
  ]);
  expect(rig.effects()).toEqual(['kvmppc_h_put_tce', 'kvmppc_h_put_tce', 'kvmppc_h_put_tce']);
});

test('a list in one piece of memory is one round, with a kill for each entry', () => {
  const rig = attachedRig();
  rig.indirect(
    0n,
    Array.from({ length: 16 }, (_, i) => 0x20003n + 0x1000n * BigInt(i)),
  );
  expect(rig.host.asked).toHaveLength(9);
  expect(rig.host.tables.get(1)!.kills).toEqual([[0, 16]]);
  expect(rig.costs('kill')).toBe(16);
  rig.host.asked.length = 0;
  rig.stuff(0n, 16n);
  expect(rig.host.asked).toHaveLength(6);
  expect(rig.costs('kill')).toBe(32);

  const single = attachedRig(configOf('linux-6.12', {}, { entriesAtOnce: 1 }));
  single.stuff(0n, 3n);
  expect(single.host.tables.get(1)!.kills).toEqual([
    [0, 1],
    [1, 1],
    [2, 1],
  ]);
});

test('before linux-5.4 the exchange kills: KVM makes no kill of its own', () => {
  const rig = attachedRig(configOf('linux-5.1'));
  rig.put(0n, 0x20003n);
  expect(rig.host.asked).not.toContain('tce_kill');
  expect(rig.costs('kill')).toBe(0);
});

test('a guest page of 16M over hardware pages of 64K is 256 hardware entries and one kill', () => {
  const rig = attachedRig(newest, { pageShift: 24, hwShift: 16, size: 4, registered: 0x100_0000n });
  expect(rig.put(0x200_0000n, 3n)).toBe('H_SUCCESS');
  expect(rig.host.asked).toHaveLength(9);
  expect(entriesOf(rig)).toEqual(Array.from({ length: 256 }, (_, i) => 512 + i));
  expect(rig.host.tables.get(1)!.kills).toEqual([[512, 256]]);
  expect(rig.costs('kill')).toBe(1);
  expect(rig.host.tables.get(1)!.entries.get(767)).toEqual({ hpa: RAM_HPA + 0xff_0000n, perm: 3 });
  expect(rig.stuff(0n, 4n)).toBe('H_SUCCESS');
  expect([entriesOf(rig), mapped(rig)]).toEqual([[], 0]);
});

test.each`
  case                           | spoil                                                                                 | answer
  ${'no region'}                 | ${(rig: Rig) => rig.host.regions.length === 1}                                        | ${'QEMU'}
  ${'a region of smaller pages'} | ${(rig: Rig) => rig.host.untranslatable.add(0)}                                       | ${'QEMU'}
  ${'no level for the slot'}     | ${(rig: Rig) => rig.host.tables.get(1)!.missing.add(0) && rig.host.allocFails.add(0)} | ${'QEMU'}
  ${'a region being released'}   | ${(rig: Rig) => rig.host.released.add(0)}                                             | ${'QEMU'}
  ${'no exchange'}               | ${(rig: Rig) => rig.host.xchgFails.add(3)}                                            | ${'QEMU'}
`(
  'H_PUT_TCE that cannot be mapped goes to QEMU, and leaves nothing: $case',
  ({ case: name, spoil, answer }) => {
    const rig = attachedRig();
    spoil(rig);
    const tce = name === 'no region' ? 0x80_0003n : 0x20003n;
    expect(rig.put(0x3000n, tce)).toBe(answer);
    expect([entriesOf(rig), mapped(rig), ...view(rig, 3)]).toEqual([[], 0, '0x0']);
  },
);

test('a list is looked through before anything is touched; up to linux-4.19 what comes before a bad entry stays', () => {
  const list = [0x20003n, 0x21003n, 0x20803n, 0x23003n];
  const two = attachedRig();
  expect(two.indirect(0n, list)).toBe('QEMU');
  expect([entriesOf(two), mapped(two)]).toEqual([[], 0]);
  const one = attachedRig(configOf('linux-4.18'));
  expect(one.indirect(0n, list)).toBe('H_PARAMETER');
  expect([entriesOf(one), mapped(one), ...view(one, 0, 1, 2)]).toEqual([
    [0, 1],
    2,
    '0x20003',
    '0x21003',
    '0x0',
  ]);
  const unregistered = [0x20003n, 0x80_0003n];
  const late = attachedRig(configOf('linux-4.18'));
  expect(late.indirect(0n, unregistered)).toBe('QEMU');
  expect([entriesOf(late), mapped(late)]).toEqual([[0], 1]);
});

test('one pass on a newer kernel looks at each entry before it is mapped', () => {
  const rig = attachedRig(configOf('linux-6.12', { indirect: 'onePass' }));
  expect(rig.indirect(0n, [0x20003n, 0x80_0003n, 0x21003n])).toBe('QEMU');
  expect([entriesOf(rig), ...view(rig, 0, 1)]).toEqual([[0], '0x20003', '0x0']);
});

test('a list whose third entry cannot be exchanged: the first two stay, in both tables', () => {
  const rig = attachedRig();
  rig.host.xchgFails.add(2);
  expect(rig.indirect(0n, [0x20003n, 0x21003n, 0x22003n, 0x23003n])).toBe('QEMU');
  expect([entriesOf(rig), mapped(rig), ...view(rig, 0, 1, 2, 3)]).toEqual([
    [0, 1],
    2,
    '0x20003',
    '0x21003',
    '0x0',
    '0x0',
  ]);
  expect(rig.effects()).toContain('WARN_ON_ONCE');
});

test('linux-4.12 to 4.19 swallow what they cannot map: H_SUCCESS, and nothing in the hardware (B-15)', () => {
  const put = (spoil: (rig: Rig) => unknown, kvmErrors: 'swallow' | 'tooHard') => {
    const rig = attachedRig(configOf('linux-4.18', { kvmErrors, clearTceIndex: 'hwIdx' }));
    spoil(rig);
    return [rig.put(0x3000n, 0x20003n), entriesOf(rig).length, mapped(rig), ...view(rig, 3)];
  };
  const spoilt = [
    (rig: Rig) => rig.host.untranslatable.add(0),
    (rig: Rig) => rig.host.released.add(0),
    (rig: Rig) => rig.host.xchgFails.add(3),
  ];
  for (const spoil of spoilt) {
    expect(put(spoil, 'swallow')).toEqual(['H_SUCCESS', 0, 0, '0x20003']);
    expect(put(spoil, 'tooHard')).toEqual(['QEMU', 0, 0, '0x0']);
  }
  const rig = attachedRig(configOf('linux-4.18'));
  rig.host.xchgFails.add(1);
  expect(rig.indirect(0n, [0x20003n, 0x21003n, 0x22003n])).toBe('H_SUCCESS');
  // The wiped entry is the first of the list: by its number, not by that of the one that failed.
  expect([entriesOf(rig), ...view(rig, 0, 1, 2)]).toEqual([[2], '0x20003', '0x21003', '0x22003']);
  rig.host.xchgFails.clear();
  rig.host.xchgFails.add(2);
  expect(rig.stuff(0n, 4n)).toBe('H_SUCCESS');
  expect(view(rig, 0, 1, 2)).toEqual(['0x0', '0x0', '0x0']);
});

test('a failure between hardware pages leaks what was counted, unless wiping counts down (B-25)', () => {
  const fails = (clearTceDec: 'unfixed' | 'fixed') => {
    const rig = attachedRig(configOf('linux-6.12', { clearTceDec }), { pageShift: 16, size: 4 });
    rig.host.xchgFails.add(16 + 5);
    const answer = rig.put(0x10000n, 0x20003n);
    return [answer, entriesOf(rig).filter((index) => index !== 21).length, mapped(rig)];
  };
  expect(fails('unfixed')).toEqual(['QEMU', 0, 5]);
  expect(fails('fixed')).toEqual(['QEMU', 0, 0]);
});

test('only the first hardware page of a TCE is validated', () => {
  const rig = attachedRig(newest, { pageShift: 16, size: 4, registered: 0x2_1000n });
  expect(rig.put(0n, 0x20003n)).toBe('QEMU');
  expect(rig.host.asked.slice(0, 3)).toEqual(['mm_iommu_lookup', 'ua_to_hpa', 'mm_iommu_lookup']);
  expect([entriesOf(rig), mapped(rig)]).toEqual([[], 1]);
});

test('wiping by the guest’s index hits another entry, or memory outside of the table (B-25)', () => {
  const wipe = (offset: bigint) => {
    const rig = new Rig(configOf('linux-6.12', { clearTceIndex: 'guestIdx' }));
    rig.memory(0x100_0000n);
    rig.host.region(RAM_UA, 0x40_0000n, RAM_HPA);
    const fd = rig.create(16, offset, 8n);
    rig.host.table(1, 12, offset << 4n, 128);
    rig.group(7, [1, null]);
    rig.attach(fd, 7);
    rig.put((offset << 16n) | 0n, 0x10003n);
    rig.host.xchgFails.add(16);
    rig.put((offset << 16n) | 0x10000n, 0x20003n);
    const out = rig.sent.find((message) => message.type === 'effect' && message.args.outOfBounds === true);
    return [entriesOf(rig).length, out?.type === 'effect' ? out.args.index : null];
  };
  expect(wipe(0n)).toEqual([15, null]);
  expect(wipe(1n << 43n)).toEqual([16, (1n << 43n) + 1n - (1n << 47n)]);
});

test('a list entry without permissions is mapped as an address nobody may use, and stays counted (B-26)', () => {
  const list = (indirectZeroPerm: 'unfixed' | 'fixed') => {
    const rig = attachedRig(configOf('linux-6.12', { indirectZeroPerm }));
    rig.put(0x1000n, 0x30003n);
    const answer = rig.indirect(0n, [0x20003n, 0x21000n]);
    const seen = [answer, entriesOf(rig), mapped(rig)];
    rig.stuff(0n, 16n);
    return [...seen, mapped(rig)];
  };
  expect(list('unfixed')).toEqual(['H_SUCCESS', [0, 1], 2, 1]);
  expect(list('fixed')).toEqual(['H_SUCCESS', [0], 1, 0]);
});

test('an entry whose slot names no region is put back, and the call goes to QEMU with the view as it was', () => {
  const rig = attachedRig();
  for (const entry of [0n, 1n, 2n, 3n]) rig.put(entry << 12n, 0x20003n + (entry << 12n));
  rig.host.tables.get(1)!.slots.delete(1);
  expect(rig.stuff(0n, 4n)).toBe('QEMU');
  expect([entriesOf(rig), mapped(rig)]).toEqual([[1, 2, 3], 3]);
  expect(rig.host.tables.get(1)!.entries.get(2)).toEqual({ hpa: RAM_HPA + 0x22000n, perm: 3 });
  expect(view(rig, 0, 3)).toEqual(['0x20003', '0x23003']);
  expect(rig.put(0x1000n, 0n)).toBe('QEMU');
  // One entry is wiped after the failure, without being counted down.
  expect([entriesOf(rig), mapped(rig)]).toEqual([[2, 3], 3]);
});

test('an entry whose level of slots is missing is cleared without being counted down', () => {
  const rig = attachedRig();
  rig.indirect(0x3000n, [0x20003n, 0x21003n, 0x22003n]);
  rig.host.tables.get(1)!.missing.add(1);
  expect(rig.stuff(0n, 16n)).toBe('H_SUCCESS');
  expect([entriesOf(rig), mapped(rig)]).toEqual([[], 2]);
});

test('a page of the view that cannot be allocated is lost without a word, or the call goes to QEMU (B-28)', () => {
  const put = (viewAllocFailure: 'silent' | 'tooHard') => {
    const rig = attachedRig(configOf('linux-6.12', { viewAllocFailure }));
    const fail = () =>
      rig.say({
        type: 'fail-next',
        from: 'environment',
        to: 'kvm',
        thread: threadId('main'),
        call: 'kvm_spapr_get_tce_page',
      });
    fail();
    const answers = [
      rig.put(0x3000n, 0x20003n),
      ...view(rig, 3),
      entriesOf(rig).length,
      rig.indirect(0n, [3n, 0x1003n]),
    ];
    return [...answers, ...view(rig, 0, 1)];
  };
  expect(put('silent')).toEqual(['H_SUCCESS', '0x0', 1, 'H_SUCCESS', '0x3', '0x1003']);
  expect(put('tooHard')).toEqual(['QEMU', '0x0', 1, 'H_SUCCESS', '0x3', '0x1003']);

  const lists = (viewAllocFailure: 'silent' | 'tooHard') => {
    const rig = new Rig(configOf('linux-6.12', { viewAllocFailure }));
    rig.memory(0x100_0000n);
    rig.enableMultiTce();
    rig.create(12, 0n, 16n);
    const thread = threadId('main');
    rig.say({ type: 'fail-next', from: 'environment', to: 'kvm', thread, call: 'kvm_spapr_get_tce_page' });
    return [rig.indirect(0n, [0n, 0x1003n, 0x2003n]), ...view(rig, 0, 1, 2)];
  };
  expect(lists('silent')).toEqual(['H_SUCCESS', '0x0', '0x0', '0x2003']);
  expect(lists('tooHard')).toEqual(['QEMU', '0x0', '0x0', '0x0']);
});

test('two hardware tables behind a LIOBN are written one after the other, the newest first', () => {
  const rig = attachedRig();
  rig.host.table(2, 12, 0n, 16);
  rig.group(8, [2, null]);
  rig.attach(rig.kvm.tables[0]!.fd!, 8);
  rig.host.xchgFails.add(5);
  expect(rig.indirect(0x3000n, [0x20003n, 0x21003n, 0x22003n])).toBe('QEMU');
  expect([entriesOf(rig, 2), entriesOf(rig, 1), mapped(rig)]).toEqual([[3, 4], [3, 4], 4]);
  expect(rig.stuff(0n, 5n)).toBe('H_SUCCESS');
  expect([entriesOf(rig, 2), entriesOf(rig, 1), mapped(rig)]).toEqual([[], [], 0]);
});

test('real mode gives up where something is missing, and virtual mode does the call (B-38)', () => {
  const rig = attachedRig(configOf('linux-5.1'));
  expect(rig.put(0x3000n, 0x20003n)).toBe('H_SUCCESS');
  expect(rig.effects()).toEqual(['kvmppc_rm_h_put_tce', 'kvmppc_h_put_tce']);
  rig.sent.length = 0;
  expect(rig.put(0x4000n, 0x21003n)).toBe('H_SUCCESS');
  expect(rig.effects()).toEqual(['kvmppc_h_put_tce']);
  rig.sent.length = 0;
  rig.host.tables.get(1)!.missing.add(2);
  expect(rig.put(0x8000n, 0x22003n)).toBe('H_SUCCESS');
  expect(rig.effects()).toEqual(['kvmppc_h_put_tce', 'kvmppc_rm_h_put_tce', 'kvmppc_h_put_tce']);
  expect(rig.put(0x9000n, 0x80_0003n)).toBe('QEMU');
  expect([entriesOf(rig), mapped(rig)]).toEqual([[3, 4, 8], 3]);
});

test('a row in which a slot cannot be allocated, once, stops right there', () => {
  for (const entriesAtOnce of [1, Number.MAX_SAFE_INTEGER]) {
    const rig = attachedRig(configOf('linux-6.12', {}, { entriesAtOnce }));
    rig.host.tables.get(1)!.missing.add(1);
    rig.host.allocFails.add(1);
    const list = Array.from({ length: 8 }, (_, i) => 0x20003n + 0x1000n * BigInt(i));
    expect(rig.indirect(0n, list)).toBe('QEMU');
    expect([entriesOf(rig), mapped(rig), ...view(rig, 3, 4)]).toEqual([[0, 1, 2, 3], 4, '0x23003', '0x0']);
  }
});

test('a row that is not in one piece of host memory is mapped piece by piece', () => {
  const rig = attachedRig();
  rig.host.regions.length = 0;
  rig.host.region(RAM_UA, 0x40_0000n, RAM_HPA, 16, 0x22000n);
  expect(rig.indirect(0n, [0x20003n, 0x21003n, 0x22003n, 0x23003n])).toBe('H_SUCCESS');
  const at = (entry: number) => rig.host.tables.get(1)!.entries.get(entry)!.hpa - RAM_HPA;
  expect([0, 1, 2, 3].map(at)).toEqual([0x20000n, 0x21000n, SEAM_GAP + 0x22000n, SEAM_GAP + 0x23000n]);
});

test('entries in a row whose memory is in two regions are counted down in each', () => {
  const rig = attachedRig(newest, { registered: 0x22000n });
  rig.host.region(RAM_UA + 0x22000n, 0x10000n, RAM_HPA + 0x22000n);
  const list = [0x20003n, 0x21003n, 0x22003n, 0x23003n, 0x24003n];
  expect(rig.indirect(0n, list)).toBe('H_SUCCESS');
  expect([mapped(rig, 0), mapped(rig, 1)]).toEqual([2, 3]);
  expect(rig.stuff(0n, 16n)).toBe('H_SUCCESS');
  expect([entriesOf(rig), mapped(rig, 0), mapped(rig, 1)]).toEqual([[], 0, 0]);
});

test('zeros allocate no page of the view, poison does', () => {
  const rig = attachedRig();
  rig.stuff(0n, 16n);
  rig.put(0n, 0n);
  rig.indirect(0n, [0n, 0n]);
  expect(rig.costs('view-fault')).toBe(0);
  rig.stuff(0n, 16n, 0xabc0n);
  expect(rig.costs('view-fault')).toBe(1);
});
