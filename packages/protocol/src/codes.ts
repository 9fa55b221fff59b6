/**
 * The answers of every interface as string literals, each with its number in one table.
 *
 * An answer is part of an interface: code passes the name around, and the number appears only where a
 * register, a return cell or a log line holds it.
 */

/** Return codes of hypercalls. @see [LoPAR] "Hypervisor Call Return Codes"; spec 00 section 4 */
export const HCALL_CODES = {
  H_SUCCESS: 0,
  H_BUSY: 1,
  H_CLOSED: 2,
  H_CONSTRAINED: 4,
  H_HARDWARE: -1,
  H_FUNCTION: -2,
  H_PRIVILEGE: -3,
  H_PARAMETER: -4,
  H_NOT_FOUND: -7,
  H_PERMISSION: -11,
  H_RESOURCE: -16,
  H_NOT_ENOUGH_RESOURCES: -44,
  H_LONG_BUSY_ORDER_1_MSEC: 9900,
  H_LONG_BUSY_ORDER_10_MSEC: 9901,
  H_LONG_BUSY_ORDER_100_MSEC: 9902,
  H_LONG_BUSY_ORDER_1_SEC: 9903,
  H_LONG_BUSY_ORDER_10_SEC: 9904,
  H_LONG_BUSY_ORDER_100_SEC: 9905,
  /** Kernel internal: the next handler up must take the call. A guest never sees it. */
  H_TOO_HARD: 9999,
} as const;
export type HcallCode = keyof typeof HCALL_CODES;

/** Status words of RTAS calls. @see [LoPAR] "RTAS Status Word Values"; spec 00 section 4 */
export const RTAS_STATUSES = {
  SUCCESS: 0,
  NO_ERRORS_FOUND: 1,
  HW_ERROR: -1,
  BUSY: -2,
  PARAM_ERROR: -3,
  EXTENDED_DELAY_1_MSEC: 9900,
  EXTENDED_DELAY_10_MSEC: 9901,
  EXTENDED_DELAY_100_MSEC: 9902,
  EXTENDED_DELAY_1_SEC: 9903,
  EXTENDED_DELAY_10_SEC: 9904,
  EXTENDED_DELAY_100_SEC: 9905,
  NOT_AUTHORIZED: -9002,
} as const;
export type RtasStatus = keyof typeof RTAS_STATUSES;

/** Status words of `ibm,configure-connector` and of the indicators, which use numbers of their own. */
export const DR_STATUSES = {
  SUCCESS: 0,
  CFG_NEXT_SIB: 1,
  CFG_NEXT_CHILD: 2,
  CFG_NEXT_PROPERTY: 3,
  CFG_PREV_PARENT: 4,
  HW_ERROR: -1,
  NO_SUCH_INDICATOR: -3,
  NOT_CONFIGURABLE: -9003,
} as const;
export type DrStatus = keyof typeof DR_STATUSES;

/** Errors of ioctls, as the negative numbers a Linux system call returns. */
export const ERRNOS = {
  EPERM: -1,
  ENOENT: -2,
  EIO: -5,
  ENXIO: -6,
  E2BIG: -7,
  EBADF: -9,
  EAGAIN: -11,
  ENOMEM: -12,
  EFAULT: -14,
  EBUSY: -16,
  EEXIST: -17,
  ENODEV: -19,
  EINVAL: -22,
  EMFILE: -24,
  ENOTTY: -25,
  ENOSPC: -28,
} as const;
export type Errno = keyof typeof ERRNOS;

/** Return codes of OPAL calls that the DMA path meets. @see [skiboot] include/opal-api.h */
export const OPAL_CODES = {
  OPAL_SUCCESS: 0,
  OPAL_PARAMETER: -1,
  OPAL_BUSY: -2,
  OPAL_PARTIAL: -3,
  OPAL_HARDWARE: -6,
  OPAL_UNSUPPORTED: -7,
  OPAL_RESOURCE: -10,
} as const;
export type OpalCode = keyof typeof OPAL_CODES;

const namesOf = <Name extends string>(table: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> =>
  new Map((Object.entries(table) as [Name, number][]).map(([name, number]) => [number, name]));

const HCALL_NAMES = namesOf(HCALL_CODES);
const RTAS_NAMES = namesOf(RTAS_STATUSES);
const ERRNO_NAMES = namesOf(ERRNOS);

/** The number a register holds for a hypercall's answer. */
export const hcallNumber = (code: HcallCode): number => HCALL_CODES[code];
/** The answer behind a number, or undefined for a number no interface defines. Never throws. */
export const hcallCodeOf = (number: number): HcallCode | undefined => HCALL_NAMES.get(number);
/** The number the status cell holds. */
export const rtasNumber = (status: RtasStatus): number => RTAS_STATUSES[status];
/** The status behind a cell, signed or unsigned, or undefined for an unknown one. Never throws. */
export const rtasStatusOf = (cell: number): RtasStatus | undefined => RTAS_NAMES.get(cell | 0);
/** The negative number of an errno. */
export const errnoNumber = (errno: Errno): number => ERRNOS[errno];
/** The errno behind a negative number, or undefined. Never throws. */
export const errnoOf = (number: number): Errno | undefined => ERRNO_NAMES.get(number);
