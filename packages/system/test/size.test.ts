import { readFileSync } from 'node:fs';
import { bytes } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { settingsOf } from '../src/presets.js';
import { createdWindow } from '../src/size/accepted-levels.js';
import { sizeOf } from '../src/size/size.js';
import type { SizeRequest } from '../src/size/size-request.js';

/** The guest of the recordings: 512 MiB of memory, a dynamic window of 16M pages. */
const recorded: SizeRequest = {
  ram: 0x2000_0000n,
  maxmem: null,
  groups: 1,
  ddw: 24,
  ddwShift: 31,
  hostPageShift: 16,
  generation: 'PHB4',
  iommuType: 'v2',
  kvm: true,
  memlockKb: null,
  preset: 'newest',
};

test('a guest is charged what the recorded one was', () => {
  const { lockedKb, memlock, windows } = sizeOf(recorded);
  expect(lockedKb).toEqual({ ram: 524_288, windows: 4096 + 512, kvm: 2112 + 128, total: 531_136 });
  expect(memlock).toBe(531_136 * 1024);
  expect(windows.map(({ start, levels, kb, pageShift }) => ({ start, levels, kb, pageShift }))).toEqual([
    { start: 0n, levels: 1, kb: 4096, pageShift: 12 },
    { start: 1n << 59n, levels: 1, kb: 512, pageShift: 16 },
  ]);
});

describe('what fails first is what failed on a real host', () => {
  const start = 'the start of QEMU';
  const create = "the guest's ibm,create-pe-dma-window";
  test.each([
    [1024, 'VFIO_IOMMU_SPAPR_REGISTER_MEMORY', start, /RAM memory listener initialization failed/],
    [524_288, 'KVM_CREATE_SPAPR_TCE_64', start, /QEMU aborts.*DMA mapping failed/],
    [527_000, 'VFIO_IOMMU_SPAPR_TCE_CREATE', start, /QEMU aborts.*DMA mapping failed/],
    [530_496, 'KVM_CREATE_SPAPR_TCE_64', create, /QEMU aborts.*DMA mapping failed/],
    [530_700, 'VFIO_IOMMU_SPAPR_TCE_CREATE', create, /QEMU aborts.*DMA mapping failed/],
  ])('%i kB', (memlockKb, call, during, outcome) => {
    const { firstFailure } = sizeOf({ ...recorded, memlockKb });
    expect(firstFailure).toMatchObject({ limitKb: memlockKb, call, during, errno: 'ENOMEM' });
    expect(firstFailure?.outcome).toMatch(outcome);
  });

  test('what is enough is enough, and a page less is not', () => {
    expect(sizeOf({ ...recorded, memlockKb: 531_136 }).firstFailure).toBeNull();
    expect(sizeOf(recorded).firstFailure).toMatchObject({ limitKb: 531_136 - 64 });
  });

  test('a guest hears of it where createFailure is mended', () => {
    const { firstFailure } = sizeOf({ ...recorded, memlockKb: 530_700, preset: 'repaired' });
    expect(firstFailure?.outcome).toBe('ibm,create-pe-dma-window answers HW_ERROR');
  });
});

describe('groups', () => {
  test('with v2 all share what is registered and the tables', () => {
    expect(sizeOf({ ...recorded, groups: 4 }).lockedKb).toEqual(sizeOf(recorded).lockedKb);
  });

  test('with v1 each of them charges 2 GiB, whatever the guest has', () => {
    const { lockedKb } = sizeOf({ ...recorded, groups: 4, ddw: null, iommuType: 'v1' });
    expect(lockedKb.ram).toBe(4 * 2_097_152);
  });
});

describe('windows.csv', () => {
  /** Lines of calls that made the default window as well, which is 8192 kB of what they show. */
  const withDefaultWindow = [4, 152];
  const [, ...rows] = readFileSync(new URL('../../../vectors/powernv/windows.csv', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line, index) => ({ line: index + 1, fields: line.split(',') }));
  const accepted = rows.filter(({ fields }) => fields[6] === 'OK');
  const settings = settingsOf('newest');

  test('has accepted rows', () => {
    expect(accepted.length).toBeGreaterThan(50);
  });

  test.each(accepted.map(({ line, fields }) => [line, fields] as const))(
    'line %i',
    (line, [, , machine, pageShift, size, levels, , , grown]) => {
      const windowSize = bytes(size!.startsWith('0x') ? BigInt(size!) : 1n << BigInt(size!));
      const host = {
        hostPageShift: 16,
        generation: machine === 'powernv10' ? 'PHB5' : 'PHB4',
        settings,
      } as const;
      const kb = Number(grown) - (withDefaultWindow.includes(line) ? 8192 : 0);
      expect(
        createdWindow(host, { pageShift: Number(pageShift), windowSize, levels: Number(levels) }),
      ).toEqual({ ok: true, kb });
    },
  );
});
