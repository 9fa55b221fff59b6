/**
 * Bytes that tell where they belong. A byte of guest memory has bit 7 set; a byte of a device's marker has bit 6 set
 * and bit 7 clear; so one can tell what came from memory, what came from a device, and what, being 0, came from nowhere.
 *
 * Each aligned word of 8 bytes of memory stands at one place only: memory is one random chunk over and over, in which
 * each repetition changes all words in its own way.
 */
export const CHUNK_BYTES = 1 << 20;
export const WORD_BYTES = 8;
const CHUNK_WORDS = CHUNK_BYTES / WORD_BYTES;

const PAYLOAD = 0x7f7f_7f7f;
const IS_MEMORY = 0x8080_8080;
const MARKER_PAYLOAD = 0x3f3f_3f3f;
const IS_MARKER = 0x4040_4040;

/** A small generator of numbers: the same bytes in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

let chunkPattern: Uint32Array | undefined;

/** The random chunk: two numbers for each word. */
function pattern(): Uint32Array {
  if (chunkPattern === undefined) {
    const next = numbers(1);
    chunkPattern = Uint32Array.from({ length: CHUNK_WORDS * 2 }, () => next() & PAYLOAD);
  }
  return chunkPattern;
}

type Changes = readonly [number, number];
const changes = new Map<number, Changes>();

/** How a chunk changes the words: no byte stays as it is. */
function changesOf(chunk: number): Changes {
  let known = changes.get(chunk);
  if (known === undefined) {
    const next = numbers(0x9e37_79b9 ^ chunk);
    known = [(next() & PAYLOAD) | 0x0101_0101, (next() & PAYLOAD) | 0x0101_0101];
    changes.set(chunk, known);
  }
  return known;
}

/** Chunks that were described: all memory of every machine is compared with them. */
const described = new Map<number, Buffer>();

/** What stands in a chunk of memory that nobody wrote to. */
export function chunkOf(chunk: number): Buffer {
  const known = described.get(chunk);
  if (known !== undefined) return known;
  const words = new Uint32Array(CHUNK_WORDS * 2);
  const source = pattern();
  const [first, second] = changesOf(chunk);
  for (let at = 0; at < words.length; at += 2) {
    words[at] = (source[at]! ^ first) | IS_MEMORY;
    words[at + 1] = (source[at + 1]! ^ second) | IS_MEMORY;
  }
  const bytes = Buffer.from(words.buffer);
  described.set(chunk, bytes);
  return bytes;
}

/** What stands in a stretch of memory that nobody wrote to. */
export function describedBytes(gpa: number, bytes: number): Buffer {
  const parts: Buffer[] = [];
  const end = gpa + bytes;
  for (let at = gpa; at < end; ) {
    const offset = at % CHUNK_BYTES;
    const part = chunkOf((at - offset) / CHUNK_BYTES).subarray(offset, offset + end - at);
    parts.push(part);
    at += part.length;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

/** A marker: bytes that no other marker has in this order. */
export function markerBytes(number: number, bytes: number): Buffer {
  const next = numbers(0x5bd1_e995 ^ number);
  const words = Uint32Array.from(
    { length: Math.ceil(bytes / 4) },
    () => (next() & MARKER_PAYLOAD) | IS_MARKER,
  );
  return Buffer.from(words.buffer, 0, bytes);
}

export const isOfMemory = (byte: number): boolean => byte >= 0x80;

const keyOf = (first: number, second: number): number => first * 0x40_0000 + (second & 0x3f_ffff);

/** Where the words of the random chunk stand, by what they hold. */
let chunkPlaces: Map<number, number> | undefined;

function places(): Map<number, number> {
  if (chunkPlaces === undefined) {
    const words = pattern();
    chunkPlaces = new Map();
    for (let at = 0; at < words.length; at += 2) {
      chunkPlaces.set(keyOf(words[at]!, words[at + 1]!), at * 4);
    }
  }
  return chunkPlaces;
}

/** Where in a memory of that size the word stands that begins at `at`; null where it is none. */
export function placeOfWord(bytes: Buffer, at: number, memoryBytes: number): number | null {
  for (let i = at; i < at + WORD_BYTES; i += 1) if (!isOfMemory(bytes[i] ?? 0)) return null;
  const words = [bytes.readUInt32LE(at) & PAYLOAD, bytes.readUInt32LE(at + 4) & PAYLOAD] as const;
  for (let chunk = 0; chunk < memoryBytes / CHUNK_BYTES; chunk += 1) {
    const [first, second] = changesOf(chunk);
    const offset = places().get(keyOf(words[0] ^ first, words[1] ^ second));
    if (offset === undefined) continue;
    const place = chunk * CHUNK_BYTES + offset;
    if (describedBytes(place, WORD_BYTES).equals(bytes.subarray(at, at + WORD_BYTES))) return place;
  }
  return null;
}
