import { bytes, ioba, iommuPageShift, liobn } from '@spapr-dma/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countBits, isBitSet } from '../src/bitmap.ts';
import { guestOff } from '../src/guest-state.ts';
import { GUEST_CONFIG_DEFAULT, type IommuTable } from '../src/index.ts';
import { areaAt, iommuRangeAlloc, iommuRangeFree, isInTable, poolHashOf } from '../src/iommu-range-alloc.ts';
import { isTableInUse, withNewTable } from '../src/iommu-table.ts';

const config = { ...GUEST_CONFIG_DEFAULT, poolCount: 2 };
const off = guestOff(config, 1);

/** A table of 4K pages at a start, with a reserved range given in pages on the bus. */
function tableOf(pages: number, start = 0n, reserved: readonly [number, number] = [0, 0]): IommuTable {
  const made = withNewTable(
    off,
    {
      liobn: liobn(0x8000_0000),
      start: ioba(start),
      bytes: bytes(BigInt(pages) * 0x1000n),
      pageShift: iommuPageShift(12),
    },
    ...reserved,
  );
  return made.kernel.tables[made.id]!;
}

const ask = (npages: number, more: object = {}) => ({
  npages,
  mask: 2 ** 52 - 1,
  alignOrder: 0,
  handle: 0,
  cpu: 0,
  ...more,
});

test.each`
  case                                                  | bytes           | pools | poolSize
  ${'less than 1 GiB has one pool of three quarters'}   | ${0x1000_0000n} | ${1}  | ${0xc000}
  ${'1 GiB has four pools, and a large one at its top'} | ${0x4000_0000n} | ${4}  | ${0xc000}
`('a window of $case', ({ bytes: size, pools, poolSize }) => {
  const window = { liobn: liobn(1), start: ioba(0n), bytes: bytes(size), pageShift: iommuPageShift(12) };
  const made = withNewTable(guestOff(GUEST_CONFIG_DEFAULT, 1), window);
  const table = made.kernel.tables[made.id]!;
  expect(table.pools).toHaveLength(pools);
  expect(table.poolSize).toBe(poolSize);
  expect(table.largePool).toMatchObject({ start: poolSize * pools, end: table.size });
});

test.each`
  case                                         | start       | reserved          | busy
  ${'page 0 of the bus is never handed out'}   | ${0n}       | ${[0, 0]}         | ${[[0, 1]]}
  ${'a window elsewhere has nothing reserved'} | ${0x10000n} | ${[0, 0]}         | ${[]}
  ${'32-bit MMIO is kept free'}                | ${0x10000n} | ${[0x14, 0x16]}   | ${[[4, 6]]}
  ${'MMIO below the window counts from there'} | ${0x10000n} | ${[0, 0x12]}      | ${[[0, 2]]}
  ${'MMIO beyond the window reserves nothing'} | ${0x10000n} | ${[0x200, 0x300]} | ${[]}
`('$case', ({ start, reserved, busy }) => {
  const table = tableOf(64, start, reserved);
  expect(table.map).toEqual(busy);
  expect(isTableInUse(table)).toBe(false);
});

test('each CPU begins in a pool of its own', () => {
  expect([0, 1, 2, 3].map(poolHashOf)).toEqual([0, 1, 3, 0]);
});

test('more than 15 pages come from the large pool, one after the other', () => {
  const first = iommuRangeAlloc(config, tableOf(256), ask(16));
  const second = iommuRangeAlloc(config, first.table, ask(16));
  expect([first.index, second.index]).toEqual([192, 208]);
});

test('small requests begin at multiples of 16, until the pool is through once', () => {
  let table = tableOf(64); // One pool of 48.
  const got = Array.from({ length: 5 }, () => {
    const granted = iommuRangeAlloc(config, table, ask(1));
    table = granted.table;
    return granted.index;
  });
  expect(got).toEqual([1, 16, 32, 2, 17]);
});

test('a list goes on where its last buffer ended', () => {
  const { index } = iommuRangeAlloc(config, tableOf(256), ask(1, { handle: 5 }));
  expect(index).toBe(5);
});

test('a narrow mask keeps the range below it, from the start of the first pool', () => {
  const table = { ...tableOf(64), pools: [{ start: 0, end: 48, hint: 32 }] };
  expect(iommuRangeAlloc(config, table, ask(2, { mask: 15 })).index).toBe(1);
});

test('the last page below a limit is never handed out', () => {
  const table = tableOf(64);
  expect([areaAt(table, 48, 46, 1, 1), areaAt(table, 48, 47, 1, 1)]).toEqual([46, undefined]);
});

test('a range never crosses 4 GiB on the bus', () => {
  const table = tableOf(256, 0xffff_0000n); // 16 pages below the boundary.
  expect(areaAt(table, 256, 12, 8, 1)).toBe(16);
});

/** The plain version: the first place in [start, limit − 1) that fits. */
function plainArea(table: IommuTable, limit: number, start: number, npages: number, align: number) {
  for (let index = start; index + npages <= limit - 1; index++) {
    const free = Array.from({ length: npages }, (_, i) => !isBitSet(table.map, index + i)).every(Boolean);
    if (index % align === 0 && free) return index;
  }
  return undefined;
}

const calls = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('alloc' as const),
      npages: fc.integer({ min: 1, max: 20 }),
      alignOrder: fc.nat(3),
      handle: fc.nat(80),
      cpu: fc.nat(3),
      mask: fc.constantFrom(2 ** 52 - 1, 63, 31),
    }),
    fc.record({ do: fc.constant('free' as const), which: fc.nat(20) }),
  ),
  { maxLength: 60 },
);

test('what is handed out was free, is aligned and within reach; what is given back can be had again', () => {
  fc.assert(
    fc.property(calls, fc.boolean(), (steps, reserve) => {
      let table = tableOf(96, 0n, reserve ? [40, 50] : [0, 0]);
      const reserved = countBits(table.map);
      const out: { index: number; npages: number }[] = [];
      for (const step of steps) {
        if (step.do === 'free') {
          const [range] = out.splice(step.which % Math.max(1, out.length), 1);
          if (range === undefined) continue;
          expect(isInTable(table, range.index, range.npages)).toBe(true);
          table = iommuRangeFree(table, range.index, range.npages);
          continue;
        }
        const granted = iommuRangeAlloc(config, table, step);
        if (granted.index !== undefined) {
          const { index } = granted;
          for (let page = index; page < index + step.npages; page++) {
            expect(isBitSet(table.map, page)).toBe(false);
            expect(isBitSet(granted.table.map, page)).toBe(true);
          }
          expect(index % 2 ** step.alignOrder).toBe(0);
          expect(index + step.npages - 1).toBeLessThanOrEqual(Math.min(step.mask, table.size - 1));
          out.push({ index, npages: step.npages });
        }
        table = granted.table;
        expect(countBits(table.map)).toBe(reserved + out.reduce((sum, { npages }) => sum + npages, 0));
      }
    }),
  );
});

test('the first place that fits is the one a plain search finds', () => {
  fc.assert(
    fc.property(
      calls,
      fc.nat(40),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(2),
      (steps, start, npages, order) => {
        let table = tableOf(96);
        for (const step of steps) {
          if (step.do === 'alloc') table = iommuRangeAlloc(config, table, step).table;
        }
        const align = 2 ** order;
        expect(areaAt(table, 72, start, npages, align)).toBe(plainArea(table, 72, start, npages, align));
      },
    ),
  );
});
