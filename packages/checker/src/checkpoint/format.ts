import type { Position } from '../breadth-first.js';

/*
 * A checkpoint is one file, in the byte order of the machine that wrote it:
 *
 *   8 bytes   MAGIC
 *   uint32    BYTE_ORDER, which reads otherwise where the order is another
 *   uint32    VERSION
 *   uint32    length of the header in bytes, a multiple of four
 *   header    JSON in UTF-8, filled up with spaces
 *   int32[]   the journal of questions
 *   pieces    of PIECE_ROWS rows each, the last one of what is left: int32[] rows, then uint32[] their parents
 *   uint32    CRC-32 of all before it
 */
export const MAGIC = new TextEncoder().encode('CHECKPNT');
export const BYTE_ORDER = 0x01020304;
export const OTHER_BYTE_ORDER = 0x04030201;
export const VERSION = 1;
/** Bytes before the header. */
export const PRELUDE = 20;
export const PIECE_ROWS = 1 << 13;

/** What stands in a checkpoint besides numbers. */
export interface Header {
  readonly model: string;
  /** Of the model before it is asked anything. */
  readonly fingerprint: string;
  /** Of all that it was asked. */
  readonly answers: string;
  readonly width: number;
  readonly rows: number;
  /** Numbers in the journal. */
  readonly journal: number;
  readonly position: Position;
}

/** Bytes of a file with such a header. */
export const fileLength = (headerLength: number, { width, rows, journal }: Header): number =>
  PRELUDE + headerLength + 4 * (journal + rows * (width + 1)) + 4;
