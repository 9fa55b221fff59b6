import { bytes, ioba } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import {
  create,
  DYNAMIC,
  get,
  hcallAnswer,
  L0,
  L1,
  linesOf,
  put,
  running,
  send,
  statusOf,
  tceIn,
} from './machine.ts';

const qemu = running({}, create(16, 20));
const stuck = running({}, create(16, 50));

describe('H_PUT_TCE, in the order of its checks', () => {
  test.each`
    case                                          | liobn                     | at                        | status
    ${'a LIOBN of no table'}                      | ${0x1234n}                | ${0n}                     | ${'H_PARAMETER'}
    ${'a LIOBN with bit 32 set'}                  | ${0x1_8000_0000n}         | ${0n}                     | ${'H_PARAMETER'}
    ${'a LIOBN whose sign was extended'}          | ${0xffff_ffff_8000_0000n} | ${0n}                     | ${'H_PARAMETER'}
    ${'another PHB’s LIOBN'}                      | ${0x8000_0100n}           | ${0n}                     | ${'H_PARAMETER'}
    ${'the first page'}                           | ${L0}                     | ${0n}                     | ${'H_SUCCESS'}
    ${'between two pages'}                        | ${L0}                     | ${0x2abcn}                | ${'H_SUCCESS'}
    ${'the last page'}                            | ${L0}                     | ${0x3fff_f000n}           | ${'H_SUCCESS'}
    ${'the last byte'}                            | ${L0}                     | ${0x3fff_ffffn}           | ${'H_SUCCESS'}
    ${'the first page past the end'}              | ${L0}                     | ${0x4000_0000n}           | ${'H_PARAMETER'}
    ${'an address that is the window’s mod 2^32'} | ${L0}                     | ${0x1_0000_0000n}         | ${'H_PARAMETER'}
    ${'the highest address'}                      | ${L0}                     | ${0xffff_ffff_ffff_ffffn} | ${'H_PARAMETER'}
    ${'the first page of a dynamic window'}       | ${L1}                     | ${DYNAMIC}                | ${'H_SUCCESS'}
    ${'the last byte of a dynamic window'}        | ${L1}                     | ${DYNAMIC + 0xf_ffffn}    | ${'H_SUCCESS'}
    ${'the first page past a dynamic window'}     | ${L1}                     | ${DYNAMIC + 0x10_0000n}   | ${'H_PARAMETER'}
    ${'the page below a dynamic window'}          | ${L1}                     | ${DYNAMIC - 1n}           | ${'H_PARAMETER'}
    ${'0 in a dynamic window'}                    | ${L1}                     | ${0n}                     | ${'H_PARAMETER'}
  `('H_PUT_TCE: $case → $status', ({ liobn, at, status }) => {
    const stepped = send(qemu, put(liobn, at, 0x5003n));
    expect(hcallAnswer(stepped)).toEqual({ status, tce: null });
    if (status === 'H_SUCCESS') expect(tceIn(stepped.qemu, Number(liobn), at)).toBe(0x5003n);
    else expect(stepped.qemu.context).toBe(qemu.context);
  });

  test('H_PUT_TCE: a slot without a window → H_PARAMETER', () => {
    const plain = running();
    const stepped = send(plain, put(L1, DYNAMIC, 3n));
    expect(statusOf(stepped)).toBe('H_PARAMETER');
    expect(stepped.qemu.context).toBe(plain.context);
  });

  test('H_PUT_TCE: a stuck slot → H_PARAMETER', () => {
    const stepped = send(stuck, put(L1, DYNAMIC, 3n));
    expect(statusOf(stepped)).toBe('H_PARAMETER');
    expect(stepped.qemu.context).toBe(stuck.context);
  });
});

test('all 64 bits of a TCE are stored, whatever they say', () => {
  for (const tce of [0xfedc_ba98_7654_3fffn, 0x7000_0000_0003n, 0x9000n, 0n, (1n << 64n) - 1n]) {
    expect(tceIn(send(qemu, put(L0, 0x1000n, tce)).qemu, L0, 0x1000n)).toBe(tce);
  }
});

test('a put touches its own entry only, in its own table only', () => {
  const put7 = send(qemu, put(L0, 0x7000n, 0x5003n)).qemu;
  expect(tceIn(put7, L0, 0x6000n)).toBe(0n);
  expect(tceIn(put7, L0, 0x8000n)).toBe(0n);
  expect(tceIn(put7, L1, DYNAMIC)).toBe(0n);
});

test('a window that does not start on a page of its own is addressed by pages of the address space', () => {
  const phb = { driver: 'spapr-pci-host-bridge', index: 1 } as const;
  const odd = running({
    devices: [{ ...phb, dmaWinAddr: ioba(0x1800n), dmaWinSize: bytes(0x3000n) }],
  });
  const liobn = 0x8000_0100;
  expect(statusOf(send(odd, put(liobn, 0x1fffn, 3n)))).toBe('H_PARAMETER');
  const first = send(odd, put(liobn, 0x2000n, 0x5003n));
  expect(statusOf(first)).toBe('H_SUCCESS');
  expect(tceIn(first.qemu, liobn, 0x2fffn)).toBe(0x5003n);
  expect(statusOf(send(odd, get(liobn, 0x4000n)))).toBe('H_SUCCESS');
  expect(statusOf(send(odd, get(liobn, 0x5000n)))).toBe('H_PARAMETER');
});

describe('the line of H_PUT_TCE in the log', () => {
  test.each`
    case                                                   | machine      | liobn      | at                        | line
    ${'has the address rounded down to its page'}          | ${qemu}      | ${L0}      | ${0x2abcn}                | ${'liobn=0x80000000 ioba=0x2000 tce=0x5003 ret=0'}
    ${'has the address rounded down on failure too'}       | ${qemu}      | ${L0}      | ${0xffff_ffff_ffff_ffffn} | ${'liobn=0x80000000 ioba=0xfffffffffffff000 tce=0x5003 ret=-4'}
    ${'is rounded by the page size of the window'}         | ${qemu}      | ${L1}      | ${DYNAMIC + 0x1_2345n}    | ${'liobn=0x80000001 ioba=0x800000000010000 tce=0x5003 ret=0'}
    ${'has the address as given where no table is'}        | ${qemu}      | ${0x1234n} | ${0x2abcn}                | ${'liobn=0x1234 ioba=0x2abc tce=0x5003 ret=-4'}
    ${'has the address as given in a slot without window'} | ${running()} | ${L1}      | ${0x2abcn}                | ${'liobn=0x80000001 ioba=0x2abc tce=0x5003 ret=-4'}
    ${'is rounded by the page size of a failed create'}    | ${stuck}     | ${L1}      | ${DYNAMIC + 0x1_2345n}    | ${'liobn=0x80000001 ioba=0x800000000010000 tce=0x5003 ret=-4'}
  `('$case', ({ machine, liobn, at, line }) => {
    const stepped = send(machine, put(liobn, at, 0x5003n));
    expect(linesOf(stepped)).toEqual([`iommu_put ${line}`]);
    expect(stepped.sent.at(-1)!.type).toBe('hcall-return');
  });
});
