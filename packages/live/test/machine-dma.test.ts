import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiveMachine } from '../src/machine/live-machine.ts';
import {
  create,
  dma,
  get,
  indirect,
  inShort,
  lacks,
  machineOf,
  phb,
  put,
  remove,
  reset,
  skipped,
} from './machine-real.ts';

const L = 0x8000_0000n;
const W = 1n << 59n;
const P = 0x800_0000n;

describe.skipIf(lacks !== null)(`devices of a real QEMU${skipped}`, () => {
  let live: LiveMachine;
  const phbs = [
    phb(0),
    phb(1, { dma64WinAddr: 0x1_0000n, dmaWinSize: 0x10_0000n }),
    phb(2, { dmaWinAddr: 0x1fffn, dmaWinSize: 0x2000n }),
    phb(3, { pgsz: 0xffff_ffff_ffff_ffffn }),
    phb(5, { dmaWinAddr: 0x1800n, dma64WinAddr: 0x2000n }),
    phb(4, { dma64WinAddr: 0xffff_ffff_fff0_0000n, pgsz: 0x100_1000n }),
  ];
  beforeAll(async () => {
    live = await LiveMachine.start(machineOf(phbs));
  });
  afterAll(() => live.close());
  const played = async (...calls: Parameters<LiveMachine['play']>[0]) =>
    (await live.play(calls)).map(inShort);
  const moved = (index: number, ioba: bigint, bytes: number) =>
    played(dma('read', index, ioba, bytes), dma('write', index, ioba, bytes));

  test.each([
    [3n, '16 0x8000010', '16 0x8000010'],
    [1n, '16 0x8000010', '16 dropped'],
    [2n, '16 zeros', '16 0x8000010'],
    [0n, '16 zeros', '16 dropped'],
  ])('an entry’s permission %d decides what is read and what is written', async (permission, read, wrote) => {
    await live.play([put(L, 0x1000n, P | permission)]);
    expect(await moved(0, 0x1010n, 16)).toEqual([read, wrote]);
  });

  test('each page goes by its own entry, down to a byte', async () => {
    const list = [P | 3n, (P + 0x5000n) | 1n, 0n, (P + 0x1000n) | 2n];
    await live.play([indirect(L, 0x1_0000n, 0x80_0000n, list)]);
    expect(await moved(0, 0x1_0fffn, 4095)).toEqual([
      '1 0x8000fff, 4094 0x8005000',
      '1 0x8000fff, 4094 dropped',
    ]);
    expect(await moved(0, 0x1_1ffen, 4)).toEqual(['2 0x8005ffe, 2 zeros', '4 dropped']);
    expect(await moved(0, 0x1_2fffn, 2)).toEqual(['2 zeros', '1 dropped, 1 0x8001000']);
    expect(await moved(0, 0x1_0123n, 1)).toEqual(['1 0x8000123', '1 0x8000123']);
  });

  test('a transfer sees the calls that come right before it, and none that comes after it', async () => {
    const to = (page: bigint) => put(L, 0x1000n, (P + page) | 3n);
    const read = dma('read', 0, 0x1000n, 8);
    await live.play([read]);
    const calls = [to(0n), read, to(0x1000n), read, to(0x2000n), dma('write', 0, 0x1000n, 8), to(0x3000n)];
    const list = indirect(L, 0x1000n, 0xa00_0000n, [0xa00_0003n]);
    expect(await played(...calls, list, dma('write', 0, 0x1000n, 8), read)).toEqual([
      ...[0, '8 0x8000000', 0, '8 0x8001000', 0, '8 0x8002000', 0],
      ...[0, '8 0xa000000', '8 0xa000000'],
    ]);
    live.checkMemory();
  });

  test('memory that runs on is one piece, through any entries', async () => {
    await live.play([indirect(L, 0x1_0000n, 0x80_0000n, [P | 3n, (P + 0x1000n) | 3n])]);
    expect(await moved(0, 0x1_0ff0n, 32)).toEqual(['32 0x8000ff0', '32 0x8000ff0']);
  });

  test('there is nothing outside of windows, and none beyond memory', async () => {
    await live.play([put(L, 0x2000n, 0x4000_0003n), put(L, 0x3fff_f000n, P | 3n)]);
    expect(await moved(0, 0x2000n, 8)).toEqual(['8 zeros', '8 dropped']);
    expect(await moved(0, 0x3fff_fff8n, 16)).toEqual(['8 0x8000ff8, 8 zeros', '8 0x8000ff8, 8 dropped']);
    expect(await moved(0, W, 16)).toEqual(['16 zeros', '16 dropped']);
    expect(await moved(0, 2n ** 64n - 8n, 8)).toEqual(['8 zeros', '8 dropped']);
  });

  test('the entry that was lent to look into the device has what it had', async () => {
    await live.play([put(L, 0n, 0xabcd_ef01_2345_6003n)]);
    await moved(0, 0x1000n, 64);
    expect(await played(get(L, 0n))).toEqual(['0xabcdef0123456003']);
  });

  test.each([
    ['of one byte', 0, 1],
    ['so large that the window has 2^64 bytes, which are none', 52, 68],
  ])('a window of pages %s is not lent: devices move nothing by it', async (_, shift, windowShift) => {
    await live.play([create(3, shift, windowShift), put(L + 0x300n, 0x3fff_f000n, P | 3n)]);
    expect(await moved(3, 0x3fff_fff8n, 16)).toEqual(['8 0x8000ff8, 8 zeros', '8 0x8000ff8, 8 dropped']);
    await live.checkMemory();
    await live.play([remove(Number(L) + 0x301)]);
  });

  test('large pages reach far, and an entry’s low bits do not count', async () => {
    for (const shift of [16, 21, 24]) {
      await live.play([create(0, shift, 32), put(L + 1n, W, 0x100_5003n)]);
      expect(await moved(0, W + (1n << BigInt(shift)) - 16n, 32)).toEqual([
        `16 0x${(0x100_0000n + (1n << BigInt(shift)) - 16n).toString(16)}, 16 zeros`,
        `16 0x${(0x100_0000n + (1n << BigInt(shift)) - 16n).toString(16)}, 16 dropped`,
      ]);
      await live.play([remove(Number(L) + 1)]);
    }
  });

  test('pages may be smaller than 4 KiB', async () => {
    const S = L + 0x300n;
    await live.play([
      create(3, 5, 20),
      put(S + 1n, W + 0x20n, P | 3n),
      put(S + 1n, W + 0x40n, (P + 0x80n) | 3n),
    ]);
    expect(await moved(3, W + 0x10n, 64)).toEqual([
      '16 zeros, 32 0x8000000, 16 0x8000080',
      '16 dropped, 32 0x8000000, 16 0x8000080',
    ]);
    expect(await played(reset(3))).toEqual([[0]]);
  });

  test.each([
    [3n, '32 0x8000000, 32 0x8000000'],
    [1n, '32 dropped, 32 0x8000000'],
  ])(
    'where two entries lead to one place, permission %d of the first still shows',
    async (permission, wrote) => {
      const S = L + 0x300n;
      await live.play([
        create(3, 5, 20),
        put(S + 1n, W + 0x20n, P | permission),
        put(S + 1n, W + 0x40n, P | 3n),
      ]);
      expect(await played(dma('write', 3, W + 0x20n, 64))).toEqual([wrote]);
      expect(await played(reset(3))).toEqual([[0]]);
    },
  );

  test('a page goes on where another window covers it', async () => {
    await live.play([create(5, 12, 12), put(L + 0x500n, 0x2000n, P | 3n)]);
    expect(await played(dma('write', 5, 0x1800n, 2262))).toEqual(['2262 0x8000000']);
  });

  test('a window may begin near the end of the bus', async () => {
    const N = 0xffff_ffff_fff0_0000n;
    await live.play([create(4, 24, 27), put(L + 0x401n, 0n, P | 3n)]);
    expect(await moved(4, N + 0x123n, 16)).toEqual(['16 0x8000123', '16 0x8000123']);
    await live.play([remove(Number(L) + 0x401)]);
  });

  test('a window need not begin where a page does', async () => {
    const calls = [0x1fffn, 0x2000n, 0x3000n].map((ioba) =>
      put(L + 0x200n, ioba, ((P + 4n * ioba) & ~0xfffn) | 3n),
    );
    expect(await played(...calls)).toEqual([-4, 0, 0]);
    expect(await moved(2, 0x2ff0n, 32)).toEqual(['15 0x8008ff1, 17 0x800c000', '15 0x8008ff1, 17 0x800c000']);
    expect(await moved(2, 0x1fffn, 1)).toEqual(['1 0x8008000', '1 0x8008000']);
    expect(await moved(2, 0x1ffen, 1)).toEqual(['1 zeros', '1 dropped']);
  });

  test('where two windows overlap, that of slot 1 answers', async () => {
    await live.play([
      create(1, 12, 16),
      put(L + 0x100n, 0x1_0000n, P | 3n),
      put(L + 0x100n, 0x2_0000n, P | 3n),
    ]);
    expect(await moved(1, 0x1_0008n, 8)).toEqual(['8 zeros', '8 dropped']);
    await live.play([put(L + 0x101n, 0x1_0000n, (P + 0x7000n) | 3n)]);
    expect(await moved(1, 0x1_0008n, 8)).toEqual(['8 0x8007008', '8 0x8007008']);
    expect(await moved(1, 0x1_fff8n, 16)).toEqual(['8 zeros, 8 0x8000000', '8 dropped, 8 0x8000000']);
  });

  test('without any window there is nothing, which is looked at when there is one again', async () => {
    // The default window's slot is used by another window, so that nothing is restored when the last one goes.
    await live.play([reset(0), remove(Number(L)), create(0, 16, 30), remove(Number(L))]);
    expect(await moved(0, 0x1000n, 100)).toEqual(['100 zeros', '100 dropped']);
    expect(await played(get(L, 0n), reset(0), put(L, 0n, P | 3n))).toEqual([-4, [0], 0]);
    expect(await moved(0, 0x10n, 100)).toEqual(['100 0x8000010', '100 0x8000010']);
  });

  test('nothing was written anywhere else', () => live.checkMemory());
});

describe.skipIf(lacks !== null)(`devices of older machines${skipped}`, () => {
  test.each(['pseries-2.5', 'pseries-2.7', 'pseries-3.1'] as const)('%s', async (machine) => {
    const live = await LiveMachine.start(machineOf([phb(0), phb(7)], { machine }));
    const answers = await live.play([
      put(L + 0x700n, 0x1000n, P | 3n),
      dma('read', 7, 0x1ff0n, 32),
      dma('write', 7, 0x1ff0n, 32),
      dma('read', 0, 0x1ff0n, 32),
    ]);
    expect(answers.slice(1).map(inShort)).toEqual([
      '16 0x8000ff0, 16 zeros',
      '16 0x8000ff0, 16 dropped',
      '32 zeros',
    ]);
    await live.close();
  });
});
