import { type TceCount, type TceIndex, tce, tceCount, tceIndex } from '@spapr-dma/protocol';
import type { EnabledTable } from '@spapr-dma/qemu-spapr';
import {
  forEachNonZero,
  mappedCount,
  nonZeroCount,
  type TceTable,
  tceHighAt,
  tceLowAt,
  tceTable,
  withFill,
  withTceHalves,
} from '@spapr-dma/tce-table';

/**
 * How sure an entry is. The numbers are chosen so that the count of entries with permission bits, which
 * a table keeps anyway, is the count of entries whose page is not known.
 */
export const KNOWN = 0;
/** Nothing is known; the table holds a guess. */
export const UNKNOWN = 1;
/** Either what the table holds, or the other value. */
export const EITHER = 3;
/** Page and permissions are known, the bits between them are not. */
export const PAGE_KNOWN = 4;

/** Entries of which a possible STUFF keeps both values. */
const POSSIBLE_STUFF_MAX = 4096;

/** What is not certain about one table's entries. */
export interface Doubts {
  /** KNOWN, UNKNOWN, EITHER or PAGE_KNOWN, by entry. */
  readonly kinds: TceTable;
  /** The other value, where an entry is EITHER. */
  readonly others: TceTable;
  /** KVM may change every entry without a line in the log. */
  readonly volatile: boolean;
}

export const noDoubts = (entries: TceCount): Doubts => ({
  kinds: tceTable(entries),
  others: tceTable(entries),
  volatile: false,
});

/** Every entry unknown, as after a migration. */
export const allUnknown = (entries: TceCount): Doubts => ({
  ...noDoubts(entries),
  kinds: withFill(tceTable(entries), tceIndex(0), entries, tce(BigInt(UNKNOWN))),
});

/** Entries whose page is not known. */
export const unknownIn = (doubts: Doubts | undefined): number =>
  doubts === undefined ? 0 : mappedCount(doubts.kinds);

export const kindAt = (doubts: Doubts | undefined, index: TceIndex): number =>
  doubts === undefined ? KNOWN : tceLowAt(doubts.kinds, index);

/** The same doubts with one entry as sure as that. */
export const withKind = (doubts: Doubts, index: TceIndex, kind: number): Doubts => {
  const kinds = withTceHalves(doubts.kinds, index, 0, kind);
  return kinds === doubts.kinds ? doubts : { ...doubts, kinds };
};

/** The same doubts with a range of entries as sure as that. */
export const withKinds = (doubts: Doubts, first: TceIndex, count: number, kind: number): Doubts => {
  const kinds = withFill(doubts.kinds, first, tceCount(count), tce(BigInt(kind)));
  return kinds === doubts.kinds ? doubts : { ...doubts, kinds };
};

/**
 * Entries that may have been overwritten with a value, or not: each is what it was or the value. So is the
 * tail of a STUFF that ran past the window's end, since the log does not tell where it began.
 */
export function withPossibleStuff(
  doubts: Doubts,
  table: EnabledTable,
  first: TceIndex,
  count: number,
  value: bigint,
): Doubts {
  // Of too many entries nothing is kept: the next look at one tells what it is.
  const changing = value === 0n ? nonZeroCount(table.view) + nonZeroCount(doubts.kinds) : count;
  if (changing > POSSIBLE_STUFF_MAX) return withKinds(doubts, first, count, UNKNOWN);
  const others = withFill(doubts.others, first, tceCount(count), tce(value));
  let { kinds } = doubts;
  const mark = (index: TceIndex): void => {
    const before = tceLowAt(doubts.kinds, index);
    kinds = withTceHalves(kinds, index, 0, before === KNOWN ? EITHER : UNKNOWN);
  };
  if (value === 0n) {
    forEachNonZero(table.view, mark, first, tceCount(count));
  } else {
    const [high, low] = [Number(value >> 32n), Number(value & 0xffff_ffffn)];
    kinds = withFill(kinds, first, tceCount(count), tce(BigInt(EITHER)));
    forEachNonZero(
      table.view,
      (index, entryHigh, entryLow) => {
        if (entryHigh === high && entryLow === low) kinds = withTceHalves(kinds, index, 0, KNOWN);
      },
      first,
      tceCount(count),
    );
  }
  forEachNonZero(
    doubts.kinds,
    (index) => (kinds = withTceHalves(kinds, index, 0, UNKNOWN)),
    first,
    tceCount(count),
  );
  return { ...doubts, kinds, others };
}

/** What a look at an entry showed, held against what is known of it. */
export interface Look {
  readonly high: number;
  readonly low: number;
  /** How sure the entry is after the look. */
  readonly kind: number;
}

/**
 * Holds the page and permissions that a device saw against an entry.
 * @param keepHigh mask of the page address's high half
 * @param keepLow mask of its low half
 * @returns the entry as it is known afterwards, or null where it cannot be that
 */
export function seenPage(
  table: EnabledTable,
  doubts: Doubts | undefined,
  index: TceIndex,
  high: number,
  low: number,
  keepHigh: number,
  keepLow: number,
): Look | null {
  const entryHigh = tceHighAt(table.view, index);
  const entryLow = tceLowAt(table.view, index);
  const kind = kindAt(doubts, index);
  const shows = (wholeHigh: number, wholeLow: number): boolean =>
    ((wholeHigh ^ high) & keepHigh) === 0 && ((wholeLow ^ low) & (keepLow | 3)) === 0;
  if (shows(entryHigh, entryLow)) {
    if (kind === UNKNOWN) return { high: entryHigh, low: entryLow, kind: PAGE_KNOWN };
    return { high: entryHigh, low: entryLow, kind };
  }
  if (doubts === undefined) return null;
  if (doubts.volatile || kind === UNKNOWN) return { high, low, kind: PAGE_KNOWN };
  if (kind !== EITHER) return null;
  const otherHigh = tceHighAt(doubts.others, index);
  const otherLow = tceLowAt(doubts.others, index);
  return shows(otherHigh, otherLow) ? { high: otherHigh, low: otherLow, kind: KNOWN } : null;
}

/** Holds the whole value that H_GET_TCE returned against an entry; see `seenPage`. */
export function seenValue(
  table: EnabledTable,
  doubts: Doubts | undefined,
  index: TceIndex,
  high: number,
  low: number,
  lowBitsMask: { readonly high: number; readonly low: number },
): Look | null {
  const is = (otherHigh: number, otherLow: number): boolean => otherHigh === high && otherLow === low;
  const entryHigh = tceHighAt(table.view, index);
  const entryLow = tceLowAt(table.view, index);
  const known: Look = { high, low, kind: KNOWN };
  if (is(entryHigh, entryLow)) return known;
  if (doubts === undefined) return null;
  if (doubts.volatile) return known;
  switch (kindAt(doubts, index)) {
    case UNKNOWN:
      return known;
    case EITHER:
      return is(tceHighAt(doubts.others, index), tceLowAt(doubts.others, index)) ? known : null;
    case PAGE_KNOWN: {
      const differsOutside =
        ((entryHigh ^ high) & ~lowBitsMask.high) !== 0 || ((entryLow ^ low) & ~lowBitsMask.low) !== 0;
      return differsOutside ? null : known;
    }
    default:
      return null;
  }
}
