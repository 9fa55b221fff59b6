import { expect, test } from 'vitest';
import { create, DYNAMIC, get, hcallAnswer, L0, L1, linesOf, put, running, send } from './machine.ts';

const qemu = running({}, create(16, 20), put(L0, 0x3000n, 0x5003n), put(L1, DYNAMIC, 0x7001n));
const stuck = running({}, create(16, 50));

test.each`
  case                                 | liobn             | at                        | status           | tce
  ${'a LIOBN of no table'}             | ${0x1234n}        | ${0x3000n}                | ${'H_PARAMETER'} | ${null}
  ${'a LIOBN with bit 32 set'}         | ${0x1_8000_0000n} | ${0x3000n}                | ${'H_PARAMETER'} | ${null}
  ${'a page never written'}            | ${L0}             | ${0n}                     | ${'H_SUCCESS'}   | ${0n}
  ${'a page that was written'}         | ${L0}             | ${0x3000n}                | ${'H_SUCCESS'}   | ${0x5003n}
  ${'within a page that was written'}  | ${L0}             | ${0x3fffn}                | ${'H_SUCCESS'}   | ${0x5003n}
  ${'the first page past the end'}     | ${L0}             | ${0x4000_0000n}           | ${'H_PARAMETER'} | ${null}
  ${'the highest address'}             | ${L0}             | ${0xffff_ffff_ffff_ffffn} | ${'H_PARAMETER'} | ${null}
  ${'a dynamic window'}                | ${L1}             | ${DYNAMIC + 0xffffn}      | ${'H_SUCCESS'}   | ${0x7001n}
  ${'the page below a dynamic window'} | ${L1}             | ${DYNAMIC - 1n}           | ${'H_PARAMETER'} | ${null}
`('H_GET_TCE: $case → $status', ({ liobn, at, status, tce }) => {
  const stepped = send(qemu, get(liobn, at));
  expect(hcallAnswer(stepped)).toEqual({ status, tce });
  expect(stepped.qemu.context).toBe(qemu.context);
});

test.each`
  case                                                     | machine      | liobn      | at                     | line
  ${'has the rounded address and the TCE'}                 | ${qemu}      | ${L0}      | ${0x3abcn}             | ${'liobn=0x80000000 ioba=0x3000 ret=0 tce=0x5003'}
  ${'of a refused call has TCE 0'}                         | ${qemu}      | ${L0}      | ${0x4000_0abcn}        | ${'liobn=0x80000000 ioba=0x40000000 ret=-4 tce=0x0'}
  ${'has the address as given where no table is'}          | ${qemu}      | ${0x1234n} | ${0x3abcn}             | ${'liobn=0x1234 ioba=0x3abc ret=-4 tce=0x0'}
  ${'has the address as given in a slot without a window'} | ${running()} | ${L1}      | ${0x3abcn}             | ${'liobn=0x80000001 ioba=0x3abc ret=-4 tce=0x0'}
  ${'is rounded by the page size of a failed create'}      | ${stuck}     | ${L1}      | ${DYNAMIC + 0x1_2345n} | ${'liobn=0x80000001 ioba=0x800000000010000 ret=-4 tce=0x0'}
`('the line of H_GET_TCE $case', ({ machine, liobn, at, line }) => {
  expect(linesOf(send(machine, get(liobn, at)))).toEqual([`iommu_get ${line}`]);
});
