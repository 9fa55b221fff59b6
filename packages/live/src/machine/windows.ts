import { type Entry, type Guest, getTce, putTce } from './guest.js';

/** A DMA window, as hypercalls show it. */
export interface SeenWindow {
  readonly liobn: number;
  /** IOBA where it begins, for devices. */
  readonly start: bigint;
  /**
   * IOBA of its first entry, for hypercalls: they round down to a page of the window, so where a window does not begin
   * at such a page, it is the one behind.
   */
  readonly first: bigint;
  /** Bytes of its pages, as a shift. */
  readonly shift: number;
}

const SHIFTS = 64n;
/** An entry that nobody else writes. */
const NONCE = 0x5eed_0f0a_11f1_e1d3n;

export const liobnOf = (phb: number, slot: number): number => 0x8000_0000 + phb * 0x100 + slot;

export const phbOfLiobn = (liobn: number): number => (liobn & 0x7fff_ffff) >> 8;

const low = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Where hypercalls may find the first entry of a window that begins there, the nearest first; behind the last page is 0. */
function firstsOf(start: bigint): readonly bigint[] {
  const firsts = new Set<bigint>();
  for (let shift = 0n; shift < SHIFTS; shift += 1n) {
    firsts.add(low(((start + (1n << shift) - 1n) >> shift) << shift));
  }
  return [...firsts];
}

/**
 * The windows of a PHB, that of slot 1 first. How large their pages are shows how far the first entry reaches: it is
 * written for that, and gets back what it had.
 *
 * @param startOf where the window of a LIOBN begins, if there is one
 */
export async function windowsSeen(
  guest: Guest,
  phb: number,
  startOf: (liobn: number) => bigint,
): Promise<readonly SeenWindow[]> {
  const places = [1, 0].map((slot) => {
    const liobn = liobnOf(phb, slot);
    const start = startOf(liobn);
    return { liobn, start, firsts: firstsOf(start) };
  });
  const looks = places.flatMap(({ liobn, firsts }) => firsts.map((first) => getTce(liobn, first)));
  const returned = await guest.make(looks);
  const found: Found[] = [];
  for (const { liobn, start, firsts } of places) {
    const own = returned.splice(0, firsts.length);
    const at = own.findIndex(({ rc }) => rc === 0n);
    const first = firsts[at];
    if (first !== undefined) found.push({ liobn, start, first, tce: own[at]!.r4 });
  }
  return withShifts(guest, found);
}

/** A window, and what its first entry holds. */
interface Found {
  readonly liobn: number;
  readonly start: bigint;
  readonly first: bigint;
  readonly tce: bigint;
}

async function withShifts(guest: Guest, found: readonly Found[]): Promise<readonly SeenWindow[]> {
  const entries = found.map(({ liobn, first, tce }): readonly Entry[] => {
    const probes: Entry[] = [];
    for (let shift = 0n; shift < SHIFTS && first + (1n << shift) < 1n << 64n; shift += 1n) {
      probes.push(getTce(liobn, first + (1n << shift)));
    }
    return [putTce(liobn, first, NONCE), ...probes, putTce(liobn, first, tce)];
  });
  const returned = await guest.make(entries.flat());
  return found.map(({ liobn, start, first }, n) => {
    const probed = returned.splice(0, entries[n]!.length).slice(1, -1);
    const shift = probed.findIndex(({ rc, r4 }) => rc !== 0n || r4 !== NONCE);
    return { liobn, start, first, shift: shift < 0 ? probed.length : shift };
  });
}

/** Where an entry leads to. */
export interface Candidate {
  /** First byte of the transfer that it is about, and how many. */
  readonly from: number;
  readonly bytes: number;
  readonly gpa: bigint;
}

/** A look at an entry that a transfer may go through. */
export interface Look {
  readonly entry: Entry;
  readonly candidateOf: (tce: bigint) => Candidate;
}

/**
 * The entries that a transfer may go through, those of slot 1 first. A window may be found by devices where another one
 * would begin (B-29); those looks come last.
 */
export function looksAt(
  windows: readonly SeenWindow[],
  starts: readonly bigint[],
  ioba: bigint,
  bytes: number,
): readonly Look[] {
  const own = windows.flatMap((window) => looksThrough(window, window.start, ioba, bytes));
  const elsewhere = windows.flatMap((window) =>
    starts
      .filter((start) => start !== window.start)
      .flatMap((start) => looksThrough(window, start, ioba, bytes)),
  );
  return [...own, ...elsewhere];
}

function looksThrough(
  { liobn, first, shift }: SeenWindow,
  region: bigint,
  ioba: bigint,
  bytes: number,
): readonly Look[] {
  const pageBytes = 1n << BigInt(shift);
  const looks: Look[] = [];
  for (let from = 0; from < bytes; ) {
    const offset = low(ioba + BigInt(from) - region);
    const inPage = offset % pageBytes;
    const room = pageBytes - inPage;
    const piece = room < BigInt(bytes - from) ? Number(room) : bytes - from;
    const at = from;
    looks.push({
      entry: getTce(liobn, low(first + offset - inPage)),
      candidateOf: (tce) => ({ from: at, bytes: piece, gpa: (tce & ~(pageBytes - 1n)) | inPage }),
    });
    from += piece;
  }
  return looks;
}
