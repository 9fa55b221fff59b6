import { ioba as asIoba, type DmaPiece } from '@spapr-dma/protocol';
import { describedBytes, isOfMemory, placeOfWord, WORD_BYTES } from './described.js';
import { OWN_END } from './layout.js';
import { LiveError } from './live-error.js';
import type { Ram } from './ram.js';
import type { Candidate } from './windows.js';

/** What became of each byte of a transfer: where in guest memory it was, or null where it was nowhere. */
export type Fates = (number | null)[];

/** Neighbours of one fate, guest memory running on, as one piece. */
export function piecesOf(ioba: bigint, fates: Fates, missed: 'zeros' | 'dropped'): readonly DmaPiece[] {
  const pieces: DmaPiece[] = [];
  for (let from = 0, to = 0; from < fates.length; from = to) {
    const first = fates[from] ?? null;
    for (to = from + 1; to < fates.length; to += 1) {
      if ((fates[to] ?? null) !== (first === null ? null : first + to - from)) break;
    }
    pieces.push({
      ioba: asIoba(BigInt.asUintN(64, ioba + BigInt(from))),
      bytes: to - from,
      gpa: first === null ? null : BigInt(first),
      outcome: first === null ? missed : 'ram',
    });
  }
  return pieces;
}

/** Bytes of a transfer, from one on, and where in memory they may have been. */
export interface Part {
  readonly from: number;
  readonly bytes: number;
  readonly gpa: number;
}

/** What of it lies in memory that describes itself. */
function within(ram: Ram, { from, bytes, gpa }: Candidate): Part | null {
  if (gpa < BigInt(OWN_END) || gpa >= BigInt(ram.bytes)) return null;
  const at = Number(gpa);
  return { from, bytes: Math.min(bytes, ram.bytes - at), gpa: at };
}

/** A device read something that stands nowhere in guest memory. */
export class Undecodable extends LiveError {
  override readonly name = 'Undecodable';
}

/**
 * Where the bytes come from that a device read. Entries say where they may come from, and the bytes decide; what no
 * entry explains is looked for in all memory.
 * @throws Undecodable
 */
export function fatesOfRead(ram: Ram, got: Buffer, candidates: readonly Candidate[]): Fates {
  const fates: (number | null | undefined)[] = Array.from(got, (byte) => (byte === 0 ? null : undefined));
  for (const candidate of candidates) {
    const place = within(ram, candidate);
    if (place === null || fates[place.from] !== undefined) continue;
    const { from, bytes, gpa } = place;
    if (!describedBytes(gpa, bytes).equals(got.subarray(from, from + bytes))) continue;
    for (let n = 0; n < bytes; n += 1) fates[from + n] = gpa + n;
  }
  for (let at = 0; at < fates.length; at += 1) {
    if (fates[at] === undefined) searched(ram, got, fates, at);
  }
  return fates as Fates;
}

/** Finds a word near a byte that nothing explains, and what goes on from there. */
function searched(ram: Ram, got: Buffer, fates: (number | null | undefined)[], at: number): void {
  for (let word = at; word + WORD_BYTES <= got.length && isOfMemory(got[word]!); word += 1) {
    const place = placeOfWord(got, word, ram.bytes);
    if (place === null) continue;
    let from = word;
    let to = word + WORD_BYTES;
    const isHere = (n: number): boolean =>
      fates[n] === undefined &&
      place + n - word < ram.bytes &&
      describedBytes(place + n - word, 1)[0] === got[n];
    while (from > at && isHere(from - 1)) from -= 1;
    while (to < got.length && isHere(to)) to += 1;
    if (from > at) break;
    for (let n = from; n < to; n += 1) fates[n] = place + n - word;
    return;
  }
  const seen = got.subarray(at, at + 16).toString('hex');
  throw new Undecodable(`byte ${at} of what a device read, ${seen}, stands nowhere in guest memory`);
}

/**
 * Places that entries name, cut where any of them begins or ends: what is between two cuts goes one way.
 */
export function partsOf(ram: Ram, candidates: readonly Candidate[]): readonly Part[] {
  const places = candidates.map((candidate) => within(ram, candidate)).filter((place) => place !== null);
  const cuts = [...new Set(places.flatMap(({ from, bytes }) => [from, from + bytes]))].sort((a, b) => a - b);
  return places.flatMap(({ from, bytes, gpa }) => {
    const own = cuts.filter((cut) => cut >= from && cut <= from + bytes);
    return own.slice(0, -1).map((cut, n) => ({ from: cut, bytes: own[n + 1]! - cut, gpa: gpa + cut - from }));
  });
}

/**
 * Where a marker landed that a device wrote, of these places. Memory there describes itself again. What landed elsewhere
 * is found when all memory is looked at.
 *
 * Null where two different parts of the marker may have been written to one place: nobody can tell by what stands there
 * whether the first of them was, so the marker has to be written again, up to each of them.
 * @throws MemoryDiffers where one of those places holds something else
 */
export function fatesOfWrite(ram: Ram, marker: Buffer, parts: readonly Part[]): Fates | null {
  const changed = parts.filter(({ gpa, bytes }) => !isDescribed(ram, gpa, bytes));
  if (changed.some((part, n) => changed.slice(n + 1).some((other) => isShared(ram, part, other)))) {
    for (const { gpa, bytes } of changed) ram.describe(gpa, bytes);
    return null;
  }
  const fates: Fates = Array.from(marker, () => null);
  for (const { from, bytes, gpa } of changed) {
    if (fates[from] !== null || !ram.read(gpa, bytes).equals(marker.subarray(from, from + bytes))) continue;
    for (let n = 0; n < bytes; n += 1) fates[from + n] = gpa + n;
  }
  for (const { bytes, gpa } of piecesOf(0n, fates, 'dropped')) {
    if (gpa !== null) ram.describe(Number(gpa), bytes);
  }
  for (const { gpa, bytes } of changed) ram.check(gpa, bytes);
  return fates;
}

/** Was a place written to that may have taken either? */
function isShared(ram: Ram, part: Part, other: Part): boolean {
  if (part.from === other.from) return false;
  const gpa = Math.max(part.gpa, other.gpa);
  const bytes = Math.min(part.gpa + part.bytes, other.gpa + other.bytes) - gpa;
  return bytes > 0 && !isDescribed(ram, gpa, bytes);
}

const isDescribed = (ram: Ram, gpa: number, bytes: number): boolean =>
  ram.read(gpa, bytes).equals(describedBytes(gpa, bytes));
