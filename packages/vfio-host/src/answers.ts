import {
  type Errno,
  errnoOf,
  type Ioba,
  OPAL_CODES,
  type OpalCode,
  type VfioReturn,
  type VfioSpaprInfo,
} from '@spapr-dma/protocol';

/** How a function of the kernel ends: 0 or another number, or an errno. */
export type Rc = number | Errno;

/** What a system call answers. */
export interface Answer {
  readonly rc: Rc;
  readonly startAddr: Ioba | null;
  readonly info: VfioSpaprInfo | null;
}
export const answer = (rc: Rc): Answer => ({ rc, startAddr: null, info: null });

export const isError = (rc: Rc): rc is Errno => typeof rc === 'string';

/**
 * What a platform's refusal is to who called: firmware's codes are passed on as they are, and read as an errno.
 *
 * Abstraction: a code whose number is no errno that is told apart here is EIO.
 */
export const rcOf = (code: Errno | OpalCode): Errno =>
  code in OPAL_CODES ? (errnoOf(OPAL_CODES[code as OpalCode]) ?? 'EIO') : (code as Errno);

export const resultOf = ({ rc, startAddr, info }: Answer): VfioReturn['result'] =>
  isError(rc) ? { ok: false, errno: rc } : { ok: true, value: rc, startAddr, info };
