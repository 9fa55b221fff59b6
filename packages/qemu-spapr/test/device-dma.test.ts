import { bytes, gpa, ioba, liobn } from '@spapr-dma/protocol';
import { describe, expect, test } from 'vitest';
import { ramOf } from '../src/index.ts';
import {
  create,
  DYNAMIC,
  dma,
  L0,
  L1,
  linesOf,
  piecesOf,
  put,
  type Qemu,
  remove,
  rtas,
  running,
  type Stepped,
  send,
  stuff,
} from './machine.ts';

const U64_MAX = (1n << 64n) - 1n;
const phb = { driver: 'spapr-pci-host-bridge', index: 0 } as const;

/** What became of a transfer, in short: bytes, outcome, and where in memory. */
const fate = (stepped: Stepped) =>
  piecesOf(stepped).map(({ bytes, outcome, gpa }) =>
    gpa === null ? `${bytes} ${outcome}` : `${bytes} at 0x${gpa.toString(16)}`,
  );
const read = (qemu: Qemu, at: bigint, count: number) => fate(send(qemu, dma('read', at, count)));
const write = (qemu: Qemu, at: bigint, count: number) => fate(send(qemu, dma('write', at, count)));

/** Pages 1, 2, 3, 4: both ways, read only, write only, nothing; in memory at 1 MiB, 2 MiB, … */
const pages = running(
  {},
  put(L0, 0x1000n, 0x10_0003n),
  put(L0, 0x2000n, 0x20_0001n),
  put(L0, 0x3000n, 0x30_0002n),
  put(L0, 0x4000n, 0x40_0000n),
);

test.each`
  entry                    | at              | reads               | writes
  ${'both ways'}           | ${0x1010n}      | ${'16 at 0x100010'} | ${'16 at 0x100010'}
  ${'read only'}           | ${0x2010n}      | ${'16 at 0x200010'} | ${'16 dropped'}
  ${'write only'}          | ${0x3010n}      | ${'16 zeros'}       | ${'16 at 0x300010'}
  ${'without permissions'} | ${0x4010n}      | ${'16 zeros'}       | ${'16 dropped'}
  ${'never written'}       | ${0x5010n}      | ${'16 zeros'}       | ${'16 dropped'}
  ${'past the window'}     | ${0x5000_0000n} | ${'16 zeros'}       | ${'16 dropped'}
  ${'not in any window'}   | ${DYNAMIC}      | ${'16 zeros'}       | ${'16 dropped'}
  ${'at a guest address'}  | ${0x10_0000n}   | ${'16 zeros'}       | ${'16 dropped'}
`('an entry $entry: a read finds $reads, a write $writes', ({ at, reads, writes }) => {
  expect(read(pages, at, 16)).toEqual([reads]);
  expect(write(pages, at, 16)).toEqual([writes]);
  expect(send(pages, dma('write', at, 16)).qemu.context).toBe(pages.context);
});

describe('each page of a transfer goes by its own entry', () => {
  test('from page to page', () => {
    expect(read(pages, 0xff8n, 0x3010)).toEqual([
      '8 zeros',
      '4096 at 0x100000',
      '4096 at 0x200000',
      '4104 zeros',
    ]);
    expect(write(pages, 0xff8n, 0x3010)).toEqual([
      '8 dropped',
      '4096 at 0x100000',
      '4096 dropped',
      '4096 at 0x300000',
      '8 dropped',
    ]);
  });

  test('pages that follow each other in memory too are one piece', () => {
    const adjacent = running({}, put(L0, 0x1000n, 0x10_0003n), put(L0, 0x2000n, 0x10_1003n));
    expect(read(adjacent, 0x1800n, 0x1000)).toEqual(['4096 at 0x100800']);
  });

  test('over the end of the window', () => {
    const last = running({}, put(L0, 0x3fff_f000n, 0x10_0003n));
    expect(read(last, 0x3fff_fff0n, 32)).toEqual(['16 at 0x100ff0', '16 zeros']);
  });

  test('the next transfer sees the next value: nothing is cached', () => {
    const before = running({}, put(L0, 0x1000n, 0x10_0003n));
    expect(read(before, 0x1000n, 4)).toEqual(['4 at 0x100000']);
    expect(read(send(before, put(L0, 0x1000n, 0x20_0003n)).qemu, 0x1000n, 4)).toEqual(['4 at 0x200000']);
    expect(read(send(before, stuff(L0, 0x1000n, 0n, 1n)).qemu, 0x1000n, 4)).toEqual(['4 zeros']);
  });
});

describe('where an entry points', () => {
  test('bits between permissions and page are ignored', () => {
    expect(read(running({}, put(L0, 0x1000n, 0x90_0fffn)), 0x1004n, 4)).toEqual(['4 at 0x900004']);
  });

  test.each([12, 16, 21, 24])('the page size is that of the window, 2^%d', (shift) => {
    const window = running({}, create(shift, shift + 4), put(L1, DYNAMIC, 0x100_5003n));
    const page = 1n << BigInt(shift);
    const base = BigInt.asUintN(64, 0x100_5000n & -page);
    expect(read(window, DYNAMIC, 4)).toEqual([`4 at 0x${base.toString(16)}`]);
    expect(read(window, DYNAMIC + page - 4n, 8)).toEqual([
      `4 at 0x${(base + page - 4n).toString(16)}`,
      '4 zeros',
    ]);
  });

  test('beyond memory, and with bit 63 set, a read finds zeros and a write is dropped', () => {
    for (const tce of [0x2000_0003n, 0x8000_0000_0090_0003n]) {
      const beyond = running({}, put(L0, 0x1000n, tce));
      expect(read(beyond, 0x1000n, 8)).toEqual(['8 zeros']);
      expect(write(beyond, 0x1000n, 8)).toEqual(['8 dropped']);
    }
  });

  test('over the end of memory, in mid-page', () => {
    const small = running({ ram: ramOf(0x10_0800n) }, put(L0, 0x1000n, 0x10_0003n));
    expect(read(small, 0x17f8n, 16)).toEqual(['8 at 0x1007f8', '8 zeros']);
  });

  test('from one block of memory into the next, and into a hole between two', () => {
    const block = (at: bigint, size: bigint) => ({ gpa: gpa(at), bytes: bytes(size) });
    const ram = [block(0n, 0x10_0000n), block(0x10_0000n, 0x800n), block(0x10_0c00n, 0x1000n)];
    const blocks = running({ ram }, create(21, 22), put(L1, DYNAMIC, 3n));
    expect(read(blocks, DYNAMIC + 0xf_fff0n, 0xc20)).toEqual([
      '2064 at 0xffff0',
      '1024 zeros',
      '16 at 0x100c00',
    ]);
  });
});

describe('the lines of lookups', () => {
  test('one for each page, with the address in the window, the page, the entry’s permissions and the mask', () => {
    const window = running(
      {},
      create(16, 20),
      put(L1, DYNAMIC + 0x2_0000n, 0x12_3453n),
      put(L1, DYNAMIC + 0x3_0000n, 0x20_0001n),
    );
    expect(linesOf(send(window, dma('read', DYNAMIC + 0x2_fff0n, 32)))).toEqual([
      'iommu_xlate liobn=0x80000001 address=0x2fff0 translated=0x120000 perm=3 mask=65535',
      'iommu_xlate liobn=0x80000001 address=0x30000 translated=0x200000 perm=1 mask=65535',
    ]);
  });

  test('one for every four bytes where the entry does not allow the access', () => {
    expect(linesOf(send(pages, dma('write', 0x2000n, 16)))).toHaveLength(4);
    expect(linesOf(send(pages, dma('read', 0x5000n, 16)))[3]).toBe(
      'iommu_xlate liobn=0x80000000 address=0x500c translated=0x0 perm=0 mask=4095',
    );
  });

  test('with the page of an entry that allows nothing', () => {
    expect(linesOf(send(pages, dma('read', 0x4010n, 4)))).toEqual([
      'iommu_xlate liobn=0x80000000 address=0x4010 translated=0x400000 perm=0 mask=4095',
    ]);
  });

  test('fewer bytes at a time where the address or the rest is not aligned', () => {
    const addresses = (at: bigint, count: number) =>
      linesOf(send(pages, dma('read', at, count))).map((line) => /address=0x(\w+)/.exec(line)?.[1]);
    expect(addresses(0x5001n, 7)).toEqual(['5001', '5002', '5004']);
    expect(addresses(0x5004n, 7)).toEqual(['5004', '5008', '500a']);
    expect(addresses(0x5003n, 1)).toEqual(['5003']);
  });

  test('one for every four bytes where the page is not in memory', () => {
    const beyond = running({}, put(L0, 0x1000n, 0x2000_0003n));
    expect(linesOf(send(beyond, dma('read', 0x1000n, 16)))).toHaveLength(4);
  });

  test('none outside every window', () => {
    expect(linesOf(send(pages, dma('read', DYNAMIC, 16)))).toEqual([]);
    expect(linesOf(send(pages, dma('read', 0n, 16, { kind: 'phb', index: 9 })))).toEqual([]);
  });

  test('the mask is cut to 32 bits', () => {
    const huge = running({ devices: [{ ...phb, pgsz: U64_MAX }] }, create(40, 41), put(L1, DYNAMIC, 3n));
    expect(linesOf(send(huge, dma('read', DYNAMIC, 4)))).toEqual([
      'iommu_xlate liobn=0x80000001 address=0x0 translated=0x0 perm=3 mask=4294967295',
    ]);
  });
});

describe('where two windows overlap', () => {
  const overlapping = running({}, create(16, 20), remove(L0), create(12, 30), put(L0, DYNAMIC, 0x90_0003n));

  test('slot 1 answers, with an empty entry too', () => {
    expect(read(overlapping, DYNAMIC, 16)).toEqual(['16 zeros']);
    const both = send(overlapping, put(L1, DYNAMIC, 0x91_0003n)).qemu;
    expect(read(both, DYNAMIC, 16)).toEqual(['16 at 0x910000']);
  });

  test('beyond the end of slot 1, slot 0 does', () => {
    const end = DYNAMIC + 0x10_0000n;
    const beyond = send(overlapping, put(L0, end, 0x92_0003n)).qemu;
    expect(read(beyond, end - 16n, 32)).toEqual(['16 zeros', '16 at 0x920000']);
  });
});

describe('the ends of the address space', () => {
  test('a window that ends with it is reached to its last byte', () => {
    const start = 0xffff_fff0_0000_0000n;
    const top = running(
      { devices: [{ ...phb, dma64WinAddr: ioba(start) }] },
      create(16, 36),
      put(L1, U64_MAX, 0x10_0003n),
    );
    expect(read(top, U64_MAX - 15n, 16)).toEqual(['16 at 0x10fff0']);
    expect(read(top, start - 4n, 4)).toEqual(['4 zeros']);
  });

  test('a window that would go on is cut there, and is not found at 0', () => {
    const start = 0xffff_ffff_ffff_0000n;
    const cut = running(
      { devices: [{ ...phb, dmaWinAddr: ioba(0x100_0000n), dma64WinAddr: ioba(start) }] },
      create(16, 17),
      put(L1, start, 0x10_0003n),
      put(L1, 0n, 0x20_0003n),
    );
    expect(read(cut, start, 16)).toEqual(['16 at 0x100000']);
    expect(read(cut, 0n, 16)).toEqual(['16 zeros']);
  });

  test('a window of 2^64 bytes translates nothing: its size is cut to 64 bits', () => {
    const ring = running(
      { devices: [{ ...phb, pgsz: U64_MAX, dma64WinAddr: ioba(0n) }] },
      create(60, 64),
      put(L1, 1n << 60n, 3n),
    );
    expect(read(ring, 1n << 60n, 16)).toEqual(['16 zeros']);
  });
});

describe('a device sees the windows of its own', () => {
  const LIOBN = 0x7100_0002;
  const vio = running(
    {
      ram: ramOf(0x4000_0000n),
      devices: [
        phb,
        { ...phb, index: 1 },
        { driver: 'spapr-vscsi', reg: LIOBN, rtceWindowBytes: bytes(0x1000_0000n) },
        { driver: 'spapr-vty', reg: 0x7100_0000, rtceWindowBytes: bytes(0n) },
      ],
    },
    put(L0, 0x1000n, 0x10_0003n),
    put(0x8000_0100, 0x1000n, 0x20_0003n),
    put(LIOBN, 0x1000n, 0x30_0003n),
  );
  const target = { kind: 'vio', liobn: liobn(LIOBN) } as const;
  const vioRead = (qemu: Qemu, at: bigint, count: number) => fate(send(qemu, dma('read', at, count, target)));

  test('PHB by PHB, VIO device by VIO device', () => {
    expect(read(vio, 0x1000n, 4)).toEqual(['4 at 0x100000']);
    expect(fate(send(vio, dma('read', 0x1000n, 4, { kind: 'phb', index: 1 })))).toEqual(['4 at 0x200000']);
    expect(vioRead(vio, 0x1000n, 4)).toEqual(['4 at 0x300000']);
    expect(vioRead(vio, 0x1000_0000n, 4)).toEqual(['4 zeros']);
    expect(fate(send(vio, dma('read', 0n, 4, { kind: 'vio', liobn: liobn(0x7100_0000) })))).toEqual([
      '4 zeros',
    ]);
  });

  test('with bypass on, a VIO device reaches memory untranslated, past its window, without a line', () => {
    const bypassed = send(vio, rtas('ibm,set-tce-bypass', [LIOBN, 1], 1)).qemu;
    expect(vioRead(bypassed, 0x1000n, 4)).toEqual(['4 at 0x1000']);
    expect(vioRead(bypassed, 0x2000_0000n, 4)).toEqual(['4 at 0x20000000']);
    expect(vioRead(bypassed, 0x3fff_fff8n, 16)).toEqual(['8 at 0x3ffffff8', '8 zeros']);
    expect(linesOf(send(bypassed, dma('read', 0x1000n, 4, target)))).toEqual([]);
    const again = send(bypassed, rtas('ibm,set-tce-bypass', [LIOBN, 0], 1)).qemu;
    expect(vioRead(again, 0x1000n, 4)).toEqual(['4 at 0x300000']);
  });
});
