import { closeSync, ftruncateSync, linkSync, openSync, readSync, writeSync } from 'node:fs';
import { CHUNK_BYTES, chunkOf, describedBytes } from './described.js';
import { OWN_END } from './layout.js';

/** Guest memory holds something that nobody should have written. */
export class MemoryDiffers extends Error {
  override readonly name = 'MemoryDiffers';
  readonly gpa: number;

  constructor(gpa: number, text: string) {
    super(text);
    this.gpa = gpa;
  }
}

/** Guest memory: a file that QEMU maps. */
export class Ram {
  readonly bytes: number;
  readonly #file: number;
  #path: string;

  private constructor(file: number, path: string, bytes: number) {
    this.#file = file;
    this.#path = path;
    this.bytes = bytes;
  }

  /** A new file of zeros. */
  static at(path: string, bytes: number): Ram {
    const file = openSync(path, 'wx+', 0o600);
    ftruncateSync(file, bytes);
    return new Ram(file, path, bytes);
  }

  /** Gives the same memory another name, for a QEMU that goes on with it when the first name is gone. */
  share(path: string): void {
    linkSync(this.#path, path);
  }

  /** That name is the one now. */
  rename(path: string): void {
    this.#path = path;
  }

  read(gpa: number, bytes: number): Buffer {
    const buffer = Buffer.allocUnsafe(bytes);
    this.readInto(buffer, gpa, bytes);
    return buffer;
  }

  readInto(buffer: Buffer, gpa: number, bytes = buffer.length): void {
    readSync(this.#file, buffer, 0, bytes, gpa);
  }

  write(gpa: number, buffer: Buffer, bytes = buffer.length): void {
    writeSync(this.#file, buffer, 0, bytes, gpa);
  }

  /** Lets a stretch describe itself again. */
  describe(gpa: number, bytes: number): void {
    if (bytes > 0) this.write(gpa, describedBytes(gpa, bytes));
  }

  /** Lets all memory describe itself but what is ours; in slices, so that others get their turn. */
  async describeAll(): Promise<void> {
    for (let at = OWN_END; at < this.bytes; at += CHUNK_BYTES) {
      this.write(at, chunkOf(at / CHUNK_BYTES), Math.min(CHUNK_BYTES, this.bytes - at));
      if (at % (CHUNK_BYTES * 16) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * Looks at all memory but what is ours.
   * @throws MemoryDiffers where it does not describe itself
   */
  check(): void {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let at = OWN_END; at < this.bytes; at += CHUNK_BYTES) {
      const expected = chunkOf(at / CHUNK_BYTES);
      this.readInto(chunk, at);
      if (chunk.equals(expected)) continue;
      const first = chunk.findIndex((byte, index) => byte !== expected[index]);
      const seen = chunk.subarray(first, first + 16).toString('hex');
      throw new MemoryDiffers(
        at + first,
        `guest memory at 0x${(at + first).toString(16)} was written by nobody we know of: ${seen}`,
      );
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}
