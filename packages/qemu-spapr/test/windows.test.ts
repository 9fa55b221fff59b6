import { bytes, ioba } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import {
  after,
  cellsOf,
  configured,
  create,
  DYNAMIC,
  get,
  L0,
  L1,
  linesOf,
  namesOf,
  put,
  query,
  realize,
  remove,
  reset,
  running,
  send,
  statusOf,
  systemReset,
  table,
  tceIn,
  windowsAt,
} from './machine.ts';

const phb = { driver: 'spapr-pci-host-bridge', index: 0 } as const;
const DEFAULT = '0 0x0 262144 x 2^12';

describe('the default window', () => {
  test('exists after the first reset, not before', () => {
    expect(windowsAt(realize())).toEqual([]);
    expect(windowsAt(running())).toEqual([DEFAULT]);
  });

  test('comes back when the last window goes, where that is another one', () => {
    const removed = send(running({}, create(16, 30), remove(L0)), remove(L1));
    expect(windowsAt(removed.qemu)).toEqual([DEFAULT]);
    expect(linesOf(removed)).toEqual([
      'iommu_ddw_remove liobn=0x80000001',
      'iommu_new_table liobn=0x80000000 table=allocated fd=-1',
      'iommu_ddw_reset buid=0x800000020000000 cfgaddr=0',
    ]);
    expect(cellsOf(removed)).toEqual(['SUCCESS']);
  });

  test('comes back empty', () => {
    const again = running({}, put(L0, 0n, 3n), create(16, 30), remove(L0), remove(L1));
    expect(tceIn(again, L0, 0n)).toBe(0n);
  });

  test('does not come back when it goes last itself', () => {
    expect(windowsAt(running({}, remove(L0)))).toEqual([]);
    expect(windowsAt(running({}, create(16, 30), remove(L1), remove(L0)))).toEqual([]);
  });

  test('does not come back while another window is left', () => {
    expect(windowsAt(running({}, create(16, 30), remove(L0)))).toEqual(['1 0x800000000000000 16384 x 2^16']);
  });

  test('never comes back by a remove in a QEMU that has no such rule', () => {
    const config = configured({}, { restoresDefaultWindow: false });
    expect(windowsAt(running({ config }, create(16, 30), remove(L0), remove(L1)))).toEqual([]);
    expect(windowsAt(running({ config }, create(16, 30), remove(L0), remove(L1), reset()))).toEqual([
      DEFAULT,
    ]);
  });

  test('comes back by machine reset, with every other window gone', () => {
    const full = running({}, create(16, 30), put(L0, 0n, 3n));
    const again = send(full, systemReset);
    expect(windowsAt(again.qemu)).toEqual([DEFAULT]);
    expect(tceIn(again.qemu, L0, 0n)).toBe(0n);
    expect(windowsAt(after(full, remove(L0), remove(L1), remove(L0), systemReset))).toEqual([DEFAULT]);
  });
});

describe('B-31, a slot that remembers it was the default window', () => {
  const steps = [remove(L0), create(16, 30), remove(L0)];
  test('unfixed: a dynamic window in slot 0 goes last, and the default window stays away', () => {
    expect(windowsAt(running({}, ...steps))).toEqual([]);
    expect(cellsOf(send(running({}, ...steps), query()))[1]).toBe(2);
  });
  test('fixed: the default window comes back', () => {
    const config = configured({ defWinClear: 'fixed' });
    expect(windowsAt(running({ config }, ...steps))).toEqual([DEFAULT]);
    // The default window itself may still be removed for good.
    expect(windowsAt(running({ config }, remove(L0)))).toEqual([]);
  });
});

describe('B-32, two windows at one address', () => {
  const steps = [create(16, 30), remove(L0)];
  test('unfixed: the second create gets 2^59 again', () => {
    const second = send(running({}, ...steps), create(12, 20));
    expect(cellsOf(second)).toEqual(['SUCCESS', L0, 0x0800_0000, 0]);
    expect(windowsAt(second.qemu)).toEqual([
      '0 0x800000000000000 256 x 2^12',
      '1 0x800000000000000 16384 x 2^16',
    ]);
    const both = after(second.qemu, put(L0, DYNAMIC, 3n));
    expect([tceIn(both, L0, DYNAMIC), tceIn(both, L1, DYNAMIC)]).toEqual([3n, 0n]);
  });
  test('fixed: the second create is refused, and changes nothing', () => {
    const before = running({ config: configured({ createAddrCheck: 'fixed' }) }, ...steps);
    const second = send(before, create(12, 20));
    expect(cellsOf(second)).toEqual(['HW_ERROR']);
    expect(second.qemu.context).toBe(before.context);
  });
  test.each`
    case                                 | dma64                     | windowShift | fixed
    ${'right behind the default window'} | ${0x4000_0000n}           | ${30}       | ${'SUCCESS'}
    ${'one page into it'}                | ${0x3fff_f000n}           | ${12}       | ${'HW_ERROR'}
    ${'ending right before it'}          | ${0n}                     | ${12}       | ${'SUCCESS'}
    ${'reaching one page into it'}       | ${0n}                     | ${13}       | ${'HW_ERROR'}
    ${'at the end of all addresses'}     | ${0xffff_ffff_ffff_0000n} | ${16}       | ${'SUCCESS'}
    ${'beyond the end of all addresses'} | ${0xffff_ffff_ffff_0000n} | ${17}       | ${'SUCCESS'}
  `('a window $case: unfixed SUCCESS, fixed $fixed', ({ dma64, windowShift, fixed }) => {
    const devices = [
      { ...phb, dmaWinAddr: ioba(0x1000n), dmaWinSize: bytes(0x3fff_f000n), dma64WinAddr: ioba(dma64) },
    ];
    const config = configured({ createAddrCheck: 'fixed' });
    expect(cellsOf(send(running({ devices }), create(12, windowShift)))[0]).toBe('SUCCESS');
    expect(cellsOf(send(running({ devices, config }), create(12, windowShift)))[0]).toBe(fixed);
  });
});

describe('B-33, a count of entries cut to 32 bits', () => {
  test.each([
    [12, 44],
    [16, 48],
    [12, 60],
    [12, 75],
    [16, 79],
  ])('unfixed: create %d/%d answers HW_ERROR, and its slot is stuck', (pageShift, windowShift) => {
    const failed = send(running(), create(pageShift, windowShift));
    expect(cellsOf(failed)).toEqual(['HW_ERROR']);
    expect(linesOf(failed)).toEqual(['iommu_new_table liobn=0x80000001 table=(nil) fd=-1']);
    expect(table(failed.qemu, L1).mode).toBe('stuck');
    expect(windowsAt(failed.qemu)).toEqual([DEFAULT]);
    expect(cellsOf(send(failed.qemu, query()))[1]).toBe(1);
    expect(statusOf(send(failed.qemu, get(L1, DYNAMIC)))).toBe('H_PARAMETER');
  });

  test.each([
    [12, 44],
    [16, 48],
    [16, 80],
  ])('fixed: create %d/%d is refused, and changes nothing', (pageShift, windowShift) => {
    const before = running({ config: configured({ nbTruncation: 'fixed' }) });
    const refused = send(before, create(pageShift, windowShift));
    expect(cellsOf(refused)).toEqual(['PARAM_ERROR']);
    expect(refused.sent).toHaveLength(1);
    expect(refused.qemu.context).toBe(before.context);
  });

  test('fixed: 2^31 entries are still made', () => {
    const fixed = running({ config: configured({ nbTruncation: 'fixed' }) });
    expect(cellsOf(send(fixed, create(12, 43)))[0]).toBe('SUCCESS');
  });
});

describe('B-53, shifts above 63', () => {
  test('fixed: they are refused, and change nothing', () => {
    const before = running({ config: configured({ shiftCheck: 'fixed' }) });
    for (const [pageShift, windowShift] of [
      [16, 80],
      [76, 80],
      [12, 64],
    ] as const) {
      const refused = send(before, create(pageShift, windowShift));
      expect(cellsOf(refused)).toEqual(['PARAM_ERROR']);
      expect(refused.qemu.context).toBe(before.context);
    }
  });
  test('fixed: 63 is still taken', () => {
    const devices = [{ ...phb, pgsz: (1n << 64n) - 1n }];
    const fixed = running({ devices, config: configured({ shiftCheck: 'fixed' }) });
    expect(cellsOf(send(fixed, create(63, 63)))[0]).toBe('SUCCESS');
  });
});

describe('a stuck slot', () => {
  const ABORT = ['spapr_iommu_new_table', 'qemu-aborted'];
  const stuck1 = running({}, create(16, 48));
  const stuck0 = running({}, create(16, 30), remove(L0), create(16, 48));

  test('aborts QEMU by the next create on it, after its line and without an answer', () => {
    const gone = send(stuck1, create(16, 30));
    expect(namesOf(gone)).toEqual(ABORT);
    expect(linesOf(gone)).toEqual(['iommu_new_table liobn=0x80000001 table=allocated fd=-1']);
    expect(gone.qemu.value).toBe('aborted');
    expect(gone.sent.at(-1)).toMatchObject({
      to: 'environment',
      assertion: expect.stringContaining('!subregion->container'),
    });
  });

  test('aborts QEMU by another create of 0 entries too', () => {
    expect(send(stuck1, create(16, 48)).qemu.value).toBe('aborted');
  });

  test('stays stuck over a reset of windows and of the machine', () => {
    for (const calls of [[reset()], [systemReset], [systemReset, reset()]]) {
      const still = after(stuck1, ...calls);
      expect(windowsAt(still)).toEqual([DEFAULT]);
      expect(namesOf(send(still, create(16, 30)))).toEqual(ABORT);
    }
  });

  test('does no harm where the call is refused first, or another slot is free first', () => {
    expect(send(stuck1, create(13, 30)).qemu.value).toBe('running');
    const other = after(stuck1, remove(L0));
    const made = send(other, create(16, 30));
    expect(cellsOf(made)).toEqual(['SUCCESS', L0, 0, 0]);
    expect(namesOf(send(made.qemu, create(16, 30)))).toEqual(ABORT);
  });

  test('as slot 0 aborts QEMU by every call that makes the default window', () => {
    expect(table(stuck0, L0).mode).toBe('stuck');
    expect(namesOf(send(stuck0, reset()))).toEqual(ABORT);
    expect(namesOf(send(stuck0, systemReset))).toEqual(ABORT);
    expect(namesOf(send(stuck0, remove(L1)))).toEqual(['spapr_iommu_ddw_remove', ...ABORT]);
    expect(namesOf(send(stuck0, create(16, 30)))).toEqual(ABORT);
    for (const call of [reset(), systemReset, remove(L1), create(16, 30)]) {
      expect(send(stuck0, call).qemu.value).toBe('aborted');
    }
  });

  test('as slot 0 does no harm to a remove that restores nothing', () => {
    const config = configured({}, { restoresDefaultWindow: false });
    const kept = running({ config }, create(16, 30), remove(L0), create(16, 48));
    expect(namesOf(send(kept, remove(L1)))).toEqual(['spapr_iommu_ddw_remove', 'rtas-return']);
  });

  test('comes from a default window of no pages too, so that the second reset aborts', () => {
    const none = running({ devices: [{ ...phb, dmaWinSize: bytes(0x800n) }] });
    expect(windowsAt(none)).toEqual([]);
    expect(namesOf(send(none, systemReset))).toEqual(ABORT);
  });

  test('of one PHB does not keep a machine reset from logging what came before', () => {
    const two = running({ devices: [phb, { ...phb, index: 1 }] }, create(16, 30), remove(L0), create(16, 48));
    const gone = send(two, systemReset);
    expect(linesOf(gone)).toEqual([
      'iommu_new_table liobn=0x80000100 table=allocated fd=-1',
      'iommu_new_table liobn=0x80000000 table=allocated fd=-1',
    ]);
    expect(namesOf(gone)).toEqual(['spapr_iommu_new_table', ...ABORT]);
  });
});

test('an aborted QEMU takes nothing any more', () => {
  const gone = send(running({}, create(16, 48)), create(16, 30)).qemu;
  for (const message of [get(L0, 0n), query(), systemReset]) {
    expect(gone.can(message)).toBe(false);
    expect(send(gone, message).sent).toEqual([]);
  }
});
