import { bytes } from '@spapr-dma/protocol';
import { expect, test } from 'vitest';
import { sectionChanges, sectionsOf } from '../src/vfio-sections.js';
import { hostWindowShapeOf } from '../src/window-levels.js';
import { L0, L1, machineWith, withWindow } from './vfio-host-fake.js';

/** Pages that POWER9 offers: 4K, 64K, 2M, 16M and 1G. */
const POWER9 = 0x4121_1000n;

test.each`
  case                                             | shift | size            | mask        | hostShift | ramShift | expected
  ${'default window'}                              | ${12} | ${1n << 30n}    | ${POWER9}   | ${16}     | ${16}    | ${[12, 1, 3]}
  ${'16M pages over 64K memory get 64K pages'}     | ${24} | ${1n << 31n}    | ${POWER9}   | ${16}     | ${16}    | ${[16, 1, 3]}
  ${'16M pages over 16M memory keep their size'}   | ${24} | ${1n << 31n}    | ${POWER9}   | ${16}     | ${24}    | ${[24, 1, 2]}
  ${'64K pages, 128 TiB: bits 34 are two levels'}  | ${16} | ${1n << 47n}    | ${POWER9}   | ${16}     | ${16}    | ${[16, 2, 3]}
  ${'2^23 entries of 4K: bits 26'}                 | ${12} | ${1n << 35n}    | ${POWER9}   | ${16}     | ${16}    | ${[12, 2, 3]}
  ${'2^21 entries of 4K: bits 24 fit into one'}    | ${12} | ${1n << 33n}    | ${POWER9}   | ${16}     | ${16}    | ${[12, 1, 3]}
  ${'4K host pages make smaller levels'}           | ${12} | ${1n << 30n}    | ${POWER9}   | ${12}     | ${12}    | ${[12, 2, 4]}
  ${'2^32 entries count as 0 of 32 bits'}          | ${16} | ${1n << 48n}    | ${POWER9}   | ${16}     | ${16}    | ${[16, 3, 3]}
  ${'a size cut by 1 page has few trailing zeros'} | ${16} | ${0x7fff_0000n} | ${POWER9}   | ${16}     | ${16}    | ${[16, 1, 3]}
  ${'a host without 64K pages gives 4K'}           | ${16} | ${1n << 31n}    | ${0x1000n}  | ${16}     | ${16}    | ${[12, 1, 3]}
  ${'a host with larger pages only cannot'}        | ${12} | ${1n << 30n}    | ${0x10000n} | ${16}     | ${16}    | ${null}
`('hardware window: $case', ({ shift, size, mask, hostShift, ramShift, expected }) => {
  const shape = hostWindowShapeOf(shift, bytes(size), mask, {
    hostPageShift: hostShift,
    ramPageShift: ramShift,
  });
  expect(shape && [shape.pageShift, shape.levels, shape.levelsMax]).toEqual(expected);
});

const windowAt = (slot: 0 | 1, busOffset: bigint, entries: number, qemu = machineWith()) =>
  withWindow(qemu, slot === 0 ? L0 : L1, { pageShift: 16, busOffset, entries, fd: -1 });
const texts = (sections: ReturnType<typeof sectionsOf>) =>
  sections.map(({ of, start, bytes: size }) =>
    of.kind === 'msi'
      ? `msi ${start.toString(16)}`
      : `${of.liobn.toString(16)}+${of.first.toString(16)} ${start.toString(16)} ${size.toString(16)}`,
  );

test('the listeners of a PHB see its windows and the interrupts by address', () => {
  const qemu = windowAt(1, 1n << 59n, 8, windowAt(0, 0n, 4));
  expect(texts(sectionsOf(qemu, 0))).toEqual([
    '80000000+0 0 40000',
    'msi 40000000000',
    '80000001+0 800000000000000 80000',
  ]);
});

test('where windows overlap, the one in slot 1 hides the other, which shows before and after it', () => {
  const qemu = windowAt(1, (1n << 59n) + 0x20000n, 2, windowAt(0, 1n << 59n, 8));
  expect(texts(sectionsOf(qemu, 0)).slice(1)).toEqual([
    '80000000+0 800000000000000 20000',
    '80000001+0 800000000020000 20000',
    '80000000+40000 800000000040000 40000',
  ]);
});

test('a window that reaches over the interrupts hides them', () => {
  expect(texts(sectionsOf(windowAt(0, 0n, 2 ** 31), 0))).toEqual(['80000000+0 0 800000000000']);
});

test('a window that hides part of another makes that one go and come again', () => {
  const before = windowAt(0, 1n << 59n, 8);
  const { gone, come } = sectionChanges(
    sectionsOf(before, 0),
    sectionsOf(windowAt(1, 1n << 59n, 2, before), 0),
  );
  expect(texts(gone)).toEqual(['80000000+0 800000000000000 80000']);
  expect(texts(come)).toEqual(['80000001+0 800000000000000 20000', '80000000+20000 800000000020000 60000']);
});

test('a window that comes to light where another one of its size was has not been there before', () => {
  const below = windowAt(0, 1n << 59n, 8);
  const { gone, come } = sectionChanges(
    sectionsOf(windowAt(1, 1n << 59n, 8, below), 0),
    sectionsOf(below, 0),
  );
  expect(texts(gone)).toEqual(['80000001+0 800000000000000 80000']);
  expect(texts(come)).toEqual(['80000000+0 800000000000000 80000']);
});
