import { bytes, ioba, type RtasCall } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { isUpTo, type MachineVersion, QEMU_7_2 } from '../src/index.ts';
import {
  buidCells,
  cellsOf,
  configured,
  create,
  DYNAMIC,
  L0,
  L1,
  linesOf,
  put,
  query,
  remove,
  reset,
  rtas,
  rtasAnswer,
  running,
  send,
  stuff,
  systemReset,
  tceIn,
  windowsAt,
} from './machine.ts';

const qemu = running();
const PHB0 = [0, ...buidCells(0)] as const;
const DEFAULT = '0 0x0 262144 x 2^12';
const phb = { driver: 'spapr-pci-host-bridge', index: 0 } as const;

/** The call is refused with that status alone, in silence, and leaves the very same state. */
function expectRefused(machine: typeof qemu, call: RtasCall, status: string) {
  const stepped = send(machine, call);
  expect(cellsOf(stepped)).toEqual([status]);
  expect(rtasAnswer(stepped)).toMatchObject({ call: call.type, thread: 'vcpu0', hcallStatus: 'H_SUCCESS' });
  expect(stepped.sent).toHaveLength(1);
  expect(stepped.qemu.context).toBe(machine.context);
}

describe('ibm,query-pe-dma-window, in the order of its checks', () => {
  test.each`
    case                    | args                              | nret | cells
    ${'2 arguments'}        | ${[0, 0x0800_0000]}               | ${5} | ${['PARAM_ERROR']}
    ${'4 arguments'}        | ${[...PHB0, 0]}                   | ${5} | ${['PARAM_ERROR']}
    ${'4 return cells'}     | ${PHB0}                           | ${4} | ${['PARAM_ERROR']}
    ${'7 return cells'}     | ${PHB0}                           | ${7} | ${['PARAM_ERROR']}
    ${'1 return cell'}      | ${PHB0}                           | ${1} | ${['PARAM_ERROR']}
    ${'a PHB that is not'}  | ${[0, ...buidCells(1)]}           | ${5} | ${['PARAM_ERROR']}
    ${'BUID 0'}             | ${[0, 0, 0]}                      | ${5} | ${['PARAM_ERROR']}
    ${'only the low BUID'}  | ${[0, 0, 0x2000_0000]}            | ${5} | ${['PARAM_ERROR']}
    ${'5 return cells'}     | ${PHB0}                           | ${5} | ${['SUCCESS', 1, 0x8000_0000, 0x107, 0]}
    ${'6 return cells'}     | ${PHB0}                           | ${6} | ${['SUCCESS', 1, 0x20, 0, 0x107, 0]}
    ${'any config address'} | ${[0xffff_ffff, ...buidCells(0)]} | ${5} | ${['SUCCESS', 1, 0x8000_0000, 0x107, 0]}
  `('query: $case → $cells.0', ({ args, nret, cells }) => {
    const call = rtas('ibm,query-pe-dma-window', args, nret);
    if (cells.length === 1) expectRefused(qemu, call, cells[0]);
    else expect(cellsOf(send(qemu, call))).toEqual(cells);
    expect(send(qemu, call).qemu.context).toBe(qemu.context);
  });

  test('it counts the windows that are left: 2 less those that exist', () => {
    expect(cellsOf(send(running({}, create(16, 30)), query()))[1]).toBe(0);
    expect(cellsOf(send(running({}, remove(L0)), query()))[1]).toBe(2);
  });

  test('its line has the 5-output size in both forms', () => {
    for (const nret of [5, 6]) {
      const call = rtas('ibm,query-pe-dma-window', [0x800, ...buidCells(0)], nret);
      expect(linesOf(send(qemu, call))).toEqual([
        'iommu_ddw_query buid=0x800000020000000 cfgaddr=2048 windowsAvailable=1 maxWindowSize=0x80000000 mask=263',
      ]);
    }
  });

  test.each`
    pgsz              | mask
    ${1n << 12n}      | ${0x1}
    ${1n << 16n}      | ${0x2}
    ${1n << 24n}      | ${0x4}
    ${1n << 25n}      | ${0x8}
    ${1n << 26n}      | ${0x10}
    ${1n << 27n}      | ${0x20}
    ${1n << 28n}      | ${0x40}
    ${1n << 34n}      | ${0x80}
    ${1n << 21n}      | ${0x100}
    ${1n << 13n}      | ${0}
    ${0x4011000n}     | ${0x13}
    ${2n ** 64n - 1n} | ${0x1ff}
  `('page sizes $pgsz are reported as $mask', ({ pgsz, mask }) => {
    expect(cellsOf(send(running({ devices: [{ ...phb, pgsz }] }), query()))[3]).toBe(mask);
  });

  test.each`
    machine           | ddw      | mask
    ${'pseries-2.6'}  | ${false} | ${undefined}
    ${'pseries-2.7'}  | ${true}  | ${0x3}
    ${'pseries-4.1'}  | ${true}  | ${0x3}
    ${'pseries-4.2'}  | ${true}  | ${0x107}
    ${'pseries-7.2'}  | ${true}  | ${0x107}
    ${'pseries-10.0'} | ${true}  | ${0x107}
  `('$machine: dynamic windows $ddw, page sizes $mask', ({ machine, ddw, mask }) => {
    const old = running({ config: { ...QEMU_7_2, machine } });
    const cells = cellsOf(send(old, query()));
    expect([cells[0], cells[3]]).toEqual([ddw ? 'SUCCESS' : 'PARAM_ERROR', mask]);
    expect(old.context.tables).toHaveLength(ddw ? 2 : 1);
    if (mask === 0x3) expectRefused(old, create(24, 34), 'PARAM_ERROR');
  });

  test('a PHB’s own properties win over those of the machine version', () => {
    const old: MachineVersion = 'pseries-2.6';
    const own = running({
      config: { ...QEMU_7_2, machine: old },
      devices: [{ ...phb, ddw: true, pgsz: 0x1000n }],
    });
    expect(cellsOf(send(own, query()))).toEqual(['SUCCESS', 1, 0x8000_0000, 1, 0]);
    expect([isUpTo(old, 2, 5), isUpTo(old, 2, 6), isUpTo('pseries-3.0', 2, 6)]).toEqual([false, true, false]);
  });

  test('a QEMU without the 6-output form refuses it; one without the 2M bit leaves it out', () => {
    const before = running({ config: configured({}, { sixOutputQuery: false, queryReports2M: false }) });
    expectRefused(before, query(0, 6), 'PARAM_ERROR');
    expect(cellsOf(send(before, query()))[3]).toBe(0x7);
    expect(cellsOf(send(before, create(21, 31)))[0]).toBe('SUCCESS');
  });

  test('a QEMU without dynamic windows has no token for the four calls', () => {
    const before = running({ config: configured({}, { ddwCalls: false }) });
    for (const call of [query(), create(16, 30), remove(L0), reset()]) {
      const stepped = send(before, call);
      expect(rtasAnswer(stepped)).toMatchObject({
        status: 'PARAM_ERROR',
        outputs: [],
        hcallStatus: 'H_PARAMETER',
      });
      expect(stepped.qemu.context).toBe(before.context);
    }
  });
});

describe('ibm,create-pe-dma-window, in the order of its checks', () => {
  const full = running({}, create(16, 30));
  test.each`
    case                                       | machine | args                            | nret | status
    ${'4 arguments'}                           | ${qemu} | ${[...PHB0, 16]}                | ${4} | ${'PARAM_ERROR'}
    ${'6 arguments'}                           | ${qemu} | ${[...PHB0, 16, 30, 0]}         | ${4} | ${'PARAM_ERROR'}
    ${'3 return cells'}                        | ${qemu} | ${[...PHB0, 16, 30]}            | ${3} | ${'PARAM_ERROR'}
    ${'5 return cells'}                        | ${qemu} | ${[...PHB0, 16, 30]}            | ${5} | ${'PARAM_ERROR'}
    ${'a PHB that is not'}                     | ${qemu} | ${[0, ...buidCells(1), 16, 30]} | ${4} | ${'PARAM_ERROR'}
    ${'a page size that is not offered'}       | ${qemu} | ${[...PHB0, 13, 30]}            | ${4} | ${'PARAM_ERROR'}
    ${'pages of one byte'}                     | ${qemu} | ${[...PHB0, 0, 30]}             | ${4} | ${'PARAM_ERROR'}
    ${'a window smaller than its page'}        | ${qemu} | ${[...PHB0, 16, 15]}            | ${4} | ${'PARAM_ERROR'}
    ${'a window shift of 0'}                   | ${qemu} | ${[...PHB0, 16, 0]}             | ${4} | ${'PARAM_ERROR'}
    ${'a third window with a wrong page size'} | ${full} | ${[...PHB0, 13, 30]}            | ${4} | ${'PARAM_ERROR'}
    ${'a third window smaller than its page'}  | ${full} | ${[...PHB0, 16, 15]}            | ${4} | ${'PARAM_ERROR'}
    ${'a third window'}                        | ${full} | ${[...PHB0, 16, 30]}            | ${4} | ${'HW_ERROR'}
    ${'a third window of 2^32 entries'}        | ${full} | ${[...PHB0, 16, 48]}            | ${4} | ${'HW_ERROR'}
  `('create: $case → $status', ({ machine, args, nret, status }) => {
    expectRefused(machine, rtas('ibm,create-pe-dma-window', args, nret), status);
  });

  test.each`
    pageShift | windowShift | window
    ${12}     | ${12}       | ${'1 0x800000000000000 1 x 2^12'}
    ${16}     | ${16}       | ${'1 0x800000000000000 1 x 2^16'}
    ${16}     | ${30}       | ${'1 0x800000000000000 16384 x 2^16'}
    ${21}     | ${47}       | ${'1 0x800000000000000 67108864 x 2^21'}
    ${24}     | ${34}       | ${'1 0x800000000000000 1024 x 2^24'}
    ${12}     | ${43}       | ${'1 0x800000000000000 2147483648 x 2^12'}
    ${16}     | ${47}       | ${'1 0x800000000000000 2147483648 x 2^16'}
    ${16}     | ${80}       | ${'1 0x800000000000000 1 x 2^16'}
    ${12}     | ${76}       | ${'1 0x800000000000000 1 x 2^12'}
    ${12}     | ${77}       | ${'1 0x800000000000000 2 x 2^12'}
    ${76}     | ${76}       | ${'1 0x800000000000000 1 x 2^76'}
    ${76}     | ${80}       | ${'1 0x800000000000000 16 x 2^76'}
    ${76}     | ${140}      | ${'1 0x800000000000000 1 x 2^76'}
  `('create $pageShift/$windowShift makes the window $window', ({ pageShift, windowShift, window }) => {
    const made = send(qemu, create(pageShift, windowShift));
    expect(cellsOf(made)).toEqual(['SUCCESS', L1, 0x0800_0000, 0]);
    expect(windowsAt(made.qemu)).toEqual([DEFAULT, window]);
  });

  test('page shift 80 is the page size 2^16 and more than window shift 20', () => {
    expectRefused(qemu, create(80, 20), 'PARAM_ERROR');
  });

  test('a new window is empty, whatever the slot held before', () => {
    const again = running({}, create(16, 30), stuff(L1, DYNAMIC, 3n, 4n), remove(L1), create(16, 30));
    expect(tceIn(again, L1, DYNAMIC)).toBe(0n);
  });

  test('its lines are the new table, then the create in bytes', () => {
    const call = rtas('ibm,create-pe-dma-window', [0x800, ...buidCells(0), 24, 32], 4);
    expect(linesOf(send(qemu, call))).toEqual([
      'iommu_new_table liobn=0x80000001 table=allocated fd=-1',
      'iommu_ddw_create buid=0x800000020000000 cfgaddr=2048 pageBytes=0x1000000 requestedBytes=0x100000000 start=0x800000000000000 liobn=0x80000001',
    ]);
  });

  test('its line has shifts modulo 64', () => {
    expect(linesOf(send(qemu, create(76, 80)))[1]).toContain('pageBytes=0x1000 requestedBytes=0x10000');
  });

  test('where no window is left the new one stands at the default address', () => {
    const none = running({}, remove(L0));
    expect(cellsOf(send(none, create(16, 30)))).toEqual(['SUCCESS', L0, 0, 0]);
  });

  test('the addresses are those of the PHB', () => {
    const own = running({
      devices: [{ ...phb, dmaWinAddr: ioba(0x1000n), dma64WinAddr: ioba(0x100_0000_2000n) }],
    });
    expect(cellsOf(send(own, create(16, 30)))).toEqual(['SUCCESS', L1, 0x100, 0x2000]);
    expect(
      cellsOf(
        send(
          running({ devices: own.context.phbs.map((p) => ({ ...phb, ...p.properties })) }, remove(L0)),
          create(16, 30),
        ),
      ),
    ).toEqual(['SUCCESS', L0, 0, 0x1000]);
  });

  test('with both slots free it takes slot 0, but on PHB 28 slot 1', () => {
    for (let index = 0; index <= 30; index += 1) {
      const liobn = 0x8000_0000 | (index << 8);
      const one = running({ devices: [{ ...phb, index }] }, remove(liobn >>> 0));
      expect(cellsOf(send(one, create(16, 30, index)))[1]).toBe((liobn | (index === 28 ? 1 : 0)) >>> 0);
    }
  });
});

describe('ibm,remove-pe-dma-window, in the order of its checks', () => {
  const full = running(
    {
      devices: [
        phb,
        { driver: 'spapr-vscsi', reg: 0x7100_0001, rtceWindowBytes: bytes(0x1000_0000n) },
        { ...phb, index: 2, ddw: false },
      ],
    },
    create(16, 30),
  );
  test.each`
    case                               | args             | nret
    ${'no argument'}                   | ${[]}            | ${1}
    ${'2 arguments'}                   | ${[L1, 0]}       | ${1}
    ${'2 return cells'}                | ${[L1]}          | ${2}
    ${'LIOBN 0'}                       | ${[0]}           | ${1}
    ${'a LIOBN of no table'}           | ${[0x8000_0002]} | ${1}
    ${'a VIO LIOBN'}                   | ${[0x7100_0001]} | ${1}
    ${'a PHB without dynamic windows'} | ${[0x8000_0200]} | ${1}
  `('remove: $case → PARAM_ERROR', ({ args, nret }) => {
    expectRefused(full, rtas('ibm,remove-pe-dma-window', args, nret), 'PARAM_ERROR');
  });

  test('remove: a slot without a window → PARAM_ERROR, so twice is once', () => {
    const removed = send(full, remove(L1));
    expect(cellsOf(removed)).toEqual(['SUCCESS']);
    expect(linesOf(removed)).toEqual(['iommu_ddw_remove liobn=0x80000001']);
    expect(windowsAt(removed.qemu)).toEqual([DEFAULT]);
    expectRefused(removed.qemu, remove(L1), 'PARAM_ERROR');
  });

  test('remove: a stuck slot → PARAM_ERROR', () => {
    expectRefused(running({}, create(16, 48)), remove(L1), 'PARAM_ERROR');
  });
});

describe('ibm,reset-pe-dma-window, in the order of its checks', () => {
  const full = running({}, create(16, 30), put(L0, 0n, 3n));
  test.each`
    case                   | args                    | nret
    ${'2 arguments'}       | ${[0, 0x0800_0000]}     | ${1}
    ${'4 arguments'}       | ${[...PHB0, 0]}         | ${1}
    ${'2 return cells'}    | ${PHB0}                 | ${2}
    ${'a PHB that is not'} | ${[0, ...buidCells(1)]} | ${1}
  `('reset: $case → PARAM_ERROR', ({ args, nret }) => {
    expectRefused(full, rtas('ibm,reset-pe-dma-window', args, nret), 'PARAM_ERROR');
  });

  test('reset drops every window and makes an empty default one', () => {
    const done = send(full, rtas('ibm,reset-pe-dma-window', [0x800, ...buidCells(0)], 1));
    expect(cellsOf(done)).toEqual(['SUCCESS']);
    expect(linesOf(done)).toEqual([
      'iommu_new_table liobn=0x80000000 table=allocated fd=-1',
      'iommu_ddw_reset buid=0x800000020000000 cfgaddr=2048',
    ]);
    expect(windowsAt(done.qemu)).toEqual([DEFAULT]);
    expect(tceIn(done.qemu, L0, 0n)).toBe(0n);
  });

  test('reset brings back a default window that was removed', () => {
    expect(windowsAt(running({}, remove(L0), reset()))).toEqual([DEFAULT]);
  });

  test('reset touches its own PHB only', () => {
    const two = running({ devices: [phb, { ...phb, index: 1 }] }, put(0x8000_0100, 0n, 3n), reset(0));
    expect(tceIn(two, 0x8000_0100, 0n)).toBe(3n);
  });
});

test('a PHB with dynamic windows off refuses all four calls, and keeps its default window', () => {
  const off = running({ devices: [{ ...phb, ddw: false }] });
  for (const call of [query(), create(16, 30), remove(L0), reset()]) expectRefused(off, call, 'PARAM_ERROR');
  expect(tceIn(off, L0, 0n)).toBe(0n);
  expect(off.context.tables).toHaveLength(1);
});

test('a token that QEMU does not know fails the hypercall too', () => {
  const stepped = send(qemu, rtas('rtas', [], 1));
  expect(rtasAnswer(stepped)).toMatchObject({
    status: 'PARAM_ERROR',
    outputs: [],
    hcallStatus: 'H_PARAMETER',
  });
  expect(stepped.qemu.context).toBe(qemu.context);
});

test('the default window has the size of the PHB’s property, in pages of 4K', () => {
  const own = running({ devices: [{ ...phb, dmaWinAddr: ioba(0x1000n), dmaWinSize: bytes(0x5800n) }] });
  expect(windowsAt(own)).toEqual(['0 0x1000 5 x 2^12']);
  expect(windowsAt(send(own, systemReset).qemu)).toEqual(['0 0x1000 5 x 2^12']);
});
