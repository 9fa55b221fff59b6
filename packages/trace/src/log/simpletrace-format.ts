/**
 * The binary form that QEMU's trace backend `simple` writes, version 4, in the host's byte order: a header, then
 * records. Each record begins with a type of 64 bits. A mapping has an event's id, the length of its name, and the
 * name. An event has the event's id, a time in nanoseconds, its length without the type, the process, and the
 * arguments: 8 bytes for a number or a pointer, 4 bytes of length and the text for a string.
 * @see [QEMU] trace/simple.c; scripts/simpletrace.py
 */
import { InputError } from '../input.js';

/** An id of all ones, the magic number and the version. */
export const HEADER_BYTES = 24;
export const TYPE_BYTES = 8;
export const MAPPING = 0;
export const EVENT = 1;
/** Id and length of the name before a name, and where the length stands. */
export const MAPPING_BYTES = 12;
export const NAME_LENGTH_AT = 8;
/** Id, time, length and process before the arguments of an event, and where they stand. */
export const EVENT_BYTES = 24;
export const TIME_AT = 8;
export const EVENT_LENGTH_AT = 16;
/** Instead of an event's id: QEMU's buffer was full, and as many events as the argument says were lost. */
export const DROPPED_ID_HIGH = 0xffff_ffff;
export const DROPPED_ID_LOW = 0xffff_fffe;
export const DROPPED_BYTES = EVENT_BYTES + 8;

const HEADER_ID_BYTES = 8;
const MAGIC = 0xf2b1_77cb_0aa4_29b4n;
const VERSION_AT = 16;
const VERSION = 4;

/** So many bytes tell whether an input is such a log: no text begins like it. */
export const FORM_BYTES = HEADER_ID_BYTES;

export function isSimpletrace(beginning: Uint8Array): boolean {
  const id = beginning.subarray(0, HEADER_ID_BYTES);
  return id.length === HEADER_ID_BYTES && id.every((byte) => byte === 0xff);
}

/** Reads numbers in the byte order of the host that wrote the log. */
export class Numbers {
  #isLittleEndian = true;

  /**
   * Learns the byte order from a log's header.
   * @throws InputError for another form, and for another version of this one
   */
  learn(buffer: Buffer, at: number): void {
    const magicAt = at + HEADER_ID_BYTES;
    this.#isLittleEndian = buffer.readBigUInt64LE(magicAt) === MAGIC;
    if (!this.#isLittleEndian && buffer.readBigUInt64BE(magicAt) !== MAGIC) {
      const seen = buffer.toString('hex', magicAt, magicAt + 8);
      throw new InputError(`the log begins like a simpletrace of QEMU, but its magic number is ${seen}`);
    }
    const version = this.number(buffer, at + VERSION_AT);
    if (version === VERSION) return;
    throw new InputError(
      `the log is a simpletrace of version ${version}, and only version ${VERSION} is read`,
    );
  }

  u32(buffer: Buffer, at: number): number {
    return this.#isLittleEndian ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at);
  }

  /** 64 bits as a number; exact up to 2^53. */
  number(buffer: Buffer, at: number): number {
    return this.high(buffer, at) * 0x1_0000_0000 + this.low(buffer, at);
  }

  /** The lower half of 64 bits, and the upper one. */
  low(buffer: Buffer, at: number): number {
    return this.#isLittleEndian ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at + 4);
  }

  high(buffer: Buffer, at: number): number {
    return this.#isLittleEndian ? buffer.readUInt32LE(at + 4) : buffer.readUInt32BE(at);
  }
}
