import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describedBytes, markerBytes } from '../src/machine/described.ts';
import { MemoryDiffers } from '../src/machine/memory-differs.ts';
import { fatesOfRead, fatesOfWrite, partsOf, piecesOf, Undecodable } from '../src/machine/pieces.ts';
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
    const fates = fatesOfWrite(ram, marker, partsOf(ram, candidates));
    expect(piecesOf(0n, fates ?? [], 'dropped')).toEqual([
      { ioba: 0n, bytes: 8, gpa: null, outcome: 'dropped' },
      { ioba: 8n, bytes: 12, gpa: BigInt(at + 100), outcome: 'ram' },
    ]);
    ram.check();
  });

  test('and landed where no entry leads is found when all memory is looked at', () => {
    ram.write(at + 0x5003, markerBytes(5, 4));
    const fates = fatesOfWrite(ram, markerBytes(5, 4), [{ from: 0, bytes: 4, gpa: at }]);
    expect(fates).toEqual([null, null, null, null]);
    expect(() => ram.check()).toThrow(MemoryDiffers);
    const bytes = markerBytes(5, 4).toString('hex');
    expect(() => ram.check()).toThrow(`guest memory at 0x1805003 was written by nobody we know of: ${bytes}`);
    ram.describe(at + 0x5000, 0x10);
    ram.check();
  });

  test('and landed beside where an entry leads is found at once', () => {
    ram.write(at + 3, markerBytes(6, 4));
    const parts = [{ from: 0, bytes: 4, gpa: at }];
    expect(() => fatesOfWrite(ram, markerBytes(6, 4), parts)).toThrow(MemoryDiffers);
    ram.describe(at, 0x10);
    ram.check();
  });

  test('is told apart where a window begins within a page of another one', () => {
    const marker = markerBytes(9, 6);
    ram.write(at + 0x100, marker.subarray(0, 2));
    ram.write(at + 0x200, marker.subarray(2));
    const parts = partsOf(ram, [
      { from: 2, bytes: 4, gpa: BigInt(at + 0x200) },
      { from: 0, bytes: 6, gpa: BigInt(at + 0x100) },
    ]);
    expect(fatesOfWrite(ram, marker, parts)).toEqual(
      [0x100, 0x101, 0x200, 0x201, 0x202, 0x203].map((n) => at + n),
    );
    ram.check();
  });

  test.each([
    ['the first was written over', true],
    ['the first was dropped', false],
  ])('is undecided where two parts lead to one place, until each is written by itself: %s', (_, isFirst) => {
    // The same bytes in both: by what stands there, nobody can tell.
    const marker = Buffer.concat([markerBytes(9, 6), markerBytes(9, 6)]);
    const parts = partsOf(ram, [
      { from: 0, bytes: 6, gpa: BigInt(at) },
      { from: 6, bytes: 6, gpa: BigInt(at) },
    ]);
    ram.write(at, marker.subarray(6));
    expect(fatesOfWrite(ram, marker, parts)).toBe(null);
    ram.check();
    if (isFirst) ram.write(at, marker.subarray(0, 6));
    const first = fatesOfWrite(ram, marker, parts.slice(0, 1));
    expect(first?.[0]).toBe(isFirst ? at : null);
    ram.write(at, marker.subarray(6));
    const second = fatesOfWrite(ram, marker, parts.slice(1));
    expect(second?.slice(5, 8)).toEqual([null, at, at + 1]);
    ram.check();
  });
});
