import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { BreadthFirst } from '../breadth-first.js';
import { CheckpointError } from './checkpoint-error.js';
import { answersDigest, fingerprintOf } from './fingerprint.js';
import { BYTE_ORDER, type Header, MAGIC, PIECE_ROWS, PRELUDE, VERSION } from './format.js';

/** A file that is written from its beginning to its end, with the checksum of all that was written. */
class Sink {
  readonly #fd: number;
  #crc = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(data: NodeJS.ArrayBufferView): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#crc = crc32(bytes, this.#crc);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
  }

  writeChecksum(): void {
    this.write(Uint32Array.of(this.#crc));
  }
}

function headerOf(search: BreadthFirst): Uint8Array {
  const { remembered, store, position } = search;
  const header: Header = {
    model: remembered.model.name,
    fingerprint: fingerprintOf(search),
    answers: answersDigest(remembered),
    width: store.width,
    rows: store.size,
    journal: remembered.journal.length,
    position,
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(text.length / 4) * 4).fill(0x20);
  padded.set(text);
  return padded;
}

function writeAll(search: BreadthFirst, sink: Sink): void {
  const { remembered, store } = search;
  const { journal } = remembered;
  const header = headerOf(search);
  const prelude = new Uint8Array(PRELUDE);
  prelude.set(MAGIC);
  prelude.set(new Uint8Array(Uint32Array.of(BYTE_ORDER, VERSION, header.length).buffer), MAGIC.length);
  sink.write(prelude);
  sink.write(header);
  sink.write(journal.data.subarray(0, journal.length));
  const row = new Int32Array(store.width);
  const rows = new Int32Array(PIECE_ROWS * store.width);
  const parents = new Uint32Array(PIECE_ROWS);
  for (let from = 0; from < store.size; from += PIECE_ROWS) {
    const count = Math.min(PIECE_ROWS, store.size - from);
    for (let at = 0; at < count; at += 1) {
      store.read(from + at, row);
      rows.set(row, at * store.width);
      parents[at] = store.parentOf(from + at);
    }
    sink.write(rows.subarray(0, count * store.width));
    sink.write(parents.subarray(0, count));
  }
  sink.writeChecksum();
}

/** Makes a renaming last through a loss of power, where the system can. */
function syncFolder(folder: string): void {
  let fd: number | null = null;
  try {
    fd = openSync(folder, 'r');
    fsyncSync(fd);
  } catch {
    // Some systems cannot open or sync a folder; then the file's name lasts as long as they keep it.
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/**
 * Writes down where a search is, between two calls of `advance`. A checkpoint that was there before stays as it
 * is until the new one is whole.
 * @throws CheckpointError where the file cannot be written
 */
export function writeCheckpoint(search: BreadthFirst, file: string): void {
  const unfinished = `${file}.tmp`;
  let fd: number | null = null;
  try {
    fd = openSync(unfinished, 'w');
    writeAll(search, new Sink(fd));
    fsyncSync(fd);
    closeSync(fd);
    fd = null;
    renameSync(unfinished, file);
    syncFolder(dirname(file));
  } catch (error) {
    if (fd !== null) {
      closeSync(fd);
      rmSync(unfinished, { force: true });
    }
    throw new CheckpointError(`cannot write the checkpoint ${file}: ${(error as Error).message}`);
  }
}
