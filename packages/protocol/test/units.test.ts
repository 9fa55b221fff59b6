import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  buid,
  bytes,
  gpa,
  high32,
  hostPageShift,
  ioba,
  iommuPageShift,
  join32,
  liobn,
  low32,
  pageBytes,
  register64,
  tableBytesOf,
  tce,
  tceCount,
  threadId,
  unreachable,
  windowBytesOf,
  windowOffset,
} from '../src/index.ts';

const U64_MAX = (1n << 64n) - 1n;
const someRegister = fc.bigInt({ min: 0n, max: U64_MAX });

describe('cells and registers', () => {
  test('the halves of any register make it again', () => {
    fc.assert(
      fc.property(someRegister, (register) => {
        expect(join32(high32(register), low32(register))).toBe(register);
        expect([high32(register), low32(register)].every((half) => half >= 0 && half < 2 ** 32)).toBe(true);
      }),
    );
  });

  test('cells count modulo 2^32, so that a signed one is the same', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (high, low) => {
        expect(join32(high, low)).toBe(join32(high >>> 0, low >>> 0));
      }),
    );
    expect(join32(-1, -1)).toBe(U64_MAX);
    expect(join32(0x0800_0000, 0x2000_0000)).toBe(0x800_0000_2000_0000n);
  });

  test('any integer is a register, modulo 2^64', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        const register = register64(value);
        expect(register >= 0n && register <= U64_MAX).toBe(true);
        expect((register - value) % (1n << 64n)).toBe(0n);
      }),
    );
    expect(register64(-1n)).toBe(U64_MAX);
  });
});

describe('units of 64 bits', () => {
  test.each([
    ['an IOBA', ioba],
    ['a BUID', buid],
    ['a GPA', gpa],
    ['a TCE', tce],
    ['a window offset', windowOffset],
  ])('%s keeps 64 bits of any integer', (_, unit) => {
    fc.assert(fc.property(fc.bigInt(), (value) => (unit(value) as bigint) === BigInt.asUintN(64, value)));
  });

  test('an amount of bytes is not cut: a window may have 2^64 of them', () => {
    expect(bytes(1n << 64n)).toBe(1n << 64n);
  });
});

test('a LIOBN is 32 bits, unsigned', () => {
  expect(liobn(0x8000_0000 | 0x101)).toBe(0x8000_0101);
  expect(liobn(-1)).toBe(0xffff_ffff);
});

test('sizes follow from shifts and counts, beyond 32 and beyond 53 bits', () => {
  expect(pageBytes(iommuPageShift(16))).toBe(0x1_0000n);
  expect(pageBytes(hostPageShift(12))).toBe(0x1000n);
  expect(windowBytesOf(tceCount(2 ** 37), iommuPageShift(24))).toBe(1n << 61n);
  expect(tableBytesOf(tceCount(2 ** 37))).toBe(1n << 40n);
});

test('a thread is its name', () => {
  expect(threadId('vcpu0')).toBe('vcpu0');
});

test('what cannot be stops the run, with its reason', () => {
  expect(() => unreachable('two windows in one slot')).toThrow('two windows in one slot');
});
