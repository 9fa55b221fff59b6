/** Where what we need stands in guest memory. All of it lies below `OWN_END`; the rest is self-describing. */
export const MAILBOX = {
  at: 0x10000,
  bytes: 128,
  /** Offsets in the mailbox. */
  bell: 0,
  count: 8,
  entries: 16,
  tree: 24,
  left: 32,
  answered: 64,
} as const;

/** A stretch of guest memory. */
export interface Stretch {
  readonly at: number;
  readonly bytes: number;
}

/**
 * What an edu's buffer is filled from, and where it is looked at: near the start of a large page, since little may be
 * left of a window that begins near the end of the bus.
 */
export const MARKER: Stretch = { at: 0x2_0000, bytes: 0x1000 };
export const DUMP: Stretch = { at: 0x2_1000, bytes: 0x1000 };

/** Hypercalls of one batch: r3 to r10 of each. */
export const ENTRY_BYTES = 64;
export const BATCH_MAX = 4096;
export const ENTRIES: Stretch = { at: 0x10_0000, bytes: BATCH_MAX * ENTRY_BYTES };
/** Cells of RTAS calls, and what they point to. */
export const CELLS: Stretch = { at: 0x20_0000, bytes: 0x10_0000 };
/** Pages for the lists of H_PUT_TCE_INDIRECT, which nothing else uses. */
export const LISTS: Stretch = { at: 0x80_0000, bytes: 0x80_0000 };

/** Where self-describing memory begins. */
export const OWN_END = 0x100_0000;

/**
 * What a generator of calls has to know: lists stand in pages of their own, and no device reaches what is ours. Lists
 * may also stand anywhere else that is not ours; pages that nobody reserves describe themselves.
 */
export const LIVE_PLACES = {
  lists: { start: BigInt(LISTS.at), bytes: BigInt(LISTS.bytes) },
  reserved: [{ start: 0n, bytes: BigInt(OWN_END) }],
} as const;

/** May a device reach these bytes? Beyond memory there is nothing that it could harm. */
export const isDmaSafe = (gpa: bigint, bytes: number): boolean => bytes === 0 || gpa >= BigInt(OWN_END);

/** May the list of an H_PUT_TCE_INDIRECT stand here? */
export function isListSafe(gpa: bigint): boolean {
  const isOwn = gpa < BigInt(OWN_END);
  return !isOwn || (gpa >= BigInt(LISTS.at) && gpa < BigInt(LISTS.at + LISTS.bytes));
}
