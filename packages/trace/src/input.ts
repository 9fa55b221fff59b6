import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** What is wrong with an input, in one sentence for the person who gave it. */
export class InputError extends Error {
  override readonly name = 'InputError';
  /** Line of the input, from 1; null where the trouble is not on a line. */
  readonly line: number | null;

  constructor(text: string, line: number | null = null) {
    super(text);
    this.line = line;
  }
}

const CHUNK_BYTES = 1 << 18;
const GZIP_MAGIC = [0x1f, 0x8b] as const;

const isGzip = (chunk: Buffer): boolean => chunk[0] === GZIP_MAGIC[0] && chunk[1] === GZIP_MAGIC[1];

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

/** Why a file cannot be read. */
const OPEN_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a directory',
  EACCES: 'may not be read',
  ENOTDIR: 'does not exist',
};

/** Why a gzip stream cannot be unpacked. */
const GZIP_ERRORS: Readonly<Record<string, string>> = {
  Z_BUF_ERROR: 'the gzip data ends before its end: the file was cut',
  Z_DATA_ERROR: 'the gzip data is damaged',
};

async function openFile(path: string): Promise<Readable> {
  const found = await stat(path).catch((error: unknown) => {
    throw new InputError(`${path} ${OPEN_ERRORS[codeOf(error)] ?? `cannot be opened (${codeOf(error)})`}`);
  });
  if (found.isDirectory()) throw new InputError(`${path} is a directory`);
  return createReadStream(path, { highWaterMark: CHUNK_BYTES });
}

/** Plain bytes of a stream that may be packed with gzip; what its first bytes say counts, not its name. */
async function* unpacked(stream: Readable, name: string): AsyncGenerator<Buffer> {
  const chunks = stream.iterator() as AsyncIterableIterator<Buffer>;
  const first = await chunks.next().catch((error: unknown) => {
    throw new InputError(`${name} ${OPEN_ERRORS[codeOf(error)] ?? `cannot be read (${codeOf(error)})`}`);
  });
  if (first.done === true) return;
  if (!isGzip(first.value)) {
    yield first.value;
    yield* chunks;
    return;
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const feed = async () => {
    gunzip.write(first.value);
    for await (const chunk of chunks) {
      if (!gunzip.write(chunk)) await new Promise((resolve) => gunzip.once('drain', resolve));
      if (gunzip.destroyed) return;
    }
    gunzip.end();
  };
  const fed = feed().catch((error: unknown) => gunzip.destroy(error as Error));
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    throw new InputError(GZIP_ERRORS[codeOf(error)] ?? `the gzip data cannot be read (${codeOf(error)})`);
  } finally {
    gunzip.destroy();
    stream.destroy();
    gunzip.emit('drain');
    await fed;
  }
}

/**
 * The bytes of a file, of a file packed with gzip, or of standard input (`-`), chunk by chunk.
 * @throws InputError where it cannot be opened, and, while it is read, where it cannot be read on; what
 * came before is good.
 */
export async function* openInput(path: string): AsyncGenerator<Uint8Array> {
  if (path === '-') yield* unpacked(process.stdin, 'standard input');
  else yield* unpacked(await openFile(path), path);
}
