import { type Entry, type Guest, getTce, putTce } from './guest.js';

/** A DMA window, as hypercalls show it. */
export interface SeenWindow {
  readonly liobn: number;
  /** IOBA of its first entry. */
  readonly start: bigint;
  /** Bytes of its pages, as a shift. */
  readonly shift: number;
}

const SLOTS = [1, 0] as const;
const SHIFTS = 64;
/** An entry that nobody else writes. */
const NONCE = 0x5eed_0f0a_11f1_e1d3n;

const liobnOf = (phb: number, slot: number): number => 0x8000_0000 + phb * 0x100 + slot;

/**
 * The windows of a PHB, that of slot 1 first. Where a window begins, an entry is and before it is none; how large its
 * pages are shows how far the first entry reaches. It is written for that, and gets back what it had.
 *
 * @param starts where windows of this PHB can begin
 */
export async function windowsSeen(
  guest: Guest,
  phb: number,
  starts: readonly bigint[],
): Promise<readonly SeenWindow[]> {
  const asked = SLOTS.flatMap((slot) => starts.map((start) => ({ liobn: liobnOf(phb, slot), start })));
  const returned = await guest.make(
    asked.flatMap(({ liobn, start }) => [getTce(liobn, start), getTce(liobn, start - 1n)]),
  );
  const windows: SeenWindow[] = [];
  for (const [n, { liobn, start }] of asked.entries()) {
    const first = returned[n * 2]!;
    const isBefore = start > 0n && returned[n * 2 + 1]!.rc === 0n;
    if (first.rc !== 0n || isBefore) continue;
    windows.push({ liobn, start, shift: await shiftOf(guest, liobn, start, first.r4) });
  }
  return windows;
}

async function shiftOf(guest: Guest, liobn: number, start: bigint, tce: bigint): Promise<number> {
  const probes: Entry[] = [];
  for (let shift = 0; shift < SHIFTS && start + (1n << BigInt(shift)) < 1n << 64n; shift += 1) {
    probes.push(getTce(liobn, start + (1n << BigInt(shift))));
  }
  const returned = await guest.make([putTce(liobn, start, NONCE), ...probes, putTce(liobn, start, tce)]);
  const shift = returned.slice(1, -1).findIndex(({ rc, r4 }) => rc !== 0n || r4 !== NONCE);
  return shift < 0 ? probes.length : shift;
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

const low = (value: bigint): bigint => BigInt.asUintN(64, value);

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
  { liobn, start, shift }: SeenWindow,
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
      entry: getTce(liobn, low(start + offset)),
      candidateOf: (tce) => ({ from: at, bytes: piece, gpa: (tce & ~(pageBytes - 1n)) | inPage }),
    });
    from += piece;
  }
  return looks;
}
