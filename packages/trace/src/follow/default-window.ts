import {
  type Bytes,
  bytes,
  DEFAULT_WINDOW_BYTES,
  DEFAULT_WINDOW_START,
  type Ioba,
  ioba,
} from '@spapr-dma/protocol';

/** Place and size of a PHB's default window: properties of the PHB that no line of a log names. */
export interface WindowPlace {
  readonly start: Ioba;
  readonly bytes: Bytes;
}

/**
 * What a log has shown of the place of one PHB's default window. Calls that worked lie inside, calls that
 * were refused lie outside, and a window has no holes.
 */
export interface WindowEvidence {
  /** Named by option or by a line; then nothing else counts. */
  readonly pinned: WindowPlace | null;
  /** Start and size as far as a line has named one without the other. */
  readonly start: bigint | null;
  readonly size: bigint | null;
  /** Cleared by a kernel from one end to the other. */
  readonly swept: WindowPlace | null;
  /** Calls reached [low, high). */
  readonly reached: { readonly low: bigint; readonly high: bigint } | null;
  /** Pages at which a call was refused, in order, the nearest ones to the window if there are many. */
  readonly refused: readonly bigint[];
}

/** Something a call says of the place: it reached a range, and was refused at a page. */
export interface Reach {
  readonly reached: { readonly low: bigint; readonly high: bigint } | null;
  readonly refused: bigint | null;
}

const PAGE = 0x1000n;
const REFUSED_MAX = 64;
/** Entries are counted in 32 bits: one more, and the window has none. */
const WINDOW_BYTES_MAX = ((1n << 32n) - 1n) * PAGE;

/** QEMU's own place for it. */
export const USUAL_PLACE: WindowPlace = {
  start: ioba(DEFAULT_WINDOW_START),
  bytes: bytes(DEFAULT_WINDOW_BYTES),
};

export const noEvidence = (pinned: WindowPlace | null): WindowEvidence => ({
  pinned,
  start: null,
  size: null,
  swept: null,
  reached: null,
  refused: [],
});

/** The evidence with what one more call says; the same object where it says nothing new. */
export function withReach(evidence: WindowEvidence, { reached, refused }: Reach): WindowEvidence {
  let next = evidence;
  if (reached !== null) {
    const low = next.reached === null || reached.low < next.reached.low ? reached.low : next.reached.low;
    const high = next.reached === null || reached.high > next.reached.high ? reached.high : next.reached.high;
    if (low !== next.reached?.low || high !== next.reached.high) next = { ...next, reached: { low, high } };
  }
  if (refused !== null && !next.refused.includes(refused)) {
    next = { ...next, refused: nearest([...next.refused, refused], next.reached?.low ?? 0n) };
  }
  return next;
}

const distance = (a: bigint, b: bigint): bigint => (a < b ? b - a : a - b);

/** Refused pages in order; of too many, the one farthest from the window goes. */
function nearest(refused: readonly bigint[], window: bigint): readonly bigint[] {
  const sorted = refused.toSorted(compare);
  if (sorted.length <= REFUSED_MAX) return sorted;
  const [first = 0n, last = 0n] = [sorted[0], sorted.at(-1)];
  return distance(first, window) > distance(last, window) ? sorted.slice(1) : sorted.slice(0, -1);
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Does a place agree with everything that is known? */
export function allows(evidence: WindowEvidence, { start, bytes: size }: WindowPlace): boolean {
  const end = start + size;
  if (evidence.start !== null && evidence.start !== start) return false;
  if (evidence.size !== null && evidence.size !== size) return false;
  if (evidence.reached !== null && (evidence.reached.low < start || evidence.reached.high > end))
    return false;
  return evidence.refused.every((page) => page < start || page >= end);
}

/** Places that agree with the evidence, the likeliest first. */
export function placesOf(evidence: WindowEvidence): readonly WindowPlace[] {
  if (evidence.pinned !== null) return [evidence.pinned];
  const usual = [evidence.swept, USUAL_PLACE].filter((place): place is WindowPlace => place !== null);
  return [...usual, ...gapsOf(evidence).flatMap((gap) => placesIn(gap, evidence))].filter((place) =>
    allows(evidence, place),
  );
}

interface Gap {
  readonly low: bigint;
  readonly high: bigint;
}

/** Ranges without a refused page: the window lies in one of them, the one that was reached. */
function gapsOf({ refused, reached }: WindowEvidence): readonly Gap[] {
  const edges = [-PAGE, ...refused, 1n << 64n];
  const gaps = edges.slice(1).map((high, at) => ({ low: (edges[at] as bigint) + PAGE, high }));
  const possible = gaps.filter(({ low, high }) => high > low);
  if (reached === null) return possible;
  return possible.filter(({ low, high }) => low <= reached.low && high >= reached.high);
}

/** Places in a gap: the usual sizes first, from the gap's own beginning and from the first page reached. */
function placesIn({ low, high }: Gap, { reached, start, size }: WindowEvidence): readonly WindowPlace[] {
  const bounds = reached === null ? [] : [reached.low, ...(size === null ? [] : [reached.high - size])];
  const starts = start === null ? [low, ...bounds, ...(size === null ? [] : [high - size])] : [start];
  return starts.flatMap((from) => {
    const least = reached === null ? PAGE : reached.high - from;
    const widest = high - from < WINDOW_BYTES_MAX ? high - from : WINDOW_BYTES_MAX;
    const sizes = size === null ? [powerOfTwoFrom(least), widest, least] : [size];
    return sizes.map((length): WindowPlace => ({ start: ioba(from), bytes: bytes(length) }));
  });
}

function powerOfTwoFrom(size: bigint): bigint {
  let power = PAGE;
  while (power < size) power <<= 1n;
  return power;
}
