import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describedBytes, markerBytes } from '../src/machine/described.ts';
import { MemoryDiffers } from '../src/machine/memory-differs.ts';
import { fatesOfRead, fatesOfWrite, piecesOf, Undecodable } from '../src/machine/pieces.ts';
import { Ram } from '../src/machine/ram.ts';

const P = 0x800_0000;

describe('pieces of a transfer', () => {
  test('neighbours of one fate are one, guest memory running on', () => {
    expect(piecesOf(0x1ffen, [P, P + 1, P + 2, 7, null, null], 'zeros')).toEqual([
      { ioba: 0x1ffen, bytes: 3, gpa: BigInt(P), outcome: 'ram' },
      { ioba: 0x2001n, bytes: 1, gpa: 7n, outcome: 'ram' },
      { ioba: 0x2002n, bytes: 2, gpa: null, outcome: 'zeros' },
    ]);
  });

  test('go on at 0 past the end of the bus', () => {
    expect(piecesOf(2n ** 64n - 1n, [null, 5], 'dropped')).toEqual([
      { ioba: 2n ** 64n - 1n, bytes: 1, gpa: null, outcome: 'dropped' },
      { ioba: 0n, bytes: 1, gpa: 5n, outcome: 'ram' },
    ]);
  });
});

describe('what a device moved', () => {
  let ram: Ram;
  beforeAll(async () => {
    ram = await Ram.described(32 << 20);
  });
  afterAll(() => ram.close());
  const at = 0x180_0000;

  test('is found where an entry says, by its bytes', () => {
    const got = Buffer.concat([describedBytes(at + 9, 3), Buffer.alloc(2), describedBytes(at, 2)]);
    const candidates = [
      { from: 0, bytes: 3, gpa: BigInt(at + 4096) },
      { from: 0, bytes: 3, gpa: BigInt(at + 9) },
      { from: 3, bytes: 4, gpa: BigInt(at + 8) },
      { from: 5, bytes: 2, gpa: BigInt(at) },
    ];
    expect(fatesOfRead(ram, got, candidates)).toEqual([at + 9, at + 10, at + 11, null, null, at, at + 1]);
  });

  test('is found in all memory where no entry says so, and told as it is', () => {
    const got = Buffer.concat([Buffer.alloc(1), describedBytes(at + 5, 30)]);
    const fates = fatesOfRead(ram, got, [{ from: 0, bytes: 31, gpa: 0x100_0000n }]);
    expect(fates).toEqual([null, ...Array.from({ length: 30 }, (_, n) => at + 5 + n)]);
  });

  test('and stands nowhere is an error', () => {
    const got = markerBytes(3, 16);
    expect(() => fatesOfRead(ram, got, [{ from: 0, bytes: 16, gpa: BigInt(at) }])).toThrow(Undecodable);
  });

  test('lands where the marker is, and memory describes itself again', () => {
    const marker = markerBytes(4, 20);
    ram.write(at + 100, marker.subarray(8));
    const candidates = [
      { from: 0, bytes: 8, gpa: BigInt(at + 0x2000) },
      { from: 8, bytes: 12, gpa: BigInt(at + 100) },
      { from: 8, bytes: 12, gpa: 1n << 40n },
    ];
    const fates = fatesOfWrite(ram, marker, candidates);
    expect(piecesOf(0n, fates, 'dropped')).toEqual([
      { ioba: 0n, bytes: 8, gpa: null, outcome: 'dropped' },
      { ioba: 8n, bytes: 12, gpa: BigInt(at + 100), outcome: 'ram' },
    ]);
    ram.check();
  });

  test('and landed where no entry leads is found when all memory is looked at', () => {
    ram.write(at + 0x5003, markerBytes(5, 4));
    const fates = fatesOfWrite(ram, markerBytes(5, 4), [{ from: 0, bytes: 4, gpa: BigInt(at) }]);
    expect(fates).toEqual([null, null, null, null]);
    expect(() => ram.check()).toThrow(MemoryDiffers);
    const bytes = markerBytes(5, 4).toString('hex');
    expect(() => ram.check()).toThrow(`guest memory at 0x1805003 was written by nobody we know of: ${bytes}`);
    ram.describe(at + 0x5000, 0x10);
    ram.check();
  });

  test('and landed anywhere is found by one of some looks at a part of memory', () => {
    ram.write(at + 0x5003, Buffer.of(1));
    const looks = Array.from({ length: 16 }, () => {
      try {
        ram.checkPart();
        return 'as it was';
      } catch (error) {
        return (error as Error).name;
      }
    });
    expect(looks.filter((look) => look === 'MemoryDiffers').length).toBe(1);
    ram.describe(at + 0x5000, 0x10);
    ram.check();
  });

  test('and landed beside where an entry leads is found at once', () => {
    ram.write(at + 3, markerBytes(6, 4));
    const candidates = [{ from: 0, bytes: 4, gpa: BigInt(at) }];
    expect(() => fatesOfWrite(ram, markerBytes(6, 4), candidates)).toThrow(MemoryDiffers);
    ram.describe(at, 0x10);
    ram.check();
  });

  test('to one place through two entries is told of each byte', () => {
    const marker = markerBytes(9, 6);
    ram.write(at + 4094, marker.subarray(0, 2));
    ram.write(at, marker.subarray(2));
    const candidates = [
      { from: 0, bytes: 2, gpa: BigInt(at + 4094) },
      { from: 2, bytes: 4, gpa: BigInt(at) },
      { from: 0, bytes: 6, gpa: BigInt(at + 1) },
    ];
    expect(fatesOfWrite(ram, marker, candidates)).toEqual([at + 4094, at + 4095, at, at + 1, at + 2, at + 3]);
    ram.check();
  });
});
