import type { Errno } from '@spapr-dma/protocol';

/** What the C library says of an error. */
const TEXTS: Readonly<Record<Errno, string>> = {
  EPERM: 'Operation not permitted',
  ENOENT: 'No such file or directory',
  EIO: 'Input/output error',
  ENXIO: 'No such device or address',
  E2BIG: 'Argument list too long',
  EBADF: 'Bad file descriptor',
  EAGAIN: 'Resource temporarily unavailable',
  ENOMEM: 'Cannot allocate memory',
  EFAULT: 'Bad address',
  EBUSY: 'Device or resource busy',
  EEXIST: 'File exists',
  ENODEV: 'No such device',
  EINVAL: 'Invalid argument',
  EMFILE: 'Too many open files',
  ENOTTY: 'Inappropriate ioctl for device',
  ENOSPC: 'No space left on device',
};

export const strerror = (errno: Errno): string => TEXTS[errno];

/** An address as QEMU prints it in these messages: hex digits without a prefix. */
export const plainHex = (value: bigint): string => value.toString(16);

/** The same with a prefix. */
export const hex = (value: bigint): string => `0x${value.toString(16)}`;
