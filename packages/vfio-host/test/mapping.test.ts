import type { Cost } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { BUF, BUF_HPA, buffer, Rig, type RigOptions } from './rig.ts';

const registered = (options: RigOptions = {}): Rig => {
  const rig = new Rig(options).attach();
  rig.register();
  rig.map(0n, 0n, 0n);
  return rig;
};
const entries = (rig: Rig, table = 1) =>
  [...rig.powernv.tables.get(table)!.hardware]
    .sort(([a], [b]) => a - b)
    .map(([index, { hpa, perm }]) => [index, hpa - BUF_HPA, perm]);
const costs = (rig: Rig, operation: Cost['operation']) =>
  rig.sent.reduce(
    (sum, each) => sum + (each.type === 'cost' && each.operation === operation ? each.count : 0),
    0,
  );

describe('MAP_DMA', () => {
  test.each`
    flags | perm
    ${1}  | ${1}
    ${2}  | ${2}
    ${3}  | ${3}
  `('flags $flags give rights $perm', ({ flags, perm }) => {
    const rig = registered();
    rig.map(0x2000n, 0x1000n, 0x1000n, { flags });
    expect(entries(rig)).toEqual([[2, 0x1000n, perm]]);
    expect([...rig.powernv.tables.get(1)!.slots]).toEqual([[2, BUF + 0x1000n]]);
  });

  test('a page that is not registered: what was written before it is cleared, with what stood there', () => {
    const rig = registered();
    rig.map(0n, 0n, 0x3000n);
    rig.sent = [];
    expect(rig.map(0x1000n, 0xf_f000n, 0x2000n)).toBe('EINVAL');
    expect(entries(rig)).toEqual([
      [0, 0n, 3],
      [2, 0x2000n, 3],
    ]);
    expect(rig.regions()[0]!.mapped).toBe(3);
    expect(rig.ran()).toEqual([
      'tce_iommu_ioctl',
      'tce_iommu_create_default_window',
      'tce_iommu_unuse_page_v2 count=1',
      'tce_iommu_clear',
      'tce_iommu_unuse_page_v2 count=1',
    ]);
  });

  test('a slot beside an entry that is not in use keeps what it has', () => {
    const rig = registered();
    rig.map(0n, 0n, 0x1000n);
    rig.map(0x2000n, 0x2000n, 0x1000n);
    const { slots, hardware } = rig.powernv.tables.get(1)!;
    slots.set(1, BUF + 0x1000n);
    hardware.set(1, { hpa: BUF_HPA + 0x1000n, perm: 0 });
    rig.unmap(0n, 0x3000n);
    expect([...slots]).toEqual([[1, BUF + 0x1000n]]);
    expect(rig.regions()[0]!.mapped).toBe(1);
  });

  test('0 bytes, and a first page that is not registered, still invalidate nothing from the first entry on', () => {
    const rig = registered();
    rig.powernv.log.length = 0;
    expect(rig.map(0n, 0n, 0n)).toBe(0);
    expect(rig.map(0n, -0x1000n, 0x1000n)).toBe('EINVAL');
    expect(rig.powernv.log).toEqual(['tce_kill 1', 'userspace_slot_read 1', 'tce_kill 1']);
  });

  test.each([1, 2, Number.MAX_SAFE_INTEGER])(
    'an entry that cannot be exchanged is ENOMEM; its count is lost, and its old one’s region counted off (%d at once)',
    (entriesAtOnce) => {
      const rig = registered({ config: { entriesAtOnce } });
      rig.map(0x3000n, 0x8000n, 0x1000n);
      rig.powernv.xchgsLeft = 3;
      expect(rig.map(0n, 0n, 0x8000n)).toBe('ENOMEM');
      // Entry 3 was to be replaced: its slot is emptied, and the entry itself stays.
      expect(entries(rig)).toEqual([[3, 0x8000n, 3]]);
      expect([...rig.powernv.tables.get(1)!.slots]).toEqual([]);
      expect(rig.regions()[0]!.mapped).toBe(2);
      rig.powernv.xchgsLeft = 0;
      expect(rig.map(0x10000n, 0n, 0x1000n)).toBe('ENOMEM');
      expect(rig.regions()[0]!.mapped).toBe(3);
    },
  );

  test.each([1, 2, Number.MAX_SAFE_INTEGER])(
    'failedMapCount fixed: it is counted off where it was counted, and its old one stays counted (%d at once)',
    (entriesAtOnce) => {
      const rig = registered({ config: { entriesAtOnce }, switches: { failedMapCount: 'fixed' } });
      rig.map(0x3000n, 0x8000n, 0x1000n);
      rig.powernv.xchgsLeft = 3;
      expect(rig.map(0n, 0n, 0x8000n)).toBe('ENOMEM');
      expect(entries(rig)).toEqual([[3, 0x8000n, 3]]);
      expect([...rig.powernv.tables.get(1)!.slots.keys()]).toEqual([3]);
      expect(rig.regions()[0]!.mapped).toBe(2);
      rig.powernv.xchgsLeft = 0;
      expect(rig.map(0x10000n, 0n, 0x1000n)).toBe('ENOMEM');
      expect(rig.regions()[0]!.mapped).toBe(2);
    },
  );

  test.each([1, 3, Number.MAX_SAFE_INTEGER])(
    'a level of the userspace view that cannot be allocated is ENOMEM, after what fits (%d at once)',
    (entriesAtOnce) => {
      const rig = registered({ config: { entriesAtOnce } });
      rig.powernv.slotsLeft = 2;
      rig.sent = [];
      expect(rig.map(0n, 0n, 0x4000n)).toBe('ENOMEM');
      expect(costs(rig, 'map')).toBe(2);
      expect(entries(rig)).toEqual([]);
      expect(rig.regions()[0]!.mapped).toBe(1);
    },
  );

  test.each`
    rangeCheck         | map  | unmap
    ${'firstOnly'}     | ${0} | ${0}
    ${'unmapAndStuff'} | ${0} | ${1}
    ${'full'}          | ${1} | ${1}
  `(
    'rangeCheck $rangeCheck: MAP across the window’s end → $map, UNMAP → $unmap (B-27)',
    ({ rangeCheck, map, unmap }) => {
      const rig = registered({ switches: { rangeCheck } });
      expect(rig.map(0x7fff_f000n, 0n, 0x3000n)).toBe(map);
      expect(entries(rig).map(([index]) => index)).toEqual(map === 0 ? [0x7_ffff, 0x8_0000, 0x8_0001] : []);
      expect(rig.unmap(0x7fff_f000n, 0x3000n)).toBe(unmap);
      expect(entries(rig).length).toBe(map === 0 && unmap === 1 ? 3 : 0);
    },
  );

  test('positiveReturns fixed: what was 1 is EINVAL', () => {
    const rig = registered({ switches: { positiveReturns: 'fixed' } });
    expect(rig.map(0x800n, 0n, 0x1000n)).toBe('EINVAL');
    expect(rig.unmap(0x800n, 0x1000n)).toBe('EINVAL');
  });

  test('pages of 64K in a region of two pieces lie where each piece does', () => {
    const more = { ua: (BUF + 0x20000n) as never, hpa: (BUF_HPA + 0x100_0000n) as never };
    const vmas = [buffer(0x20000n), buffer(0x20000n, more)];
    const rig = new Rig({ input: { processes: [{ process: 'qemu', vmas }] } }).attach();
    rig.register(0n, 0x40000n);
    rig.remove(0n);
    rig.create(16, 1n << 30n, 1);
    rig.map(0n, 0n, 0x40000n);
    expect(entries(rig).map(([, at]) => at)).toEqual([0n, 0x10000n, 0x100_0000n, 0x101_0000n]);
  });

  test('a write costs one entry each, a clear the entries it walks over', () => {
    const rig = registered();
    rig.sent = [];
    rig.map(0n, 0n, 0x10000n);
    expect(costs(rig, 'map')).toBe(16);
    rig.unmap(0n, 0x8000_0000n);
    expect(costs(rig, 'clear')).toBe(0x8_0000);
  });

  test.each`
    sparseClear  | cost
    ${'unfixed'} | ${2 ** 24}
    ${'fixed'}   | ${8192}
  `(
    'sparseClear $sparseClear: a clear of 2^24 entries in two levels costs $cost (B-41)',
    ({ sparseClear, cost }) => {
      const rig = new Rig({ switches: { sparseClear } }).attach();
      rig.register();
      rig.remove(0n);
      rig.create(16, 1n << 40n, 2);
      const access = rig.powernv.access.bind(rig.powernv);
      rig.powernv.access = (message) => ({ ...access(message), walked: 8192 as never });
      rig.sent = [];
      rig.unmap(0n, 1n << 40n);
      expect(costs(rig, 'clear')).toBe(cost);
    },
  );
});

describe('v1', () => {
  const v1 = (options: RigOptions = {}): Rig => {
    const rig = new Rig(options).attach(1, 2);
    rig.call('VFIO_IOMMU_ENABLE');
    return rig;
  };
  const pinned = (rig: Rig) => rig.host.mms[0]!.pinnedPages;

  test('each entry pins its page, and lets go of the one it replaces', () => {
    const rig = v1();
    rig.map(0n, 0n, 0x4000n);
    expect(pinned(rig)).toBe(4);
    rig.map(0x2000n, 0x10000n, 0x4000n);
    expect(pinned(rig)).toBe(6);
    rig.unmap(0n, 0x3000n);
    expect(pinned(rig)).toBe(3);
    rig.close(4);
    expect(pinned(rig)).toBe(0);
    expect(rig.vmlck()).toBe(0);
  });

  test('a page that cannot be pinned for writing is EFAULT, and what was written is cleared', () => {
    const rig = v1();
    rig.deliver(rig.message('protect-memory', { ua: BUF + 0x10000n, bytes: 0x10000n, access: 'read' }));
    expect(rig.map(0n, 0xf000n, 0x2000n, { flags: 1 })).toBe('EFAULT');
    expect(entries(rig)).toEqual([]);
    expect(pinned(rig)).toBe(0);
    expect(rig.map(0n, 0x1000_0000n, 0x1000n)).toBe('EFAULT');
  });

  test('an entry that cannot be exchanged is ENOMEM, and nothing stays pinned', () => {
    const rig = v1();
    rig.map(0n, 0n, 0n);
    rig.powernv.xchgsLeft = 2;
    expect(rig.map(0n, 0n, 0x4000n)).toBe('ENOMEM');
    expect(entries(rig)).toEqual([]);
    expect(pinned(rig)).toBe(0);
  });

  test.each`
    containedUnpin | left
    ${'unfixed'}   | ${1}
    ${'fixed'}     | ${0}
  `(
    'containedUnpin $containedUnpin: a page behind a smaller one is EPERM, and $left stays pinned (B-48)',
    (row) => {
      const vmas = [buffer(0x10_0000n, { pageShift: 11 })];
      const rig = v1({
        switches: { containedUnpin: row.containedUnpin },
        input: { processes: [{ process: 'qemu', vmas }] },
      });
      expect(rig.map(0n, 0n, 0x1000n)).toBe('EPERM');
      expect(pinned(rig)).toBe(row.left);
    },
  );

  test('DISABLE gives the charge back and leaves what is mapped', () => {
    const rig = v1();
    rig.map(0n, 0n, 0x1000n);
    expect(rig.call('VFIO_IOMMU_DISABLE')).toBe(0);
    expect(rig.vmlck()).toBe(8192);
    expect(entries(rig)).toEqual([[0, 0n, 3]]);
    expect(rig.map(0n, 0n, 0x1000n)).toBe('EPERM');
  });
});
