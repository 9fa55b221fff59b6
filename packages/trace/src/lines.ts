import { InputError } from './input.js';

const NEWLINE = 0x0a;

/** Takes one line: bytes [start, end) of the buffer, without the newline. False ends the reading. */
export type OnLine = (bytes: Buffer, start: number, end: number) => boolean;

/**
 * Cuts chunks of bytes into lines without making a string of each. A line that is longer than the limit
 * is an error before it is held in memory, so a hostile input cannot fill it.
 */
export class LineSplitter {
  #carried: Buffer[] = [];
  #carriedBytes = 0;
  #lines = 0;
  readonly #onLine: OnLine;
  readonly #bytesMax: number;

  constructor(onLine: OnLine, bytesMax: number) {
    this.#onLine = onLine;
    this.#bytesMax = bytesMax;
  }

  /** Lines handed on so far. */
  get lines(): number {
    return this.#lines;
  }

  /**
   * Hands on every line that ends in this chunk.
   * @returns false where the receiver wants no more
   * @throws InputError for a line beyond the limit
   */
  take(bytes: Uint8Array): boolean {
    const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      if (end - start + this.#carriedBytes > this.#bytesMax) this.#tooLong();
      this.#lines++;
      if (this.#carriedBytes > 0) {
        const line = this.#joined(chunk.subarray(start, end));
        if (!this.#onLine(line, 0, line.length)) return false;
      } else if (!this.#onLine(chunk, start, end)) return false;
      start = end + 1;
    }
    if (start < chunk.length) this.#carry(chunk.subarray(start));
    return true;
  }

  /** What stands after the last newline, or null where the input ends with one. */
  rest(): Buffer | null {
    return this.#carriedBytes === 0 ? null : this.#joined(Buffer.alloc(0));
  }

  #carry(part: Buffer): void {
    this.#carriedBytes += part.length;
    if (this.#carriedBytes > this.#bytesMax) this.#tooLong();
    this.#carried.push(Buffer.from(part));
  }

  #joined(last: Buffer): Buffer {
    const line = Buffer.concat([...this.#carried, last]);
    this.#carried = [];
    this.#carriedBytes = 0;
    return line;
  }

  #tooLong(): never {
    throw new InputError(`line ${this.#lines + 1} is longer than ${this.#bytesMax} bytes`, this.#lines + 1);
  }
}
