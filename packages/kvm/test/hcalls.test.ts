import { bytes, gpa, threadId } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { canonicalKvm } from '../src/index.ts';
import { attachedRig, configOf, DDW_START, LIOBN, RAM_HPA, RAM_UA, Rig } from './rig.ts';
import { ua } from './units.ts';

/** A window of 16 pages of 4K, and 16 MiB of memory. */
function emulated(config = configOf('linux-6.12')): Rig {
  const rig = new Rig(config);
  rig.memory(0x100_0000n);
  if (rig.kvm.config.features.multiTce) rig.enableMultiTce();
  rig.create(12, 0n, 16n);
  return rig;
}

test.each`
  case                                | ioba        | tce             | answer
  ${'first page'}                     | ${0n}       | ${0x20003n}     | ${'H_SUCCESS'}
  ${'last page'}                      | ${0xf000n}  | ${0x20003n}     | ${'H_SUCCESS'}
  ${'behind the window'}              | ${0x10000n} | ${0x20003n}     | ${'H_PARAMETER'}
  ${'between two pages'}              | ${0x3800n}  | ${0x20003n}     | ${'H_PARAMETER'}
  ${'between two pages, misaligned'}  | ${0x3800n}  | ${0x20803n}     | ${'H_PARAMETER'}
  ${'memory between two pages'}       | ${0x4000n}  | ${0x20803n}     | ${'QEMU'}
  ${'no memory there'}                | ${0x4000n}  | ${0x4000_0003n} | ${'QEMU'}
  ${'no permissions, a poison value'} | ${0x4000n}  | ${0xdead_0800n} | ${'H_SUCCESS'}
  ${'0'}                              | ${0x4000n}  | ${0n}           | ${'H_SUCCESS'}
`('H_PUT_TCE: $case → $answer', ({ ioba, tce, answer }) => {
  const rig = emulated();
  const before = canonicalKvm(rig.kvm);
  expect(rig.put(ioba, tce)).toBe(answer);
  expect(rig.host.asked.filter((type) => type !== 'account_locked_vm')).toEqual([]);
  if (answer !== 'H_SUCCESS') expect(canonicalKvm(rig.kvm)).toEqual(before);
  else expect(rig.get(ioba)).toBe(`H_SUCCESS 0x${tce.toString(16)}`);
});

test('a window at 2^59 of 64K pages: its own first and last page', () => {
  const rig = new Rig();
  rig.memory(0x100_0000n);
  rig.create(16, DDW_START >> 16n, 4n);
  expect(rig.put(DDW_START - 0x10000n, 0x30003n)).toBe('H_PARAMETER');
  expect(rig.put(DDW_START, 0x30003n)).toBe('H_SUCCESS');
  expect(rig.put(DDW_START + 0x30000n, 0x30001n)).toBe('H_SUCCESS');
  expect(rig.put(DDW_START + 0x40000n, 0x30003n)).toBe('H_PARAMETER');
  expect(rig.put(DDW_START, 0x31003n)).toBe('QEMU');
  expect(rig.get(DDW_START + 0x30000n)).toBe('H_SUCCESS 0x30001');
});

test('a LIOBN that KVM does not know is QEMU’s, and all 64 bits of the register count', () => {
  const rig = emulated();
  for (const type of ['H_PUT_TCE', 'H_GET_TCE', 'H_STUFF_TCE', 'H_PUT_TCE_INDIRECT'] as const) {
    const rest = { ioba: 0n, tce: 0n, tceValue: 0n, npages: 1n, tceList: 0n, tces: [] };
    expect(rig.hcall({ type, liobn: 0x8000_0001n, ...rest } as never)).toBe('QEMU');
    expect(rig.hcall({ type, liobn: BigInt(LIOBN) | (1n << 32n), ...rest } as never)).toBe('QEMU');
    expect(rig.hcall({ type, liobn: BigInt(LIOBN), ...rest } as never)).not.toBe('QEMU');
  }
});

test.each`
  case                              | tceList        | npages | tces                       | answer
  ${'an empty list'}                | ${0n}          | ${0}   | ${[]}                      | ${'H_SUCCESS'}
  ${'two entries'}                  | ${0n}          | ${2}   | ${[0x20003n, 0x30001n]}    | ${'H_SUCCESS'}
  ${'zeros behind the list'}        | ${0n}          | ${3}   | ${[0x20003n]}              | ${'H_SUCCESS'}
  ${'513 entries'}                  | ${0x8n}        | ${513} | ${[]}                      | ${'H_PARAMETER'}
  ${'a list not on 4K'}             | ${0x40000008n} | ${1}   | ${[]}                      | ${'H_PARAMETER'}
  ${'a list outside of memory'}     | ${0x40000000n} | ${1}   | ${[]}                      | ${'QEMU'}
  ${'a bad entry behind good ones'} | ${0n}          | ${2}   | ${[0x20003n, 0x40000003n]} | ${'QEMU'}
  ${'a misaligned entry'}           | ${0n}          | ${2}   | ${[0x20003n, 0x20803n]}    | ${'QEMU'}
`('H_PUT_TCE_INDIRECT: $case → $answer', ({ tceList, npages, tces, answer }) => {
  const rig = emulated();
  const before = canonicalKvm(rig.kvm);
  const call = { liobn: BigInt(LIOBN), ioba: 0n, tceList, npages: BigInt(npages), tces };
  expect(rig.hcall({ type: 'H_PUT_TCE_INDIRECT', ...call })).toBe(answer);
  if (answer !== 'H_SUCCESS') expect(canonicalKvm(rig.kvm)).toEqual(before);
  for (let at = 0; answer === 'H_SUCCESS' && at < npages; at += 1) {
    expect(rig.get(BigInt(at) << 12n)).toBe(`H_SUCCESS 0x${(tces[at] ?? 0n).toString(16)}`);
  }
});

test('H_PUT_TCE_INDIRECT: the addresses of the call are looked at before its list is found', () => {
  const rig = emulated();
  const call = { type: 'H_PUT_TCE_INDIRECT', liobn: BigInt(LIOBN), tceList: 0x4000_0000n, tces: [] } as const;
  expect(rig.hcall({ ...call, ioba: 0x10000n, npages: 1n })).toBe('H_PARAMETER');
  expect(rig.hcall({ ...call, ioba: 0x800n, npages: 1n })).toBe('H_PARAMETER');
});

test('an entry without permissions and without memory stops a list after its first pass', () => {
  const rig = emulated();
  expect(rig.indirect(0n, [0x20003n, 0x4000_0000n, 0x30003n])).toBe('H_PARAMETER');
  expect([rig.get(0n), rig.get(0x1000n)]).toEqual(['H_SUCCESS 0x20003', 'H_SUCCESS 0x0']);
});

test.each`
  case                   | ioba        | npages | value       | answer
  ${'no page'}           | ${0n}       | ${0n}  | ${0n}       | ${'H_SUCCESS'}
  ${'whole table'}       | ${0n}       | ${16n} | ${0xabc0n}  | ${'H_SUCCESS'}
  ${'permissions'}       | ${0n}       | ${16n} | ${0x20001n} | ${'H_PARAMETER'}
  ${'first page behind'} | ${0x10000n} | ${1n}  | ${0n}       | ${'H_PARAMETER'}
  ${'misaligned'}        | ${0x10n}    | ${1n}  | ${0n}       | ${'H_PARAMETER'}
`('H_STUFF_TCE: $case → $answer', ({ ioba, npages, value, answer }) => {
  const rig = emulated();
  const before = canonicalKvm(rig.kvm);
  expect(rig.stuff(ioba, npages, value)).toBe(answer);
  if (answer !== 'H_SUCCESS') expect(canonicalKvm(rig.kvm)).toEqual(before);
  else if (npages > 0n) expect(rig.get(0xf000n)).toBe(`H_SUCCESS 0x${value.toString(16)}`);
});

test('who checks the end of the window, and for which calls (B-27)', () => {
  const beyond = (config: ReturnType<typeof configOf>) => {
    const rig = emulated(config);
    const answers = [rig.stuff(0xe000n, 3n), rig.indirect(0xe000n, [0x20003n, 0x21003n, 0x22003n])];
    const wrote = rig.sent.flatMap((message) =>
      message.type === 'effect' && message.args.outOfBounds === true
        ? [[message.fn, message.args.index, message.args.count]]
        : [],
    );
    return { answers, wrote, last: rig.get(0xf000n) };
  };
  const out = ['kvmppc_tce_put', 16, 1];
  const put = 'H_SUCCESS 0x21003';
  expect(beyond(configOf('linux-6.12'))).toEqual({
    answers: ['H_SUCCESS', 'H_SUCCESS'],
    wrote: [out, out],
    last: put,
  });
  expect(beyond(configOf('linux-7.2'))).toEqual({
    answers: ['H_PARAMETER', 'H_SUCCESS'],
    wrote: [out],
    last: put,
  });
  expect(beyond(configOf('linux-4.10'))).toEqual({
    answers: ['H_PARAMETER', 'H_PARAMETER'],
    wrote: [],
    last: 'H_SUCCESS 0x0',
  });
});

test('hypercalls that are not switched on are QEMU’s', () => {
  const rig = new Rig();
  rig.memory(0x100_0000n);
  rig.create(12, 0n, 16n);
  expect(rig.put(0n, 0x20003n)).toBe('H_SUCCESS');
  expect([rig.stuff(0n, 8n), rig.indirect(0n, [0n])]).toEqual(['QEMU', 'QEMU']);
  rig.enableMultiTce();
  expect([rig.stuff(0n, 8n), rig.indirect(0n, [0n])]).toEqual(['H_SUCCESS', 'H_SUCCESS']);
});

test('RTAS and all other hypercalls go to QEMU as they are, and its answers to the guest', () => {
  const rig = emulated();
  const guest = { from: 'guest-kernel', to: 'kvm', thread: threadId('vcpu1') } as const;
  const query = {
    type: 'ibm,query-pe-dma-window',
    args: [0, 0x8000000, 0x20000000],
    nret: 6,
    ...guest,
  } as const;
  rig.sent.length = 0;
  rig.say(query);
  expect(rig.sent).toEqual([{ ...query, from: 'kvm', to: 'qemu-spapr' }]);
  expect(rig.snapshot.value).toMatchObject({ vcpu0: 'inGuest', vcpu1: 'inUserspace' });
  expect(rig.can({ type: 'H_GET_TCE', liobn: 0n, ioba: 0n, ...guest })).toBe(false);
  const answer = {
    type: 'rtas-return',
    from: 'qemu-spapr',
    to: 'kvm',
    thread: threadId('vcpu1'),
    call: 'ibm,query-pe-dma-window',
    status: 'SUCCESS',
    outputs: [1],
    hcallStatus: 'H_SUCCESS',
  } as const;
  rig.say(answer);
  expect(rig.sent[1]).toEqual({ ...answer, from: 'kvm', to: 'guest-kernel' });
  expect(rig.hcall({ type: 'hcall', opcode: 0x1234n }, 1)).toBe('QEMU');
  expect(rig.hcall({ type: 'H_REG_CRQ', unit: 1n, queue: 0n, length: 0n }, 1)).toBe('QEMU');
});

test('a call without hardware tables is one step, whose only message is the answer', () => {
  const rig = emulated();
  rig.put(0n, 0x20003n);
  rig.sent.length = 0;
  rig.put(0n, 0x30003n);
  rig.indirect(0n, [0x20003n, 0x21003n]);
  rig.stuff(0n, 16n);
  expect(rig.sent.map(({ type }) => type)).toEqual(['hcall-return', 'hcall-return', 'hcall-return']);
});

test('memory that is replaced, moved and taken away', () => {
  const rig = emulated();
  const slot = (n: number, at: bigint, size: bigint) =>
    rig.errno({
      type: 'KVM_SET_USER_MEMORY_REGION',
      slot: n,
      gpa: gpa(at),
      bytes: bytes(size),
      ua: ua(RAM_UA + at),
    });
  expect(slot(1, 0xff_0000n, 0x2_0000n)).toBe('EEXIST');
  expect(slot(1, 0x100_0000n, 0x2_0000n)).toBe('OK');
  expect(slot(2, 0x200_0800n, 0x2_0000n)).toBe('EINVAL');
  expect(slot(2, 0n, 0n)).toBe('EINVAL');
  expect(rig.put(0n, 0x100_0003n)).toBe('H_SUCCESS');
  expect(slot(1, 0n, 0n)).toBe('OK');
  expect(rig.put(0n, 0x100_0003n)).toBe('QEMU');
  expect(rig.kvm.memslots.map(({ slot: n }) => n)).toEqual([0]);
});

test('what older kernels look at', () => {
  const old = new Rig(configOf('linux-4.2'));
  old.memory(0x100_0000n);
  old.value({ type: 'KVM_CREATE_SPAPR_TCE', liobn: LIOBN as never, windowSize: bytes(0x10000n) });
  expect(old.put(0x800n, 0x4000_0803n)).toBe('H_SUCCESS');
  expect(old.get(0n)).toBe('H_SUCCESS 0x40000803');
  expect(old.put(0x10000n, 0n)).toBe('H_PARAMETER');

  const without = emulated(configOf('linux-4.6'));
  expect(without.put(0n, 0x4000_0003n)).toBe('H_SUCCESS');
  expect(without.put(0n, 0x20803n)).toBe('H_PARAMETER');
  const onePass = emulated(configOf('linux-4.12'));
  expect(onePass.put(0n, 0x4000_0003n)).toBe('H_PARAMETER');
  expect(onePass.indirect(0n, [0x20003n, 0x20803n])).toBe('H_PARAMETER');
  expect(onePass.get(0n)).toBe('H_SUCCESS 0x20003');
});

test('the recorded scenario hput', () => {
  const rig = new Rig();
  rig.memory(0x100_0000n);
  expect(rig.stuff(0n, 8n)).toBe('QEMU');
  rig.enableMultiTce();
  expect(rig.put(0n, 0x20003n)).toBe('QEMU');
  const fd = rig.create(12, 0n, 0x80000n);
  expect(rig.put(0x3000n, 0x20003n)).toBe('H_SUCCESS');
  expect(rig.get(0x3000n)).toBe('H_SUCCESS 0x20003');
  expect(rig.put(0x8000_0000n, 0x20003n)).toBe('H_PARAMETER');
  expect(rig.put(0x3800n, 0x20003n)).toBe('H_PARAMETER');
  expect(rig.put(0x4000n, 0x20803n)).toBe('QEMU');
  expect(rig.put(0x4000n, 0x4000_0003n)).toBe('QEMU');
  expect(rig.put(0x3000n, 0n)).toBe('H_SUCCESS');
  rig.host.region(RAM_UA, 0x40_0000n, RAM_HPA);
  const { entries } = rig.host.table(1, 12, 0n, 0x80000);
  rig.group(1, [1, null], 11);
  expect(rig.attach(fd, 11)).toBe('OK');
  expect([rig.put(0x3000n, 0x20003n), rig.put(0x4000n, 0x30003n)]).toEqual(['H_SUCCESS', 'H_SUCCESS']);
  expect(entries.get(3)).toEqual({ hpa: RAM_HPA + 0x20000n, perm: 3 });
  expect(rig.get(0x4000n)).toBe('H_SUCCESS 0x30003');
  expect(rig.put(0x5000n, 0x80_0003n)).toBe('QEMU');
  expect(rig.get(0x5000n)).toBe('H_SUCCESS 0x0');
  expect(rig.put(0x5000n, 0x4000_0003n)).toBe('QEMU');
  expect(rig.put(0x6000n, 0x20000n)).toBe('H_SUCCESS');
  expect([rig.put(0x4000n, 0x30001n), rig.put(0x4000n, 0x31003n)]).toEqual(['H_SUCCESS', 'H_SUCCESS']);
  const list = Array.from({ length: 8 }, (_, i) => 0x50003n + 0x1000n * BigInt(i));
  expect(rig.indirect(0x10000n, list)).toBe('H_SUCCESS');
  expect(rig.host.regions[0]!.mapped).toBe(1 + 2 + 8);
  expect(rig.indirect(0x20000n, [...list.slice(0, 3), 0x80_0003n, ...list.slice(4)])).toBe('QEMU');
  expect([rig.get(0x22000n), rig.get(0x23000n)]).toEqual(['H_SUCCESS 0x0', 'H_SUCCESS 0x0']);
  expect(rig.indirect(0x20000n, list, 0x201)).toBe('H_PARAMETER');
  expect(rig.stuff(0x10000n, 8n)).toBe('H_SUCCESS');
  expect(rig.stuff(0x10000n, 8n, 3n)).toBe('H_PARAMETER');
  // Out of bounds on linux-6.12: eight entries from the last one on.
  expect(rig.stuff(0x7fff_f000n, 8n)).toBe('H_SUCCESS');
  // There the userspace view lies behind the table, so that slots 0 to 6 are gone now, and entry 3 has no region.
  for (let slot = 0; slot < 7; slot += 1) rig.host.tables.get(1)!.slots.delete(slot);
  expect(rig.stuff(0n, 0x80000n)).toBe('QEMU');
  expect(entries.get(3)).toEqual({ hpa: RAM_HPA + 0x20000n, perm: 3 });
  expect(rig.value({ type: 'KVM_DEV_VFIO_GROUP_DEL', groupFd: 11 })).toBe(0);
  rig.grace();
  expect(entries.size).toBe(2);
  expect(rig.put(0x7000n, 0x20003n)).toBe('H_SUCCESS');
  expect(entries.size).toBe(2);
});

test('linux-7.2: stuffing the whole table, and beyond its end', () => {
  const rig = attachedRig(configOf('linux-7.2'), { size: 0x80000 });
  rig.put(0x3000n, 0x20003n);
  expect(rig.stuff(0x7fff_f000n, 8n)).toBe('H_PARAMETER');
  expect(rig.stuff(0n, 0x80000n)).toBe('H_SUCCESS');
  expect(rig.host.regions[0]!.mapped).toBe(1);
});
