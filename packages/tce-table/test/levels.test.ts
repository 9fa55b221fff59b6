import { readFileSync } from 'node:fs';
import { bytes, hostPageShift, iommuPageShift, levelCount } from '@spapr-dma/protocol';
import {
  chargedBytes,
  fullBytes,
  fullTableCount,
  type LevelRequest,
  levelBytes,
  levelShape,
} from '@spapr-dma/tce-table';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const request = (
  pageShift: number,
  windowBytes: bigint,
  levels: number,
  hostShift: number,
): LevelRequest => ({
  windowBytes: bytes(windowBytes),
  pageShift: iommuPageShift(pageShift),
  levels: levelCount(levels),
  hostPageShift: hostPageShift(hostShift),
});

const outcomeOf = (asked: LevelRequest): string => {
  const shape = levelShape(asked);
  return typeof shape === 'string' ? shape : 'OK';
};

const chargedKb = (asked: LevelRequest): number => Number(chargedBytes(asked) / 1024n);

interface Observed {
  readonly line: number;
  readonly pageShift: number;
  readonly size: string;
  readonly levels: number;
  readonly err: string;
  readonly kb: number;
}

const observed: readonly Observed[] = readFileSync(
  new URL('../../../vectors/powernv/windows.csv', import.meta.url),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((text, at) => ({ line: at + 1, cells: text.split(',') }))
  .slice(1)
  .map(({ line, cells }) => ({
    line,
    pageShift: Number(cells[3]),
    size: cells[4]!,
    levels: Number(cells[5]),
    err: cells[6]!,
    kb: Number(cells[8]),
  }));

/** The size column has the log2 of the size, or the size in hex where it is no power of two. */
const windowBytesOf = (size: string): bigint => (size.startsWith('0x') ? BigInt(size) : 1n << BigInt(size));

/** Page sizes that the hardware of the recorded runs offers; another one is refused before any table is looked at. */
const offered = [12, 16, 21, 30];
/** The memory limit, a missing permission, a full slot, the other interface: other parts of the host answered. */
const answeredElsewhere = (row: Observed): boolean =>
  !offered.includes(row.pageShift) ||
  ['ENOSPC', 'ENOTTY', 'EPERM'].includes(row.err) ||
  (row.err === 'ENOMEM' && row.kb === 0);
/** Lines of calls that made the default window as well, which was charged 8192 kB. */
const withDefaultWindow = [4, 152];

describe('creating a table on a 64K kernel, as recorded', () => {
  const rows = observed.filter((row) => !answeredElsewhere(row));

  test('all rows of the recording are compared but those that other parts of the host answered', () => {
    expect([observed.length, rows.length]).toEqual([181, 168]);
  });

  test.each(rows)('line $line: 2^$pageShift pages, size $size, $levels levels → $err, $kb kB', (row) => {
    const asked = request(row.pageShift, windowBytesOf(row.size), row.levels, 16);
    expect(outcomeOf(asked)).toBe(row.err);
    const defaultWindow = withDefaultWindow.includes(row.line) ? chargedKb(request(12, 1n << 31n, 1, 16)) : 0;
    expect(chargedKb(asked) + defaultWindow).toBe(row.kb);
  });
});

describe('creating a table on a 4K kernel, as seen', () => {
  test.each`
    pageShift | sizeShift | levels | outcome     | kb
    ${12}     | ${31}     | ${1}   | ${'OK'}     | ${8192}
    ${12}     | ${32}     | ${1}   | ${'OK'}     | ${16384}
    ${12}     | ${32}     | ${2}   | ${'OK'}     | ${16400}
    ${12}     | ${32}     | ${3}   | ${'OK'}     | ${16424}
    ${12}     | ${32}     | ${4}   | ${'OK'}     | ${16432}
    ${12}     | ${32}     | ${5}   | ${'EINVAL'} | ${undefined}
    ${16}     | ${36}     | ${2}   | ${'OK'}     | ${16400}
    ${16}     | ${36}     | ${3}   | ${'OK'}     | ${16424}
    ${16}     | ${36}     | ${4}   | ${'OK'}     | ${16432}
    ${16}     | ${36}     | ${5}   | ${'EINVAL'} | ${undefined}
    ${16}     | ${40}     | ${2}   | ${'OK'}     | ${262208}
    ${16}     | ${40}     | ${3}   | ${'OK'}     | ${262664}
    ${16}     | ${47}     | ${2}   | ${'OK'}     | ${33555456}
    ${16}     | ${47}     | ${3}   | ${'OK'}     | ${33570848}
    ${16}     | ${47}     | ${4}   | ${'OK'}     | ${33620104}
    ${16}     | ${47}     | ${5}   | ${'EINVAL'} | ${undefined}
    ${16}     | ${50}     | ${2}   | ${'OK'}     | ${268437504}
    ${16}     | ${51}     | ${3}   | ${'OK'}     | ${537002048}
    ${16}     | ${52}     | ${3}   | ${'OK'}     | ${1074004032}
    ${16}     | ${53}     | ${3}   | ${'EINVAL'} | ${undefined}
    ${12}     | ${47}     | ${1}   | ${'ENOMEM'} | ${undefined}
    ${12}     | ${47}     | ${2}   | ${'OK'}     | ${536875008}
    ${12}     | ${47}     | ${3}   | ${'OK'}     | ${537002048}
    ${12}     | ${47}     | ${4}   | ${'OK'}     | ${537921544}
    ${12}     | ${47}     | ${5}   | ${'EINVAL'} | ${undefined}
    ${21}     | ${47}     | ${2}   | ${'OK'}     | ${1048704}
    ${21}     | ${47}     | ${3}   | ${'OK'}     | ${1050632}
    ${30}     | ${47}     | ${1}   | ${'OK'}     | ${2048}
    ${30}     | ${47}     | ${2}   | ${'OK'}     | ${2056}
    ${16}     | ${37}     | ${1}   | ${'OK'}     | ${undefined}
    ${16}     | ${38}     | ${1}   | ${'ENOMEM'} | ${undefined}
  `('2^$pageShift pages, 2^$sizeShift bytes, $levels levels → $outcome, $kb kB', (row) => {
    const asked = request(row.pageShift, 1n << BigInt(row.sizeShift), row.levels, 12);
    expect(outcomeOf(asked)).toBe(row.outcome);
    if (row.kb !== undefined) expect(chargedKb(asked)).toBe(row.kb);
  });
});

describe('the shape of a tree', () => {
  test('of 128 TiB in 64K pages and 2 levels has a top table of 512 KiB and 32768 below it', () => {
    const shape = levelShape(request(16, 1n << 47n, 2, 16));
    if (typeof shape === 'string') throw new Error(shape);
    expect(shape).toEqual({ levels: 2, levelShift: 19, entries: 2 ** 31, tables: [1, 32_768] });
    expect(levelBytes(shape)).toBe(512n << 10n);
    expect(fullTableCount(shape)).toBe(32_769);
    expect(fullBytes(shape)).toBe((16n << 30n) + (512n << 10n));
  });

  test('a window of less than a page of TCEs gets a page of them', () => {
    expect(levelShape(request(16, 1n << 16n, 1, 16))).toMatchObject({ entries: 8192, tables: [1] });
    expect(levelShape(request(16, 1n << 16n, 1, 12))).toMatchObject({ entries: 512, tables: [1] });
    expect(levelShape(request(21, 1n << 20n, 1, 16))).toMatchObject({ entries: 8192, tables: [1] });
  });

  test('is refused without a charge when the window is far smaller than a page', () => {
    expect(levelShape(request(16, 1n << 12n, 1, 16))).toBe('EINVAL');
    expect(chargedBytes(request(16, 1n << 12n, 2, 16))).toBe(0n);
  });

  test('is charged one table a level when the window is smaller than a page and its levels make up for that', () => {
    expect(chargedBytes(request(16, 1n << 12n, 5, 16))).toBe(2n * 5n * 65_536n);
  });

  test('every tree that is accepted has one top table, room for its entries, and what it is charged for twice', () => {
    const anything = fc.record({
      pageShift: fc.integer({ min: 12, max: 34 }),
      sizeShift: fc.integer({ min: 0, max: 63 }),
      levels: fc.integer({ min: 0, max: 7 }),
      hostShift: fc.constantFrom(12, 16),
    });
    let accepted = 0;
    fc.assert(
      fc.property(anything, ({ pageShift, sizeShift, levels, hostShift }) => {
        const asked = request(pageShift, 1n << BigInt(sizeShift), levels, hostShift);
        const shape = levelShape(asked);
        if (typeof shape === 'string') return;
        accepted += 1;
        expect(shape.tables).toHaveLength(levels);
        expect(shape.tables[0]).toBe(1);
        expect(shape.tables.at(-1)! * Number(levelBytes(shape))).toBeGreaterThanOrEqual(shape.entries * 8);
        expect(shape.entries).toBeGreaterThanOrEqual(2 ** (sizeShift - pageShift));
        expect(chargedBytes(asked)).toBe(2n * fullBytes(shape));
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  test.each([0n, 3n << 30n, -4096n])('a window of %d bytes is refused without a charge', (size) => {
    expect(levelShape(request(16, size, 1, 16))).toBe('EINVAL');
    expect(chargedBytes(request(16, size, 1, 16))).toBe(0n);
  });
});
