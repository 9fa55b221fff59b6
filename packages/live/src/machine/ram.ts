import { closeSync, constants, existsSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { CHUNK_BYTES, chunkOf, describedBytes } from './described.js';
import { OWN_END } from './layout.js';
import { MemoryDiffers } from './memory-differs.js';

/** O_TMPFILE of Linux: a file without a name, which is gone when nobody has it open. */
const NAMELESS = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR;

/** Where files are that are on no disk. */
const folder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());

/** Memory that describes itself, of machines that are gone: to describe it takes longer than QEMU's start. */
const spare: Ram[] = [];
const SPARE_MAX = 2;

/** Guest memory: a file that QEMU maps. Nobody else sees it, and it is gone with those who use it. */
export class Ram {
  readonly bytes: number;
  readonly #file: number;

  private constructor(file: number, bytes: number) {
    this.#file = file;
    this.bytes = bytes;
  }

  /** Memory of that size that describes itself, but for what is ours. */
  static async described(bytes: number): Promise<Ram> {
    const at = spare.findIndex((ram) => ram.bytes === bytes);
    if (at >= 0) return spare.splice(at, 1)[0]!;
    const file = openSync(folder(), NAMELESS, 0o600);
    ftruncateSync(file, bytes);
    const ram = new Ram(file, bytes);
    await ram.#describeAll();
    return ram;
  }

  /** By this name another process opens it, as long as we have it open. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#file}`;
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
  async #describeAll(): Promise<void> {
    for (let at = OWN_END; at < this.bytes; at += CHUNK_BYTES) {
      this.write(at, chunkOf(at / CHUNK_BYTES), Math.min(CHUNK_BYTES, this.bytes - at));
      if (at % (CHUNK_BYTES * 16) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * Looks at a stretch of memory; all of it but what is ours, if none is named.
   * @throws MemoryDiffers where it does not describe itself
   */
  check(gpa = OWN_END, bytes = this.bytes - gpa): void {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, bytes));
    for (let at = gpa; at < gpa + bytes; ) {
      const count = Math.min(CHUNK_BYTES - (at % CHUNK_BYTES), gpa + bytes - at);
      const expected = describedBytes(at, count);
      const seen = buffer.subarray(0, count);
      this.readInto(seen, at);
      if (!seen.equals(expected)) {
        const first = seen.findIndex((byte, index) => byte !== expected[index]);
        throw new MemoryDiffers(at + first, seen.subarray(first, first + 16).toString('hex'));
      }
      at += count;
    }
  }

  /** It describes itself again, and may serve another machine. */
  release(): void {
    if (spare.length < SPARE_MAX) spare.push(this);
    else this.close();
  }

  close(): void {
    closeSync(this.#file);
  }
}
