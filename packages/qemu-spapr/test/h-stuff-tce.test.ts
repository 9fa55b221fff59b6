import { ioba } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import {
  create,
  DYNAMIC,
  enabled,
  get,
  L0,
  L1,
  linesOf,
  namesOf,
  put,
  register,
  running,
  send,
  statusOf,
  stuff,
  tceIn,
} from './machine.ts';

const qemu = running({}, create(16, 20));
const NB = 0x4_0000n;
const LAST = 0x3fff_f000n;
const U64_MAX = (1n << 64n) - 1n;

/** What the pages at these addresses hold after a STUFF. */
const heldAfter = (liobn: number, at: bigint, value: bigint, npages: bigint, pages: readonly bigint[]) => {
  const stepped = send(qemu, stuff(liobn, at, value, npages));
  return { status: statusOf(stepped), held: pages.map((page) => tceIn(stepped.qemu, liobn, page)) };
};

describe('H_STUFF_TCE, in the order of its checks', () => {
  test.each`
    case                                       | liobn             | at                     | npages       | status           | written
    ${'a LIOBN of no table'}                   | ${0x1234n}        | ${0n}                  | ${1n}        | ${'H_PARAMETER'} | ${0}
    ${'a LIOBN with bit 32 set'}               | ${0x1_8000_0000n} | ${0n}                  | ${1n}        | ${'H_PARAMETER'} | ${0}
    ${'one page more than the table'}          | ${L0}             | ${0n}                  | ${NB + 1n}   | ${'H_PARAMETER'} | ${0}
    ${'2^63 pages'}                            | ${L0}             | ${0n}                  | ${1n << 63n} | ${'H_PARAMETER'} | ${0}
    ${'2^64 - 1 pages'}                        | ${L0}             | ${0n}                  | ${U64_MAX}   | ${'H_PARAMETER'} | ${0}
    ${'no pages'}                              | ${L0}             | ${0n}                  | ${0n}        | ${'H_PARAMETER'} | ${0}
    ${'no pages past the end'}                 | ${L0}             | ${0x4000_0000n}        | ${0n}        | ${'H_PARAMETER'} | ${0}
    ${'one page past the end'}                 | ${L0}             | ${0x4000_0000n}        | ${1n}        | ${'H_PARAMETER'} | ${0}
    ${'one page'}                              | ${L0}             | ${0n}                  | ${1n}        | ${'H_SUCCESS'}   | ${1}
    ${'three pages'}                           | ${L0}             | ${0x1_0000n}           | ${3n}        | ${'H_SUCCESS'}   | ${3}
    ${'three pages from within a page'}        | ${L0}             | ${0x1_0fffn}           | ${3n}        | ${'H_SUCCESS'}   | ${3}
    ${'513 pages'}                             | ${L0}             | ${0n}                  | ${513n}      | ${'H_SUCCESS'}   | ${513}
    ${'the whole table'}                       | ${L0}             | ${0n}                  | ${NB}        | ${'H_SUCCESS'}   | ${0x4_0000}
    ${'the last page'}                         | ${L0}             | ${LAST}                | ${1n}        | ${'H_SUCCESS'}   | ${1}
    ${'over the end'}                          | ${L0}             | ${LAST}                | ${2n}        | ${'H_PARAMETER'} | ${1}
    ${'as many as the table has, one too far'} | ${L0}             | ${0x1000n}             | ${NB}        | ${'H_PARAMETER'} | ${0x3_ffff}
    ${'below a dynamic window'}                | ${L1}             | ${DYNAMIC - 0x1_0000n} | ${2n}        | ${'H_PARAMETER'} | ${0}
    ${'all of a dynamic window'}               | ${L1}             | ${DYNAMIC}             | ${16n}       | ${'H_SUCCESS'}   | ${16}
    ${'more than a dynamic window has'}        | ${L1}             | ${DYNAMIC}             | ${17n}       | ${'H_PARAMETER'} | ${0}
  `('H_STUFF_TCE: $case → $status, $written written', ({ liobn, at, npages, status, written }) => {
    const stepped = send(qemu, stuff(liobn, at, 0x9003n, npages));
    expect(statusOf(stepped)).toBe(status);
    const costs = stepped.sent.filter((message) => message.type === 'cost');
    expect(costs.map(({ operation, count }) => [operation, count])).toEqual(
      written > 0 ? [['table-write', written]] : [],
    );
    if (written === 0) expect(stepped.qemu.context).toBe(qemu.context);
  });

  test('H_STUFF_TCE: a slot without a window → H_PARAMETER, with and without pages', () => {
    const plain = running();
    for (const npages of [0n, 1n]) {
      const stepped = send(plain, stuff(L1, DYNAMIC, 0n, npages));
      expect(statusOf(stepped)).toBe('H_PARAMETER');
      expect(stepped.qemu.context).toBe(plain.context);
    }
  });
});

describe('what H_STUFF_TCE writes', () => {
  test('every page of the range, and no other', () => {
    const pages = [0xf000n, 0x1_0000n, 0x1_1000n, 0x1_2000n, 0x1_3000n];
    const held = [0n, 0x9003n, 0x9003n, 0x9003n, 0n];
    expect(heldAfter(L0, 0x1_0000n, 0x9003n, 3n, pages)).toEqual({ status: 'H_SUCCESS', held });
    expect(heldAfter(L0, 0x1_0fffn, 0x9003n, 3n, pages)).toEqual({ status: 'H_SUCCESS', held });
  });

  test('the value as it is given, permissions too', () => {
    expect(heldAfter(L0, 0n, U64_MAX, 1n, [0n]).held).toEqual([U64_MAX]);
  });

  test('what lies before the end of the window stays written when the rest is refused', () => {
    expect(heldAfter(L0, LAST, 0xb003n, 2n, [LAST, 0n])).toEqual({
      status: 'H_PARAMETER',
      held: [0xb003n, 0n],
    });
    expect(heldAfter(L0, 0x1000n, 0xc003n, NB, [0n, 0x1000n, LAST])).toEqual({
      status: 'H_PARAMETER',
      held: [0n, 0xc003n, 0xc003n],
    });
  });

  test('2^31 pages at once', () => {
    const large = running({}, create(12, 43), stuff(L1, DYNAMIC, 0x9003n, 1n << 31n));
    expect(tceIn(large, L1, DYNAMIC + (1n << 43n) - 1n)).toBe(0x9003n);
    expect(statusOf(send(large, stuff(L1, DYNAMIC, 0n, 1n << 32n)))).toBe('H_PARAMETER');
  });
});

describe('the line of H_STUFF_TCE in the log', () => {
  test.each`
    case                                         | liobn | at           | npages  | line
    ${'has the address after the last page'}     | ${L0} | ${0x1_0fffn} | ${512n} | ${'liobn=0x80000000 ioba=0x210000 tcevalue=0x9003 npages=0x200 ret=0'}
    ${'has the address of the page that failed'} | ${L0} | ${LAST}      | ${4n}   | ${'liobn=0x80000000 ioba=0x40000000 tcevalue=0x9003 npages=0x4 ret=-4'}
    ${'counts in the window’s pages'}            | ${L1} | ${DYNAMIC}   | ${2n}   | ${'liobn=0x80000001 ioba=0x800000000020000 tcevalue=0x9003 npages=0x2 ret=0'}
    ${'of no pages has the rounded address'}     | ${L0} | ${0x4_0abcn} | ${0n}   | ${'liobn=0x80000000 ioba=0x40000 tcevalue=0x9003 npages=0x0 ret=-4'}
  `('$case', ({ liobn, at, npages, line }) => {
    expect(linesOf(send(qemu, stuff(liobn, at, 0x9003n, npages)))).toEqual([`iommu_stuff ${line}`]);
  });

  test('is missing where the call was refused before its loop', () => {
    expect(linesOf(send(qemu, stuff(0x1234, 0n, 0n, 1n)))).toEqual([]);
    expect(linesOf(send(qemu, stuff(L0, 0n, 0n, NB + 1n)))).toEqual([]);
    expect(linesOf(send(running(), stuff(L1, 0n, 0n, 1n)))).toEqual([]);
  });

  test('is there for no pages in a slot without a window, with the address as given', () => {
    expect(linesOf(send(running(), stuff(L1, 0x2abcn, 0n, 0n)))).toEqual([
      'iommu_stuff liobn=0x80000001 ioba=0x2abc tcevalue=0x0 npages=0x0 ret=-4',
    ]);
  });

  test('is rounded by the page size of a failed create in a stuck slot', () => {
    const stuck = running({}, create(16, 50));
    expect(linesOf(send(stuck, stuff(L1, DYNAMIC + 0x1_2345n, 0n, 0n)))).toEqual([
      'iommu_stuff liobn=0x80000001 ioba=0x800000000010000 tcevalue=0x0 npages=0x0 ret=-4',
    ]);
  });
});

describe('a window that reaches the end of the address space', () => {
  const all = (1n << 64n) - 1n;
  const phb = (dma64WinAddr: bigint) =>
    ({
      driver: 'spapr-pci-host-bridge',
      index: 0,
      pgsz: all,
      dma64WinAddr: ioba(dma64WinAddr),
    }) as const;

  test('is written to its end, and not beyond', () => {
    const start = 0xffff_fff0_0000_0000n;
    const top = running({ devices: [phb(start)] }, create(16, 36));
    const page = (index: bigint) => BigInt.asUintN(64, start + (index << 16n));
    const done = send(top, stuff(L1, page(0xffffen), 3n, 3n));
    expect(statusOf(done)).toBe('H_PARAMETER');
    expect(tceIn(done.qemu, L1, page(0xfffffn))).toBe(3n);
    expect(tceIn(done.qemu, L1, page(0n))).toBe(0n);
  });

  test('and spans it all is written round, from its last page to its first', () => {
    // 2^4 pages of 2^60 bytes: the address after the last page is 0 again.
    const ring = running({ devices: [phb(1n << 60n)] }, create(60, 64));
    const done = send(ring, stuff(L1, 0n, 7n, 3n));
    expect(statusOf(done)).toBe('H_SUCCESS');
    const held = Array.from({ length: 16 }, (_, index) => tceIn(done.qemu, L1, BigInt(index) << 60n));
    expect(held.map(Number)).toEqual([7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(enabled(done.qemu, L1).nbTable).toBe(16);
    expect(statusOf(send(done.qemu, get(L1, all)))).toBe('H_SUCCESS');
  });

  test('and has more entries than there are addresses is written round as often as asked', () => {
    // 2^31 entries of 2^63 bytes, of which two can be addressed.
    const twice = running({ devices: [phb(0n)] }, create(63, 94));
    const done = send(twice, stuff(L1, 0n, 7n, 1n << 31n));
    expect(statusOf(done)).toBe('H_SUCCESS');
    expect([tceIn(done.qemu, L1, 0n), tceIn(done.qemu, L1, 1n << 63n)]).toEqual([7n, 7n]);
    expect(linesOf(done)).toEqual([
      'iommu_stuff liobn=0x80000001 ioba=0x0 tcevalue=0x7 npages=0x80000000 ret=0',
    ]);
  });
});

test('notifiers hear of every page that was written, before the line', () => {
  const heard = running({}, create(16, 20), register(), put(L1, DYNAMIC, 3n));
  const stepped = send(heard, stuff(L1, DYNAMIC + 0xe_0000n, 0x12_0001n, 3n));
  expect(namesOf(stepped)).toEqual([
    'iommu-notify',
    'iommu-notify',
    'cost',
    'spapr_iommu_stuff',
    'hcall-return',
  ]);
  const told = stepped.sent.filter((message) => message.type === 'iommu-notify');
  expect(
    told.map(({ kind, iova, translated, addrMask, perm }) => [kind, iova, translated, addrMask, perm]),
  ).toEqual([
    ['MAP', 0xe_0000n, 0x12_0000n, 0xffffn, 1],
    ['MAP', 0xf_0000n, 0x12_0000n, 0xffffn, 1],
  ]);
});
