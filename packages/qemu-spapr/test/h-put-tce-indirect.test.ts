import { ioba } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import {
  create,
  DYNAMIC,
  indirect,
  L0,
  L1,
  LIST,
  linesOf,
  put,
  register,
  running,
  send,
  statusOf,
  tceIn,
} from './machine.ts';

const qemu = running({}, create(16, 20));
const LAST = 0x3fff_f000n;
const U64_MAX = (1n << 64n) - 1n;
/** The list of the recorded calls: entry i maps the i-th MiB, from 1 MiB on. */
const tces = (count: number) => Array.from({ length: count }, (_, i) => (BigInt(i + 1) << 20n) | 3n);

describe('H_PUT_TCE_INDIRECT, in the order of its checks', () => {
  test.each`
    case                             | liobn             | at              | npages     | tceList          | status           | changed
    ${'a LIOBN of no table'}         | ${0x1234n}        | ${0n}           | ${1n}      | ${LIST}          | ${'H_PARAMETER'} | ${false}
    ${'a LIOBN with bit 32 set'}     | ${0x1_8000_0000n} | ${0n}           | ${1n}      | ${LIST}          | ${'H_PARAMETER'} | ${false}
    ${'513 pages'}                   | ${L0}             | ${0n}           | ${513n}    | ${LIST}          | ${'H_PARAMETER'} | ${false}
    ${'2^64 - 1 pages'}              | ${L0}             | ${0n}           | ${U64_MAX} | ${LIST}          | ${'H_PARAMETER'} | ${false}
    ${'a list at 8 in its page'}     | ${L0}             | ${0n}           | ${1n}      | ${LIST + 8n}     | ${'H_PARAMETER'} | ${false}
    ${'a list in mid-page'}          | ${L0}             | ${0n}           | ${1n}      | ${LIST + 0x800n} | ${'H_PARAMETER'} | ${false}
    ${'no pages'}                    | ${L0}             | ${0n}           | ${0n}      | ${LIST}          | ${'H_PARAMETER'} | ${false}
    ${'one page past the end'}       | ${L0}             | ${0x4000_0000n} | ${1n}      | ${LIST}          | ${'H_PARAMETER'} | ${false}
    ${'below a dynamic window'}      | ${L1}             | ${DYNAMIC - 1n} | ${2n}      | ${LIST}          | ${'H_PARAMETER'} | ${false}
    ${'one page'}                    | ${L0}             | ${0n}           | ${1n}      | ${LIST}          | ${'H_SUCCESS'}   | ${true}
    ${'one page from within a page'} | ${L0}             | ${0x90_0fffn}   | ${1n}      | ${LIST}          | ${'H_SUCCESS'}   | ${true}
    ${'512 pages'}                   | ${L0}             | ${0n}           | ${512n}    | ${LIST}          | ${'H_SUCCESS'}   | ${true}
    ${'over the end'}                | ${L0}             | ${LAST}         | ${2n}      | ${LIST}          | ${'H_PARAMETER'} | ${true}
    ${'a list at the end of all'}    | ${L0}             | ${0n}           | ${1n}      | ${1n << 63n}     | ${'H_SUCCESS'}   | ${true}
    ${'all of a dynamic window'}     | ${L1}             | ${DYNAMIC}      | ${16n}     | ${LIST}          | ${'H_SUCCESS'}   | ${true}
    ${'more than a window has'}      | ${L1}             | ${DYNAMIC}      | ${17n}     | ${LIST}          | ${'H_PARAMETER'} | ${true}
  `('H_PUT_TCE_INDIRECT: $case → $status', ({ liobn, at, npages, tceList, status, changed }) => {
    const stepped = send(qemu, indirect(liobn, at, tces(512), { npages, tceList }));
    expect(statusOf(stepped)).toBe(status);
    if (changed) expect(tceIn(stepped.qemu, Number(liobn), at)).toBe(0x10_0003n);
    else expect(stepped.qemu.context).toBe(qemu.context);
  });

  test('H_PUT_TCE_INDIRECT: a slot without a window → H_PARAMETER', () => {
    const plain = running();
    const stepped = send(plain, indirect(L1, DYNAMIC, tces(1)));
    expect(statusOf(stepped)).toBe('H_PARAMETER');
    expect(stepped.qemu.context).toBe(plain.context);
  });
});

describe('what H_PUT_TCE_INDIRECT writes', () => {
  test('is the list in its order, and no page more', () => {
    const { qemu: done } = send(qemu, indirect(L0, 0x10_0000n, tces(512)));
    expect(tceIn(done, L0, 0xf_f000n)).toBe(0n);
    expect(tceIn(done, L0, 0x10_0000n)).toBe(0x10_0003n);
    expect(tceIn(done, L0, 0x10_1000n)).toBe(0x20_0003n);
    expect(tceIn(done, L0, 0x2f_f000n)).toBe(0x2000_0003n);
    expect(tceIn(done, L0, 0x30_0000n)).toBe(0n);
  });

  test('before the end of the window stays, when the rest is refused', () => {
    const stepped = send(qemu, indirect(L0, 0x3fff_e000n, tces(4)));
    expect(statusOf(stepped)).toBe('H_PARAMETER');
    expect(tceIn(stepped.qemu, L0, 0x3fff_e000n)).toBe(0x10_0003n);
    expect(tceIn(stepped.qemu, L0, LAST)).toBe(0x20_0003n);
  });

  test('is 0 where the list is not in memory', () => {
    const mapped = running({}, put(L0, 0x1000n, 0x123_4003n), put(L0, 0x2000n, 0x123_4003n));
    const stepped = send(mapped, indirect(L0, 0x1000n, [5n], { npages: 2n, tceList: 0x2000_0000n }));
    expect(statusOf(stepped)).toBe('H_SUCCESS');
    expect([tceIn(stepped.qemu, L0, 0x1000n), tceIn(stepped.qemu, L0, 0x2000n)]).toEqual([5n, 0n]);
  });

  test('goes round where the window spans the whole address space', () => {
    const ring = running(
      {
        devices: [
          { driver: 'spapr-pci-host-bridge', index: 0, pgsz: U64_MAX, dma64WinAddr: ioba(1n << 60n) },
        ],
      },
      create(60, 64),
    );
    const stepped = send(ring, indirect(L1, 0n, [1n, 2n, 3n]));
    expect(statusOf(stepped)).toBe('H_SUCCESS');
    expect([0n, 1n, 2n, 3n].map((index) => tceIn(stepped.qemu, L1, index << 60n))).toEqual([1n, 2n, 3n, 0n]);
  });
});

describe('the line of H_PUT_TCE_INDIRECT in the log', () => {
  test.each`
    case                                                               | liobn | at              | npages  | line
    ${'has the address as given, the last index and TCE'}              | ${L0} | ${0x10_0abcn}   | ${512n} | ${'ioba=0x100abc tcelist=0x400000 iobaN=511 tceN=0x20000003 ret=0'}
    ${'of one page has index 0 and that TCE'}                          | ${L0} | ${0n}           | ${1n}   | ${'ioba=0x0 tcelist=0x400000 iobaN=0 tceN=0x100003 ret=0'}
    ${'of a failure has the last index done, and the TCE that failed'} | ${L0} | ${0x3fff_e000n} | ${4n}   | ${'ioba=0x3fffe000 tcelist=0x400000 iobaN=1 tceN=0x300003 ret=-4'}
    ${'of a failure at once has index 0 and the first TCE'}            | ${L0} | ${0x4000_0000n} | ${4n}   | ${'ioba=0x40000000 tcelist=0x400000 iobaN=0 tceN=0x100003 ret=-4'}
    ${'of no pages has TCE 0'}                                         | ${L0} | ${0x1_0000n}    | ${0n}   | ${'ioba=0x10000 tcelist=0x400000 iobaN=0 tceN=0x0 ret=-4'}
  `('$case', ({ liobn, at, npages, line }) => {
    expect(linesOf(send(qemu, indirect(liobn, at, tces(512), { npages })))).toEqual([
      `iommu_indirect liobn=0x80000000 ${line}`,
    ]);
  });

  test('is missing where the call was refused before its loop', () => {
    expect(linesOf(send(qemu, indirect(0x1234, 0n, tces(1))))).toEqual([]);
    expect(linesOf(send(qemu, indirect(L0, 0n, tces(1), { npages: 513n })))).toEqual([]);
    expect(linesOf(send(qemu, indirect(L0, 0n, tces(1), { tceList: LIST + 8n })))).toEqual([]);
  });

  test('is there for a slot without a window, and for a stuck one', () => {
    for (const machine of [running(), running({}, create(16, 50))]) {
      expect(linesOf(send(machine, indirect(L1, DYNAMIC + 0x1_2345n, tces(2))))).toEqual([
        'iommu_indirect liobn=0x80000001 ioba=0x800000000012345 tcelist=0x400000 iobaN=0 tceN=0x100003 ret=-4',
      ]);
    }
  });
});

test('notifiers hear MAP and UNMAP entry by entry, also of what was done before a failure', () => {
  const heard = running({}, register());
  const stepped = send(heard, indirect(L0, 0x3fff_d000n, [0x1001n, 0x2000n, 0x3002n, 0x4003n]));
  const told = stepped.sent.filter((message) => message.type === 'iommu-notify');
  expect(
    told.map(({ phb, kind, iova, translated, addrMask, perm }) => [
      phb,
      kind,
      iova,
      translated,
      addrMask,
      perm,
    ]),
  ).toEqual([
    [0, 'MAP', 0x3fff_d000n, 0x1000n, 0xfffn, 1],
    [0, 'UNMAP', 0x3fff_e000n, 0x2000n, 0xfffn, 0],
    [0, 'MAP', 0x3fff_f000n, 0x3000n, 0xfffn, 2],
  ]);
  expect(stepped.sent.slice(3).map(({ type }) => type)).toEqual(['trace', 'hcall-return']);
});
