import type { Random } from './random.js';
import { Choices, type Steering } from './steering.js';

/** What a number of pages is chosen by. */
export interface Room {
  /** Entries of the table that is named; 0 where it has no window. */
  readonly pages: number;
  /** Entries from the address to the end; 0 outside. */
  readonly left: number;
  /** Entries that a call may write now, so that no side is kept busy with filling. */
  readonly allowed: number;
}

const LIST_MAX = 512;
const FEW = 8;
const SOME = 700;

const some = (random: Random, most: number): bigint => BigInt(1 + random.below(Math.max(most, 1)));
/** Would the whole rest of a window be written with this? */
const fills = ({ left, allowed }: Room): boolean => left > 0 && left <= allowed;

/** Numbers that are too large for any table, some of which a narrow register would take for small ones. */
const HUGE = [
  { name: '2^32', weight: 1, make: () => 1n << 32n },
  { name: '2^32+1', weight: 1, make: () => (1n << 32n) + 1n },
  { name: '2^63', weight: 1, make: () => 1n << 63n },
  { name: '2^64-1', weight: 1, make: () => 0xffff_ffff_ffff_ffffn },
] as const;

/** The ways to choose how many pages H_STUFF_TCE writes. */
export const stuffCounts = (steering: Steering): Choices<Room, bigint> =>
  new Choices<Room, bigint>(steering, 'H_STUFF_TCE pages', [
    { name: '0', weight: 2, make: () => 0n },
    { name: '1', weight: 20, make: () => 1n },
    { name: 'few', weight: 40, make: (random) => some(random, FEW) },
    {
      name: 'some',
      weight: 12,
      make: (random, { allowed, pages }) => some(random, Math.min(SOME, allowed, pages)),
    },
    { name: 'to the end', weight: 12, fits: fills, make: (_, { left }) => BigInt(left) },
    {
      name: 'past the end',
      weight: 12,
      fits: fills,
      make: (random, { left }) => BigInt(left + 1 + random.below(4)),
    },
    { name: 'as many as the table has', weight: 2, fits: fills, make: (_, { pages }) => BigInt(pages) },
    {
      name: 'one less than the table has',
      weight: 1,
      fits: fills,
      make: (_, { pages }) => BigInt(pages - 1),
    },
    { name: 'one more than the table has', weight: 2, make: (_, { pages }) => BigInt(pages + 1) },
    {
      name: 'far more than the table has',
      weight: 2,
      make: (random, { pages }) => BigInt(pages) + some(random, 2 ** 32),
    },
    { name: '513', weight: 1, fits: ({ allowed }) => allowed > LIST_MAX, make: () => 513n },
    ...HUGE,
  ]);

/** The ways to choose how many pages H_PUT_TCE_INDIRECT writes. */
export const listCounts = (steering: Steering): Choices<Room, bigint> =>
  new Choices<Room, bigint>(steering, 'H_PUT_TCE_INDIRECT pages', [
    { name: '0', weight: 2, make: () => 0n },
    { name: '1', weight: 15, make: () => 1n },
    { name: 'few', weight: 50, make: (random) => some(random, FEW) },
    { name: 'some', weight: 6, make: (random) => some(random, LIST_MAX) },
    { name: '512', weight: 1, make: () => 512n },
    {
      name: 'to the end',
      weight: 12,
      fits: ({ left }) => left > 0 && left <= LIST_MAX,
      make: (_, { left }) => BigInt(left),
    },
    {
      name: 'past the end',
      weight: 12,
      fits: ({ left }) => left > 0 && left < LIST_MAX,
      make: (random, { left }) => BigInt(Math.min(left + 1 + random.below(4), LIST_MAX)),
    },
    { name: '513', weight: 2, make: () => 513n },
    { name: 'more than 513', weight: 1, make: (random) => 513n + some(random, 2 ** 20) },
    ...HUGE,
  ]);
