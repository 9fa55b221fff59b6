import type { Random } from './random.js';
import type { Place } from './scene.js';
import { Choices, type Steering } from './steering.js';

const REGISTER = 0xffff_ffff_ffff_ffffn;
const NEAR_START = 24;
const NEAR_END = 12;

/** A page of a place, counted from its start; one place without pages is asked for its start. */
const page = (place: Place, index: number): bigint =>
  (place.start + BigInt(index) * place.pageBytes) & REGISTER;
const fromEnd = (place: Place, pages: number): bigint =>
  (place.end - BigInt(pages) * place.pageBytes) & REGISTER;
const inside = (random: Random, place: Place): bigint => page(place, random.below(place.pages));
const within = (random: Random, { pageBytes }: Place): bigint => random.bigBelow(pageBytes);

const hasPages = ({ pages }: Place): boolean => pages > 0;
const hasWidePages = ({ pages, pageBytes }: Place): boolean => pages > 0 && pageBytes > 1n;

/** The ways to choose an address, by a window. */
export const iobaChoices = (steering: Steering, topic: string): Choices<Place, bigint> =>
  new Choices<Place, bigint>(steering, topic, [
    { name: 'first page', weight: 60, make: (_, place) => place.start },
    {
      name: 'near the start',
      weight: 250,
      fits: hasPages,
      make: (random, place) => page(place, random.below(Math.min(NEAR_START, place.pages))),
    },
    { name: 'middle', weight: 60, fits: hasPages, make: (_, place) => page(place, place.pages >>> 1) },
    { name: 'inside', weight: 150, fits: hasPages, make: inside },
    {
      name: 'near the end',
      weight: 200,
      fits: hasPages,
      make: (random, place) => fromEnd(place, 1 + random.below(Math.min(NEAR_END, place.pages))),
    },
    { name: 'last page', weight: 60, fits: hasPages, make: (_, place) => fromEnd(place, 1) },
    {
      name: 'within a page',
      weight: 80,
      fits: hasWidePages,
      make: (random, place) =>
        (page(place, random.below(Math.min(NEAR_START, place.pages))) + within(random, place)) & REGISTER,
    },
    { name: 'last byte', weight: 15, fits: hasPages, make: (_, { end }) => (end - 1n) & REGISTER },
    { name: 'one past the end', weight: 25, make: (_, { end }) => end },
    {
      name: 'behind the end',
      weight: 15,
      make: (random, place) => fromEnd(place, -1 - random.below(NEAR_START)),
    },
    { name: 'page before the start', weight: 10, make: (_, place) => page(place, -1) },
    { name: 'byte before the start', weight: 5, make: (_, { start }) => (start - 1n) & REGISTER },
    {
      name: '2^32 pages further',
      weight: 5,
      make: (random, place) =>
        (page(place, random.below(Math.max(place.pages, 1))) + (place.pageBytes << 32n)) & REGISTER,
    },
    {
      name: 'relative to another start',
      weight: 5,
      make: (random, place) => (inside(random, place) - place.start) & REGISTER,
    },
    { name: '0', weight: 4, make: () => 0n },
    { name: '2^59', weight: 4, make: () => 1n << 59n },
    { name: '2^63', weight: 3, make: () => 1n << 63n },
    { name: '2^64-1', weight: 3, make: () => REGISTER },
    { name: '64 random bits', weight: 4, make: (random) => random.bits64() },
  ]);

/** Pages of a place from an address on; 0 where it is outside. The subtraction wraps, as in a register. */
export function pagesLeft(place: Place, ioba: bigint): number {
  const offset = Number(BigInt.asUintN(64, ioba - place.start) >> BigInt(place.pageShift));
  return offset < place.pages ? place.pages - offset : 0;
}
