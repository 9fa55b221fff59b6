import { InputError } from '../input.js';
import type { OnLine } from '../lines.js';
import {
  EVENT,
  EVENT_BYTES,
  EVENT_LENGTH_AT,
  HEADER_BYTES,
  MAPPING,
  MAPPING_BYTES,
  NAME_LENGTH_AT,
  type Numbers,
  TYPE_BYTES,
} from './simpletrace-format.js';

/** Far more than QEMU writes: its texts end after 512 bytes, and no event has more than a dozen arguments. */
const RECORD_BYTES_MAX = 1 << 16;
const NAME_BYTES_MAX = 256;
/** What stands at a place is told by bytes that have not come yet. */
const UNKNOWN = -1;

/** Cuts chunks of a simpletrace into records. What a record claims of its length is checked before it is waited for. */
export class SimpletraceSplitter {
  readonly #numbers: Numbers;
  readonly #onName: (id: number, name: string) => void;
  readonly #onRecord: OnLine;
  #carried: Buffer = Buffer.alloc(0);
  #carriedAt = 0;
  #hasHeader = false;
  #records = 0;

  constructor(numbers: Numbers, onName: (id: number, name: string) => void, onRecord: OnLine) {
    this.#numbers = numbers;
    this.#onName = onName;
    this.#onRecord = onRecord;
  }

  /**
   * Hands on every record that ends in this chunk.
   * @returns false where the receiver wants no more
   * @throws InputError for what is no record
   */
  take(bytes: Uint8Array): boolean {
    const buffer = this.#joined(bytes);
    let at = 0;
    for (;;) {
      const size = this.#sizeAt(buffer, at);
      if (size === UNKNOWN || at + size > buffer.length) break;
      if (!this.#hand(buffer, at, at + size)) return false;
      at += size;
    }
    this.#carried = Buffer.from(buffer.subarray(at));
    this.#carriedAt += at;
    return true;
  }

  #joined(bytes: Uint8Array): Buffer {
    if (this.#carried.length > 0) return Buffer.concat([this.#carried, bytes]);
    return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** @throws InputError where the log ends within a record */
  finish(): void {
    const left = this.#carried.length;
    if (left === 0 && this.#hasHeader) return;
    if (!this.#hasHeader) throw new InputError('the log was cut in its header');
    if (left >= TYPE_BYTES && this.#numbers.number(this.#carried, 0) === MAPPING) {
      throw new InputError(`the log was cut in the name of an event`);
    }
    const record = this.#records + 1;
    throw new InputError(`record ${record} is not whole: the log was cut after ${left} bytes of it`, record);
  }

  /** Bytes of the record that begins at a place of the buffer, or of the header. */
  #sizeAt(buffer: Buffer, at: number): number {
    if (!this.#hasHeader) return HEADER_BYTES;
    const left = buffer.length - at - TYPE_BYTES;
    if (left < 0) return UNKNOWN;
    const body = at + TYPE_BYTES;
    const type = this.#numbers.number(buffer, at);
    if (type === EVENT) {
      return left < EVENT_BYTES
        ? UNKNOWN
        : this.#eventBytes(this.#numbers.u32(buffer, body + EVENT_LENGTH_AT));
    }
    if (type !== MAPPING) {
      const seen = buffer.toString('hex', at, body);
      throw this.#trouble(at, `the bytes ${seen} begin no record`);
    }
    return left < MAPPING_BYTES
      ? UNKNOWN
      : this.#mappingBytes(at, this.#numbers.u32(buffer, body + NAME_LENGTH_AT));
  }

  #eventBytes(length: number): number {
    if (length >= EVENT_BYTES && length <= RECORD_BYTES_MAX) return TYPE_BYTES + length;
    const record = this.#records + 1;
    throw new InputError(
      `record ${record} claims a length of ${length} bytes, and a record has ${EVENT_BYTES} to ${RECORD_BYTES_MAX}`,
      record,
    );
  }

  #mappingBytes(at: number, length: number): number {
    if (length > 0 && length <= NAME_BYTES_MAX) return TYPE_BYTES + MAPPING_BYTES + length;
    throw this.#trouble(
      at,
      `the name of an event claims ${length} bytes, and a name has 1 to ${NAME_BYTES_MAX}`,
    );
  }

  #trouble(at: number, text: string): InputError {
    return new InputError(`${text} (at byte ${this.#carriedAt + at})`);
  }

  #hand(buffer: Buffer, start: number, end: number): boolean {
    if (!this.#hasHeader) {
      this.#numbers.learn(buffer, start);
      this.#hasHeader = true;
      return true;
    }
    const body = start + TYPE_BYTES;
    if (this.#numbers.number(buffer, start) === EVENT) {
      this.#records++;
      return this.#onRecord(buffer, body, end);
    }
    const name = buffer.toString('latin1', body + MAPPING_BYTES, end);
    this.#onName(this.#numbers.number(buffer, body), name.replace(/[^\x20-\x7e]/g, '?'));
    return true;
  }
}
