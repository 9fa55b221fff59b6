import { MSI_WINDOW_BYTES, MSI_WINDOW_START } from '@spapr-dma/protocol';
import {
  type EnabledTable,
  pageBytesOf,
  type QemuState,
  translate,
  windowsOfPhb,
} from '@spapr-dma/qemu-spapr';
import type { DmaMade } from '@spapr-dma/trace';
import { iobaChoices } from './ioba-choices.js';
import type { Random } from './random.js';
import type { Recent } from './recent.js';
import type { Place, Scene } from './scene.js';
import type { GuestPlaces, Specified } from './specified.js';
import { Choices, type Steering } from './steering.js';
import { isMoved } from './window-facts.js';

/** What the device can do at once. */
const BYTES_MAX = 4095;
const REGISTER_END = 1n << 64n;
/** Interrupts are written here; nobody wants one. The margin is larger than any transfer. */
const MSI = { start: MSI_WINDOW_START - 0x1_0000n, bytes: MSI_WINDOW_BYTES + 0x2_0000n } as const;

interface Where {
  readonly scene: Scene;
  readonly qemu: QemuState;
  readonly phb: number;
}

/** How many places are looked at for one that is mapped. */
const LOOKS = 16;

/** May a device reach guest memory there, reading or writing? */
function isMapped({ qemu, phb }: Where, ioba: bigint): boolean {
  const window = windowsOfPhb(qemu, phb).findLast(
    ({ region }) => ioba >= region.start && ioba < region.start + region.bytes,
  );
  if (window === undefined) return false;
  const { perm, translated } = translate(window, ioba - window.region.start);
  return perm !== 0 && qemu.ram.some(({ gpa, bytes }) => translated >= gpa && translated < gpa + bytes);
}

const windowsOf = ({ scene, phb }: Where): readonly Place[] =>
  scene.phbWindows.filter((place) => place.phb === phb && place.pages > 0);

function memoryEnd({ qemu: { ram } }: Where): bigint {
  const last = ram.at(-1);
  return last === undefined ? 0n : last.gpa + last.bytes;
}

/** A window with pages that all of memory is less than: its entries mean memory from 0 on. */
const largePage = (where: Where): Place | undefined =>
  windowsOf(where).find(({ pageBytes }) => pageBytes > memoryEnd(where));

/** A window of the PHB that hypercalls find elsewhere. */
const movedOf = ({ qemu, phb }: Where): EnabledTable | undefined => windowsOfPhb(qemu, phb).find(isMoved);

const touches = (
  start: bigint,
  bytes: number,
  range: { readonly start: bigint; readonly bytes: bigint },
): boolean => start < range.start + range.bytes && range.start < start + BigInt(bytes);

/** Makes transfers of devices. */
export class DmaCalls {
  readonly #random: Random;
  readonly #recent: Recent;
  readonly #places: GuestPlaces;
  readonly #phbs: Choices<Scene, number>;
  readonly #starts: Choices<Where, bigint>;
  readonly #sizes: Choices<null, number>;

  constructor(random: Random, steering: Steering, recent: Recent, places: GuestPlaces) {
    this.#random = random;
    this.#recent = recent;
    this.#places = places;
    this.#phbs = new Choices<Scene, number>(steering, 'device behind', [
      {
        name: 'PHB',
        weight: 50,
        fits: ({ withDevice }) => withDevice.length > 0,
        make: (source, { withDevice }) => source.pick(withDevice),
      },
      {
        name: 'PHB that was written by lately',
        weight: 100,
        fits: ({ withDevice }) => !recent.isEmpty && withDevice.length > 0,
        make: (source, { withDevice }) => {
          const { phb } = recent.pick(source);
          return withDevice.includes(phb) ? phb : source.pick(withDevice);
        },
      },
      {
        name: 'PHB with windows that overlap',
        weight: 60,
        fits: ({ overlapping, withDevice }) => overlapping.some(({ phb }) => withDevice.includes(phb)),
        make: (source, { overlapping, withDevice }) =>
          source.pick(overlapping.filter(({ phb }) => withDevice.includes(phb))).phb,
      },
      {
        name: 'PHB with a window that hypercalls find elsewhere',
        weight: 60,
        fits: ({ moved, withDevice }) => moved.some(({ phb }) => withDevice.includes(phb)),
        make: (source, { moved, withDevice }) =>
          source.pick(moved.filter(({ phb }) => withDevice.includes(phb))).phb,
      },
      {
        name: 'PHB without a device',
        weight: 2,
        fits: ({ withoutDevice }) => withoutDevice.length > 0,
        make: (source, { withoutDevice }) => source.pick(withoutDevice),
      },
    ]);
    const iobas = iobaChoices(steering, 'DMA in a window');
    this.#starts = new Choices<Where, bigint>(steering, 'DMA starts', [
      {
        name: 'page that is mapped',
        weight: 60,
        fits: ({ phb }) => recent.has(phb),
        make: (source, where) => this.#mapped(source, where),
      },
      {
        name: 'where something was written',
        weight: 20,
        fits: ({ phb }) => recent.has(phb),
        make: (source, { phb }) => recent.pickOf(source, phb),
      },
      {
        name: 'shortly before the end of a page that is mapped',
        weight: 50,
        fits: (where) => recent.has(where.phb) && windowsOf(where).length > 0,
        make: (source, where) => {
          const { pageBytes } = source.pick(windowsOf(where));
          const page = this.#mapped(source, where) & ~(pageBytes - 1n);
          return page + pageBytes - source.bigBelow(min(pageBytes, 0x200n)) - 1n;
        },
      },
      {
        name: 'within a page that is mapped',
        weight: 50,
        fits: (where) => recent.has(where.phb) && windowsOf(where).length > 0,
        make: (source, where) =>
          this.#mapped(source, where) + source.bigBelow(source.pick(windowsOf(where)).pageBytes),
      },
      {
        name: 'in a window',
        weight: 40,
        fits: (where) => windowsOf(where).length > 0,
        make: (source, where) => iobas.make(source, source.pick(windowsOf(where))),
      },
      {
        name: 'across the end of a window',
        weight: 20,
        fits: (where) => windowsOf(where).length > 0,
        make: (source, where) => source.pick(windowsOf(where)).end - BigInt(1 + source.below(0x200)),
      },
      {
        name: 'across the start of a window',
        weight: 5,
        fits: (where) => windowsOf(where).length > 0,
        make: (source, where) => source.pick(windowsOf(where)).start - BigInt(1 + source.below(0x200)),
      },
      {
        name: 'across the end of memory, by pages that are larger',
        weight: 40,
        fits: (where) => largePage(where) !== undefined,
        make: (source, where) => {
          const { start } = largePage(where) as Place;
          return start + memoryEnd(where) - BigInt(1 + source.below(0x200));
        },
      },
      {
        name: 'where only devices find a window',
        weight: 80,
        fits: (where) => movedOf(where) !== undefined,
        make: (source, where) => {
          const { region, pageShift, nbTable } = movedOf(where) as EnabledTable;
          return region.start + BigInt(source.below(Math.min(nbTable, 32))) * pageBytesOf(pageShift);
        },
      },
      { name: '64 random bits', weight: 3, make: (source) => source.bits64() },
    ]);
    this.#sizes = new Choices<null, number>(steering, 'DMA bytes', [
      { name: '1', weight: 6, make: () => 1 },
      { name: '2 to 16', weight: 20, make: (source) => source.between(2, 16) },
      { name: 'up to 600', weight: 50, make: (source) => source.between(17, 600) },
      { name: 'up to 4094', weight: 10, make: (source) => source.between(601, BYTES_MAX - 1) },
      { name: '4095', weight: 5, make: () => BYTES_MAX },
    ]);
  }

  /** A transfer; undefined where it would reach what it must not. */
  next(scene: Scene, specified: Specified): DmaMade | undefined {
    const random = this.#random;
    const phb = this.#phbs.make(random, scene);
    const ioba = BigInt.asUintN(64, this.#starts.make(random, { scene, qemu: specified.state, phb }));
    const bytes = this.#sizes.make(random, null);
    const op = random.chance(0.5) ? 'dma-read' : 'dma-write';
    const call: DmaMade = { kind: 'dma', op, phb, ioba, bytes };
    // The bus has 64 bits, and what a device does at its end is its own affair.
    if (ioba + BigInt(bytes) > REGISTER_END || touches(ioba, bytes, MSI)) return undefined;
    const answer = specified.predict(call);
    if (answer.kind !== 'dma') return undefined;
    const isHarmful = answer.pieces.some(
      (piece) =>
        piece.gpa !== null &&
        this.#places.reserved.some((range) => touches(piece.gpa as bigint, piece.bytes, range)),
    );
    return isHarmful ? undefined : call;
  }

  /** A page that was written lately, if possible one by which memory is reached. */
  #mapped(random: Random, where: Where): bigint {
    let ioba = this.#recent.pickOf(random, where.phb);
    for (let look = 0; look < LOOKS && !isMapped(where, ioba); look++)
      ioba = this.#recent.pickOf(random, where.phb);
    return ioba;
  }
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
