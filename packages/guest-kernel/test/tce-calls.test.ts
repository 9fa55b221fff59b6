import { bytes, gpa, type HcallCode, ioba } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { type GuestConfig, isTableInUse, LINUX_5_10 } from '../src/index.ts';
import { bootedGuest, command, lines, MASK_32, platform } from './fake-hypervisor.ts';

/** A guest whose nvme maps through the default window, in lists of at most 2. */
function mappingGuest(config: Partial<GuestConfig> = {}, change = {}) {
  const guest = bootedGuest({ indirectTcesMax: 2, ...config }, { ...smallWindow, ...change });
  guest.settle(command(0, { type: 'probe', device: 'nvme0', dmaMask: MASK_32 } as const));
  return guest;
}
const smallWindow = {
  phbs: platform().phbs.map((phb) => ({
    ...phb,
    dmaWindow: { ...phb.dmaWindow!, bytes: bytes(0x10_0000n) },
  })),
};
const map = (pages: bigint, direction = 'DMA_BIDIRECTIONAL' as 'DMA_BIDIRECTIONAL' | 'DMA_TO_DEVICE') =>
  command(0, {
    type: 'dma_map',
    device: 'nvme0',
    kind: 'page',
    gpa: gpa(0x5_0000n),
    bytes: bytes(pages * 0x1000n),
    direction,
  } as const);
const unmap = (pages: bigint) =>
  command(0, {
    type: 'dma_unmap',
    device: 'nvme0',
    dmaAddress: ioba(0x1000n),
    bytes: bytes(pages * 0x1000n),
  } as const);

/** Answers call number `at` (from 0) so, and the others with success. */
function failing(guest: ReturnType<typeof mappingGuest>, at: number, status: HcallCode) {
  let n = 0;
  guest.answers = { hcall: () => (n++ === at ? { status } : undefined) };
}

test.each`
  direction              | tce
  ${'DMA_BIDIRECTIONAL'} | ${'0x50003'}
  ${'DMA_FROM_DEVICE'}   | ${'0x50003'}
  ${'DMA_TO_DEVICE'}     | ${'0x50001'}
`('$direction always lets the device read: TCE $tce', ({ direction, tce }) => {
  const sent = mappingGuest().settle(map(1n, direction));
  expect(lines(sent)).toEqual([`put 0x80000000 0x1000 ${tce}`, 'mapped']);
});

test.each`
  case                                          | pages | calls
  ${'one page is one H_PUT_TCE'}                | ${1n} | ${['put 0x80000000 0x1000 0x50003']}
  ${'two pages are one list'}                   | ${2n} | ${['indirect 0x80000000 0x1000 2']}
  ${'more pages than a list holds are several'} | ${5n} | ${['indirect 0x80000000 0x1000 2', 'indirect 0x80000000 0x3000 2', 'indirect 0x80000000 0x5000 1']}
`('mapping: $case', ({ pages, calls }) => {
  expect(lines(mappingGuest().settle(map(pages)))).toEqual([...calls, 'mapped']);
});

test('without multi-TCE every page is one H_PUT_TCE, and so is its unmapping', () => {
  const guest = mappingGuest({}, { multiTce: false });
  expect(lines(guest.settle(map(2n)))).toEqual([
    'put 0x80000000 0x1000 0x50003',
    'put 0x80000000 0x2000 0x51003',
    'mapped',
  ]);
  expect(lines(guest.settle(unmap(2n)))).toEqual([
    'put 0x80000000 0x1000 0x0',
    'put 0x80000000 0x2000 0x0',
    'unmapped',
  ]);
});

describe('a mapping that is refused', () => {
  test('for want of resources takes back the lists before, but not what the refused list had put (B-44)', () => {
    const guest = mappingGuest();
    failing(guest, 1, 'H_NOT_ENOUGH_RESOURCES');
    const sent = guest.settle(map(5n));
    expect(lines(sent)).toEqual([
      'indirect 0x80000000 0x1000 2',
      'indirect 0x80000000 0x3000 2',
      'stuff 0x80000000 0x1000 2', // The unwind: the lists that were done.
      'stuff 0x80000000 0x1000 2', // iommu_alloc's own clearing of all five.
      'stuff 0x80000000 0x3000 2',
      'stuff 0x80000000 0x5000 1',
      'mapped',
    ]);
    expect(sent.at(-1)).toMatchObject({ segments: null });
    expect(isTableInUse(guest.kernel.tables[0]!)).toBe(false);
  });

  test('in its first list unwinds with an H_STUFF_TCE of no pages', () => {
    const guest = mappingGuest();
    failing(guest, 0, 'H_NOT_ENOUGH_RESOURCES');
    expect(lines(guest.settle(map(2n)))[1]).toBe('stuff 0x80000000 0x1000 0');
  });

  test('page by page takes back the pages before, one by one', () => {
    const guest = mappingGuest({}, { multiTce: false });
    failing(guest, 2, 'H_NOT_ENOUGH_RESOURCES');
    expect(lines(guest.settle(map(3n))).slice(3, 5)).toEqual([
      'put 0x80000000 0x1000 0x0',
      'put 0x80000000 0x2000 0x0',
    ]);
  });

  test.each(['H_PARAMETER', 'H_PERMISSION', 'H_FUNCTION'] as const)(
    'with %s stops there, is only printed, and counts as mapped (B-44)',
    (status) => {
      const guest = mappingGuest();
      failing(guest, 1, status);
      const sent = guest.settle(map(5n));
      expect(lines(sent)).toEqual(['indirect 0x80000000 0x1000 2', 'indirect 0x80000000 0x3000 2', 'mapped']);
      expect(sent.at(-1)).toMatchObject({ segments: [{ dmaAddress: 0x1000n, bytes: 0x5000n }] });
      expect(sent.filter(({ type }) => type === 'printk')).toHaveLength(1);
    },
  );

  test('page by page with another answer goes on to its end', () => {
    const guest = mappingGuest({}, { multiTce: false });
    failing(guest, 0, 'H_PARAMETER');
    expect(lines(guest.settle(map(3n)))).toHaveLength(4);
  });
});

test('unmapping clears in blocks, and the pages are free whatever is answered', () => {
  const guest = mappingGuest();
  guest.settle(map(5n));
  failing(guest, 1, 'H_PARAMETER');
  expect(lines(guest.settle(unmap(5n)))).toEqual([
    'stuff 0x80000000 0x1000 2',
    'stuff 0x80000000 0x3000 2', // The first refusal ends it; 0x5000 stays mapped.
    'unmapped',
  ]);
  expect(isTableInUse(guest.kernel.tables[0]!)).toBe(false);
});

test('kernels before 6.6 clear with one H_STUFF_TCE, however many pages (B-43)', () => {
  const guest = mappingGuest({ version: LINUX_5_10 });
  expect(guest.sent.filter(({ type }) => type === 'H_STUFF_TCE')).toHaveLength(1); // All of boot.
  guest.settle(map(5n));
  expect(lines(guest.settle(unmap(5n)))).toEqual(['stuff 0x80000000 0x1000 5', 'unmapped']);
});

test('a window with no room maps nothing and makes no call', () => {
  const sent = mappingGuest().settle(map(300n));
  expect(lines(sent)).toEqual(['mapped']);
  expect(sent.at(-1)).toMatchObject({ segments: null });
});

test('a list of buffers is one segment where they come to lie side by side', () => {
  const guest = mappingGuest();
  const segments = [0x9_0000n, 0x3_0000n].map((at) => ({ gpa: gpa(at), bytes: bytes(0x1000n) }));
  const sent = guest.settle(
    command(0, { type: 'dma_map_sg', device: 'nvme0', segments, direction: 'DMA_TO_DEVICE' } as const),
  );
  expect(lines(sent)).toEqual(['put 0x80000000 0x1000 0x90001', 'put 0x80000000 0x2000 0x30001', 'mapped']);
  expect(sent.at(-1)).toMatchObject({ segments: [{ dmaAddress: 0x1000n, bytes: 0x2000n }] });
});

test('a list that fails takes back the buffers before, and keeps the pages of the one that failed', () => {
  const guest = mappingGuest();
  failing(guest, 1, 'H_NOT_ENOUGH_RESOURCES');
  const segments = [0x9_0000n, 0x3_0000n].map((at) => ({ gpa: gpa(at), bytes: bytes(0x1000n) }));
  const sent = guest.settle(
    command(0, { type: 'dma_map_sg', device: 'nvme0', segments, direction: 'DMA_TO_DEVICE' } as const),
  );
  expect(sent.at(-1)).toMatchObject({ segments: null });
  expect(guest.kernel.tables[0]!.map).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

test.each(['kvm', 'qemu-spapr'] as const)(
  'every call goes to %s where that is the hypervisor',
  (hypervisor) => {
    const guest = mappingGuest({ hypervisor });
    guest.settle(map(1n));
    const calls = guest.sent.filter(({ to }) => to !== 'environment');
    expect(new Set(calls.map(({ to }) => to))).toEqual(new Set([hypervisor]));
    const types: readonly string[] = calls.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['H_PUT_TCE', 'ibm,query-pe-dma-window']));
    expect(guest.kernel.vcpus[0]!.at).toBe('idle');
  },
);
