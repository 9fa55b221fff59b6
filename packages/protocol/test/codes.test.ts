import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DR_STATUSES,
  ERRNOS,
  type Errno,
  errnoNumber,
  errnoOf,
  HCALL_CODES,
  type HcallCode,
  hcallCodeOf,
  hcallNumber,
  OPAL_CODES,
  RTAS_STATUSES,
  type RtasStatus,
  rtasNumber,
  rtasStatusOf,
} from '../src/index.ts';

describe('the return codes of hypercalls', () => {
  test.each`
    code                            | number
    ${'H_SUCCESS'}                  | ${0}
    ${'H_BUSY'}                     | ${1}
    ${'H_CLOSED'}                   | ${2}
    ${'H_CONSTRAINED'}              | ${4}
    ${'H_HARDWARE'}                 | ${-1}
    ${'H_FUNCTION'}                 | ${-2}
    ${'H_PRIVILEGE'}                | ${-3}
    ${'H_PARAMETER'}                | ${-4}
    ${'H_NOT_FOUND'}                | ${-7}
    ${'H_PERMISSION'}               | ${-11}
    ${'H_RESOURCE'}                 | ${-16}
    ${'H_NOT_ENOUGH_RESOURCES'}     | ${-44}
    ${'H_LONG_BUSY_ORDER_1_MSEC'}   | ${9900}
    ${'H_LONG_BUSY_ORDER_10_MSEC'}  | ${9901}
    ${'H_LONG_BUSY_ORDER_100_MSEC'} | ${9902}
    ${'H_LONG_BUSY_ORDER_1_SEC'}    | ${9903}
    ${'H_LONG_BUSY_ORDER_10_SEC'}   | ${9904}
    ${'H_LONG_BUSY_ORDER_100_SEC'}  | ${9905}
    ${'H_TOO_HARD'}                 | ${9999}
  `('$code is $number, and back', ({ code, number }) => {
    expect(hcallNumber(code as HcallCode)).toBe(number);
    expect(hcallCodeOf(number)).toBe(code);
  });

  test('are these nineteen', () => {
    expect(Object.keys(HCALL_CODES)).toHaveLength(19);
  });
});

describe('the status words of RTAS', () => {
  test.each`
    status                       | number
    ${'SUCCESS'}                 | ${0}
    ${'NO_ERRORS_FOUND'}         | ${1}
    ${'HW_ERROR'}                | ${-1}
    ${'BUSY'}                    | ${-2}
    ${'PARAM_ERROR'}             | ${-3}
    ${'EXTENDED_DELAY_1_MSEC'}   | ${9900}
    ${'EXTENDED_DELAY_10_MSEC'}  | ${9901}
    ${'EXTENDED_DELAY_100_MSEC'} | ${9902}
    ${'EXTENDED_DELAY_1_SEC'}    | ${9903}
    ${'EXTENDED_DELAY_10_SEC'}   | ${9904}
    ${'EXTENDED_DELAY_100_SEC'}  | ${9905}
    ${'NOT_AUTHORIZED'}          | ${-9002}
  `('$status is $number, and back, signed or unsigned', ({ status, number }) => {
    expect(rtasNumber(status as RtasStatus)).toBe(number);
    expect(rtasStatusOf(number)).toBe(status);
    expect(rtasStatusOf(number >>> 0)).toBe(status);
  });

  test('are these twelve', () => {
    expect(Object.keys(RTAS_STATUSES)).toHaveLength(12);
  });
});

describe('the status words of connectors', () => {
  test.each`
    status                 | number
    ${'SUCCESS'}           | ${0}
    ${'CFG_NEXT_SIB'}      | ${1}
    ${'CFG_NEXT_CHILD'}    | ${2}
    ${'CFG_NEXT_PROPERTY'} | ${3}
    ${'CFG_PREV_PARENT'}   | ${4}
    ${'HW_ERROR'}          | ${-1}
    ${'NO_SUCH_INDICATOR'} | ${-3}
    ${'NOT_CONFIGURABLE'}  | ${-9003}
  `('$status is $number', ({ status, number }) => {
    expect(DR_STATUSES[status as keyof typeof DR_STATUSES]).toBe(number);
    expect(Object.keys(DR_STATUSES)).toHaveLength(8);
  });
});

describe('the errors of ioctls', () => {
  test.each`
    errno       | number
    ${'EPERM'}  | ${-1}
    ${'ENOENT'} | ${-2}
    ${'EIO'}    | ${-5}
    ${'ENXIO'}  | ${-6}
    ${'E2BIG'}  | ${-7}
    ${'EBADF'}  | ${-9}
    ${'EAGAIN'} | ${-11}
    ${'ENOMEM'} | ${-12}
    ${'EFAULT'} | ${-14}
    ${'EBUSY'}  | ${-16}
    ${'EEXIST'} | ${-17}
    ${'ENODEV'} | ${-19}
    ${'EINVAL'} | ${-22}
    ${'EMFILE'} | ${-24}
    ${'ENOTTY'} | ${-25}
    ${'ENOSPC'} | ${-28}
  `('$errno is $number, and back', ({ errno, number }) => {
    expect(errnoNumber(errno as Errno)).toBe(number);
    expect(errnoOf(number)).toBe(errno);
    expect(errnoOf(-number)).toBeUndefined();
    expect(Object.keys(ERRNOS)).toHaveLength(16);
  });
});

describe('the return codes of OPAL', () => {
  test.each`
    code                  | number
    ${'OPAL_SUCCESS'}     | ${0}
    ${'OPAL_PARAMETER'}   | ${-1}
    ${'OPAL_BUSY'}        | ${-2}
    ${'OPAL_PARTIAL'}     | ${-3}
    ${'OPAL_HARDWARE'}    | ${-6}
    ${'OPAL_UNSUPPORTED'} | ${-7}
    ${'OPAL_RESOURCE'}    | ${-10}
  `('$code is $number', ({ code, number }) => {
    expect(OPAL_CODES[code as keyof typeof OPAL_CODES]).toBe(number);
    expect(Object.keys(OPAL_CODES)).toHaveLength(7);
  });
});

describe('any number', () => {
  const someNumber = fc.oneof(
    fc.integer(),
    fc.double(),
    fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }).map(Number),
    fc.constantFrom(-0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, 2 ** 53),
  );

  test('is an answer or unknown; asking never throws', () => {
    fc.assert(
      fc.property(someNumber, (number) => {
        const code = hcallCodeOf(number);
        expect(code === undefined || hcallNumber(code) === number).toBe(true);
        const errno = errnoOf(number);
        expect(errno === undefined || errnoNumber(errno) === number).toBe(true);
        const status = rtasStatusOf(number);
        expect(status === undefined || rtasNumber(status) === (number | 0)).toBe(true);
      }),
    );
  });

  test('of no interface is unknown', () => {
    for (const number of [3, -5, 9906, -9003, 9998, 10_000, 0.5, Number.NaN]) {
      expect(hcallCodeOf(number)).toBeUndefined();
    }
    for (const cell of [2, -4, 0xdead_beef, 9906]) expect(rtasStatusOf(cell)).toBeUndefined();
    for (const number of [0, 1, -3, -4, -133]) expect(errnoOf(number)).toBeUndefined();
  });

  test('an answer’s number belongs to no other answer of its interface', () => {
    for (const codes of [HCALL_CODES, RTAS_STATUSES, DR_STATUSES, ERRNOS, OPAL_CODES]) {
      const numbers = Object.values(codes);
      expect(new Set(numbers).size).toBe(numbers.length);
    }
  });
});
