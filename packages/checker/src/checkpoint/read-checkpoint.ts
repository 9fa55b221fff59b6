import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { replayJournal } from '../answers.js';
import type { BreadthFirst } from '../breadth-first.js';
import type { Remembered } from '../remembered.js';
import { ASK } from '../tables.js';
import { CheckpointError } from './checkpoint-error.js';
import { answersDigest, fingerprintOf } from './fingerprint.js';
import {
  BYTE_ORDER,
  fileLength,
  type Header,
  MAGIC,
  OTHER_BYTE_ORDER,
  PIECE_ROWS,
  PRELUDE,
  VERSION,
} from './format.js';
import { readHeader } from './read-header.js';

/** Bytes that are read at once where only their checksum matters. */
const CHUNK = 1 << 20;

/** A file that is read from its beginning to its end. */
class Source {
  readonly file: string;
  readonly length: number;
  readonly #fd: number;
  #at = 0;

  constructor(file: string, fd: number) {
    this.file = file;
    this.#fd = fd;
    this.length = fstatSync(fd).size;
  }

  /** Fills all of some memory. */
  read<Data extends NodeJS.ArrayBufferView>(data: Data): Data {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(this.#fd, bytes, at, bytes.length - at, this.#at);
      if (count === 0) throw new CheckpointError(`${this.file} is cut short`);
      at += count;
      this.#at += count;
    }
    return data;
  }

  goTo(at: number): void {
    this.#at = at;
  }
}

/** Checks all that can be checked without a model. */
function checkedHeader(source: Source): Header {
  const { file, length } = source;
  if (length < PRELUDE) throw new CheckpointError(`${file} is no checkpoint`);
  const prelude = source.read(new Uint8Array(PRELUDE));
  if (!MAGIC.every((byte, at) => prelude[at] === byte)) throw new CheckpointError(`${file} is no checkpoint`);
  const [order, version, headerLength] = new Uint32Array(prelude.buffer, MAGIC.length) as unknown as [
    number,
    number,
    number,
  ];
  if (order === OTHER_BYTE_ORDER) {
    throw new CheckpointError(`${file} was written by a machine of the other byte order`);
  }
  if (order !== BYTE_ORDER)
    throw new CheckpointError(`${file} is damaged: it says nothing of its byte order`);
  if (version !== VERSION) {
    throw new CheckpointError(
      `${file} is a checkpoint of version ${version}, and only version ${VERSION} is known`,
    );
  }
  if (PRELUDE + headerLength + 4 > length) throw new CheckpointError(`${file} is cut short`);
  const header = readHeader(source.read(new Uint8Array(headerLength)), file);
  const expected = fileLength(headerLength, header);
  if (length < expected) throw new CheckpointError(`${file} is cut short`);
  if (length > expected) throw new CheckpointError(`${file} is damaged: it goes on after its end`);
  checkSum(source);
  source.goTo(PRELUDE + headerLength);
  return header;
}

function checkSum(source: Source): void {
  source.goTo(0);
  const chunk = new Uint8Array(CHUNK);
  let crc = 0;
  for (let left = source.length - 4; left > 0; left -= CHUNK) {
    crc = crc32(source.read(chunk.subarray(0, Math.min(left, CHUNK))), crc);
  }
  const [expected] = source.read(new Uint32Array(1));
  if (crc !== expected) throw new CheckpointError(`${source.file} is damaged: its checksum is wrong`);
}

/** Asks again what was asked, after what a search has asked already to begin with. */
function answerAgain(remembered: Remembered, journal: Int32Array, file: string): void {
  const differs = () =>
    new CheckpointError(`${remembered.model.name} answers otherwise than when ${file} was written`);
  const { journal: asked } = remembered;
  const begun = asked.data.subarray(0, asked.length);
  if (!begun.every((each, at) => journal[at] === each)) throw differs();
  const rest = journal.subarray(begun.length);
  const kinds = Object.keys(ASK).length;
  for (let at = 0; at < rest.length; at += 2 + rest[at + 1]!) {
    const isQuestion =
      rest[at]! >= 0 && rest[at]! < kinds && rest[at + 1]! >= 0 && at + 2 + rest[at + 1]! <= rest.length;
    if (!isQuestion) throw new CheckpointError(`${file} is damaged: its journal is none`);
  }
  try {
    replayJournal(remembered, rest);
  } catch {
    throw differs();
  }
  if (asked.length !== journal.length) throw differs();
}

/** By place of a row: how many numbers stand for something there. */
function countsOf({ layout, locals, inboxes, environments, memories }: Remembered): readonly number[] {
  const counts = locals.flatMap(({ size }) => [size, inboxes.size]);
  counts.push(environments.size);
  for (const [property, place] of layout.memories.entries()) {
    if (place >= 0) counts[place] = memories[property]!.size;
  }
  return counts;
}

/** Adds the rows of a file to a store that has the first one. */
function readRows({ store, remembered }: BreadthFirst, source: Source, count: number): void {
  const damaged = () => new CheckpointError(`${source.file} is damaged: its states are none of the model`);
  const counts = countsOf(remembered);
  const { width } = store;
  const rows = new Int32Array(PIECE_ROWS * width);
  const parents = new Uint32Array(PIECE_ROWS);
  for (let from = 0; from < count; from += PIECE_ROWS) {
    const length = Math.min(PIECE_ROWS, count - from);
    source.read(rows.subarray(0, length * width));
    source.read(parents.subarray(0, length));
    for (let at = 0; at < length; at += 1) {
      const row = from + at;
      for (let place = 0; place < width; place += 1) {
        const id = rows[at * width + place]!;
        if (id < 0 || id >= counts[place]!) throw damaged();
      }
      if (row === 0) {
        if (store.find(rows, 0) !== 0) throw damaged();
        continue;
      }
      if (parents[at]! >= row || !store.add(rows, at * width, parents[at]!)) throw damaged();
    }
  }
}

/** Checks what a position says of findings, which are numbers of the model's. */
function checkFindings({ remembered }: BreadthFirst, { position }: Header, file: string): void {
  const { verdicts, failures, layout } = remembered;
  const isKnown = position.found.every(({ property, verdict }) =>
    property < 0 ? failures.has(verdict) : property < layout.reads.length && verdict < verdicts.size,
  );
  if (!isKnown || position.reached.length !== layout.reads.length) {
    throw new CheckpointError(`${file} is damaged: its findings are none of the model`);
  }
}

/**
 * Brings a search that has not begun to where another was when it wrote a file. The model is asked again what it was
 * asked then, so that all numbers mean what they meant.
 * @throws CheckpointError for a file that cannot be read, is damaged, or is of another model
 */
export function readCheckpoint(search: BreadthFirst, file: string): void {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (error) {
    throw new CheckpointError(`cannot read the checkpoint ${file}: ${(error as Error).message}`);
  }
  try {
    const source = new Source(file, fd);
    const header = checkedHeader(source);
    const { remembered } = search;
    const { name } = remembered.model;
    if (header.model !== name)
      throw new CheckpointError(`${file} is a checkpoint of ${header.model}, not of ${name}`);
    if (header.fingerprint !== fingerprintOf(search) || header.width !== search.store.width) {
      throw new CheckpointError(
        `${file} is a checkpoint of another ${name}: its machines, start, properties or symmetry differ`,
      );
    }
    answerAgain(remembered, source.read(new Int32Array(header.journal)), file);
    if (header.answers !== answersDigest(remembered)) {
      throw new CheckpointError(`${name} answers otherwise than when ${file} was written`);
    }
    checkFindings(search, header, file);
    readRows(search, source, header.rows);
    search.restore(header.position);
  } finally {
    closeSync(fd);
  }
}
