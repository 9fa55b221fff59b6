import { type FileHandle, open } from 'node:fs/promises';

const NEWLINE = 10;
const CHUNK_BYTES = 1 << 20;

/**
 * A file that QEMU writes. It is kept open, so that it can still be read when QEMU is gone, and its folder with it.
 */
export class GrowingFile {
  readonly #file: FileHandle;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #lines = 0;
  #reading: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Makes the file; QEMU empties it and writes on. */
  static async at(path: string): Promise<GrowingFile> {
    return new GrowingFile(await open(path, 'w+'));
  }

  /** How many lines there are by now. */
  async lines(): Promise<number> {
    await this.#readOn();
    return this.#lines;
  }

  async content(): Promise<Buffer> {
    await this.#readOn();
    return Buffer.concat(this.#chunks, this.#length);
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** Readers wait for each other: each goes on where the one before ended. */
  #readOn(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  async #read(): Promise<void> {
    for (;;) {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      const { bytesRead } = await this.#file.read(chunk, 0, CHUNK_BYTES, this.#length);
      if (bytesRead === 0) return;
      const read = chunk.subarray(0, bytesRead);
      for (let at = read.indexOf(NEWLINE); at >= 0; at = read.indexOf(NEWLINE, at + 1)) this.#lines++;
      this.#chunks.push(read);
      this.#length += bytesRead;
    }
  }
}
