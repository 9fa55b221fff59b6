import type { Phb } from '@spapr-dma/qemu-spapr';
import type { Random } from './random.js';
import { Choices, type Steering } from './steering.js';

/** What a window's shape is chosen for. */
interface Wanted {
  /** Shifts of the page sizes that the PHB offers, modulo 64. */
  readonly offered: readonly number[];
  /** log2 of the entries of the largest window. */
  readonly entriesShiftMax: number;
}

/** The same with the page size decided. */
interface Sized extends Wanted {
  readonly pageShift: number;
}

export interface WindowShape {
  readonly pageShift: number;
  readonly windowShift: number;
}

/** Page sizes that are named in the architecture's query. */
const NAMED = [12, 16, 21, 24, 25, 26, 27, 28, 34] as const;
const SHIFT_COUNT = 64;
/** Share of windows that are made for a purpose and have pages that guests do not use. */
const UNUSUAL_SHARE = 0.1;
const CELL = 2 ** 32;

const isOffered = ({ offered }: Wanted, shift: number): boolean => offered.includes(shift);
const namedOffered = (wanted: Wanted): readonly number[] => NAMED.filter((shift) => isOffered(wanted, shift));
const notOffered = ({ offered }: Wanted): readonly number[] =>
  Array.from({ length: SHIFT_COUNT }, (_, shift) => shift).filter((shift) => !offered.includes(shift));

/** The ways to choose a window's pages and its size. */
export class WindowShapes {
  readonly #pages: Choices<Wanted, number>;
  readonly #windows: Choices<Sized, number>;
  readonly #entriesShiftMax: number;
  #offered: { readonly pgsz: bigint; readonly shifts: readonly number[] } = { pgsz: 0n, shifts: [] };

  constructor(steering: Steering, entriesShiftMax: number) {
    this.#entriesShiftMax = entriesShiftMax;
    this.#pages = new Choices<Wanted, number>(steering, 'page shift', [
      ...NAMED.map((shift) => ({
        name: `${shift}, offered`,
        weight: 12,
        fits: (wanted: Wanted) => isOffered(wanted, shift),
        make: () => shift,
      })),
      {
        name: '0 to 63, offered',
        weight: 25,
        fits: ({ offered }) => offered.length > 0,
        make: (random, { offered }) => random.pick(offered),
      },
      {
        name: 'not offered',
        weight: 6,
        fits: ({ offered }) => offered.length < SHIFT_COUNT,
        make: (random, wanted) => random.pick(notOffered(wanted)),
      },
      {
        name: '64 and more, offered modulo 64',
        weight: 5,
        fits: ({ offered }) => offered.length > 0,
        make: (random, wanted) => {
          const named = namedOffered(wanted);
          return random.pick(named.length > 0 ? named : wanted.offered) + SHIFT_COUNT * (1 + random.below(2));
        },
      },
      {
        name: '64 and more, not offered',
        weight: 1,
        fits: ({ offered }) => offered.length < SHIFT_COUNT,
        make: (random, wanted) => random.pick(notOffered(wanted)) + SHIFT_COUNT,
      },
      { name: '32 random bits', weight: 1, make: (random) => random.bits() },
    ]);
    this.#windows = new Choices<Sized, number>(steering, 'window shift', [
      { name: 'page shift', weight: 6, make: (_, { pageShift }) => pageShift },
      {
        name: 'up to 1024 pages',
        weight: 60,
        make: (random, { pageShift }) => pageShift + random.between(1, 10),
      },
      {
        name: 'up to 2^18 pages',
        weight: 25,
        make: (random, { pageShift }) => pageShift + random.between(11, 18),
      },
      {
        name: 'huge',
        weight: 4,
        make: (random, { pageShift, entriesShiftMax }) =>
          pageShift + random.between(19, Math.max(19, entriesShiftMax)),
      },
      {
        name: 'below the page shift',
        weight: 4,
        fits: ({ pageShift }) => pageShift > 0,
        make: (random, { pageShift }) => random.pick([pageShift - 1, 0, random.below(pageShift)]),
      },
      {
        name: '32 to 63 above',
        weight: 1,
        make: (random, { pageShift }) => pageShift + random.between(32, 63),
      },
      {
        name: '64 and more above',
        weight: 4,
        make: (random, { pageShift }) => pageShift + SHIFT_COUNT * (1 + random.below(3)) + random.below(12),
      },
      {
        name: 'shortly below 2^32',
        weight: 1,
        make: (random, { pageShift }) => CELL - SHIFT_COUNT + ((pageShift + random.below(12)) & 63),
      },
    ]);
  }

  make(random: Random, { properties: { pgsz } }: Phb): WindowShape {
    if (this.#offered.pgsz !== pgsz) this.#offered = { pgsz, shifts: shiftsOf(pgsz) };
    const wanted = { offered: this.#offered.shifts, entriesShiftMax: this.#entriesShiftMax };
    const pageShift = this.#pages.make(random, wanted);
    const windowShift = this.#windows.make(random, { ...wanted, pageShift }) % CELL;
    return { pageShift, windowShift };
  }
}

/** The shifts of the page sizes in a mask. */
export const shiftsOf = (pgsz: bigint): readonly number[] =>
  Array.from({ length: SHIFT_COUNT }, (_, shift) => shift).filter(
    (shift) => ((pgsz >> BigInt(shift)) & 1n) === 1n,
  );

/** A page size that a PHB offers: mostly one of those that guests use. */
export function usualShift(random: Random, pgsz: bigint): number | undefined {
  const offered = shiftsOf(pgsz);
  const named = offered.filter((shift) => (NAMED as readonly number[]).includes(shift));
  if (named.length > 0 && !random.chance(UNUSUAL_SHARE)) return random.pick(named);
  return offered.length > 0 ? random.pick(offered) : undefined;
}
