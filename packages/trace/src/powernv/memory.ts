import { type Bytes, bytes, type HostPageShift, type Hpa, type Ua, type Vma } from '@spapr-dma/protocol';
import type { Place } from './arguments.js';

/** Where the buffer of the recorded processes lies. It is aligned to any page that the memory may be made of. */
const BUFFER_UA = 0x7f00_0000_0000n;
const BUFFER_HPA = 0x4000_0000n;
/** More than any recorded call names; what lies behind the real buffer is memory of the process as well. */
const BUFFER_BYTES = 0x4000_0000n;
/** Memory elsewhere comes from here on. */
const ELSEWHERE_HPA = 0x10_0000_0000n;
/** Addresses of a process start behind the first pages and end at 2^52. */
const USER_FIRST = 0x1_0000n;
const USER_END = 1n << 52n;

/** The address that a place is. */
export const addressOf = (place: Place): Ua =>
  (place.kind === 'buffer' ? BigInt.asUintN(64, BUFFER_UA + place.offset) : place.address) as Ua;

/** The memory of a recorded process: one buffer, and what its calls name elsewhere. */
export class RecordedMemory {
  readonly buffer: Vma;
  readonly #pageShift: HostPageShift;
  readonly #elsewherePageShift: number;
  readonly #absent: readonly bigint[];
  readonly #elsewhere: Vma[] = [];
  #nextHpa = ELSEWHERE_HPA;

  constructor(pageShift: HostPageShift, elsewherePageShift: number, absent: readonly bigint[]) {
    this.#pageShift = pageShift;
    this.#elsewherePageShift = elsewherePageShift;
    this.#absent = absent;
    this.buffer = {
      ua: BUFFER_UA as Ua,
      bytes: bytes(BUFFER_BYTES),
      access: 'read-write',
      pageShift: this.#pageShift,
      hpa: BUFFER_HPA as Hpa,
    };
  }

  /**
   * Memory that has to come before a call names it: a place outside the buffer at which the process has memory,
   * for all that the recording says. Null where it is there already, or never comes.
   */
  missing(place: Place, size: Bytes): Vma | null {
    if (place.kind === 'buffer' || size === 0n || this.#absent.includes(place.address)) return null;
    const page = 1n << BigInt(this.#elsewherePageShift);
    const start = place.address - (place.address % page);
    const upTo = ((place.address + size + page - 1n) / page) * page;
    if (start < USER_FIRST || upTo > USER_END) return null;
    if (this.#elsewhere.some((vma) => vma.ua <= start && upTo <= vma.ua + vma.bytes)) return null;
    const vma: Vma = {
      ua: start as Ua,
      bytes: bytes(upTo - start),
      access: 'read-write',
      pageShift: this.#elsewherePageShift,
      hpa: this.#nextHpa as Hpa,
    };
    this.#nextHpa += upTo - start;
    this.#elsewhere.push(vma);
    return vma;
  }

  /** Where a place lies in host memory; null where the process has none there. */
  hpaOf(place: Place): Hpa | null {
    const ua = addressOf(place);
    const vma = [this.buffer, ...this.#elsewhere].find((each) => each.ua <= ua && ua < each.ua + each.bytes);
    return vma === undefined ? null : ((vma.hpa + (ua - vma.ua)) as Hpa);
  }
}
