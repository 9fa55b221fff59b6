import { unreachable } from '@spapr-dma/protocol';
import type { DmaMade, QemuAnswer } from '@spapr-dma/trace';
import { markerBytes } from './described.js';
import { type Edu, TRANSFER_MAX } from './edu.js';
import { allMade, type Entry, type Guest, getTce, putFirst, putTce, type Returned } from './guest.js';
import { BATCH_MAX, DUMP, MARKER, type Stretch } from './layout.js';
import { LiveError } from './live-error.js';
import { type Fates, fatesOfRead, fatesOfWrite, type Part, partsOf, piecesOf } from './pieces.js';
import type { WindowStarts } from './window-starts.js';
import { type Candidate, type Look, looksAt, type SeenWindow, windowsSeen } from './windows.js';

/** A device's buffer does not hold what it must. */
export class BufferDiffers extends LiveError {
  override readonly name = 'BufferDiffers';
}

/** What nobody else writes: neither memory nor a marker has such a byte. */
const UNWRITTEN = 0x2a;
const READ_WRITE = 3n;

/** A window whose first entry is ours for a moment, and where devices find it. */
interface Lender {
  readonly window: SeenWindow;
  readonly region: bigint;
}

/** Bytes that a device moved, and where they may have been in memory. */
interface Moved {
  readonly moved: Buffer;
  readonly candidates: readonly Candidate[];
}

/** What is known of a PHB while nobody changes its windows or its devices. */
interface Known {
  /** Where its windows can begin. */
  readonly starts: readonly bigint[];
  readonly windows: readonly SeenWindow[];
  readonly lender: Lender | null;
}

/** Who makes a transfer. */
export interface Mover {
  readonly edu: Edu;
  /** Where windows of its PHB can begin. */
  readonly starts: readonly bigint[];
  /** Where its PHB's default window begins. */
  readonly ownStart: bigint;
}

/**
 * Transfers of devices, byte for byte. What a device read is seen in its buffer, which it has to write to memory, and
 * that takes an entry of a window: the first one is written for that, and gets back what it had.
 *
 * Where a PHB has no window nobody sees the buffer: a read is taken for zeros then, and the buffer is looked at when
 * there is a window again.
 */
export class Transfers {
  readonly #guest: Guest;
  readonly #starts: WindowStarts;
  readonly #known = new Map<number, Known>();
  #markers = 0;
  /** Windows were loaded, and devices may find them elsewhere (B-29). */
  #wereLoaded = false;

  constructor(guest: Guest, starts: WindowStarts) {
    this.#guest = guest;
    this.#starts = starts;
  }

  /** Windows or devices may have changed. */
  forget({ wereLoaded = this.#wereLoaded }: { wereLoaded?: boolean } = {}): void {
    this.#known.clear();
    this.#wereLoaded = wereLoaded;
  }

  /** The windows of one PHB may have changed. */
  forgetPhb(index: number): void {
    this.#known.delete(index);
  }

  /**
   * Has a device make a transfer.
   * @throws Undecodable, BufferDiffers, GuestGone
   */
  async make({ op, phb, ioba, bytes }: DmaMade, mover: Mover): Promise<QemuAnswer> {
    const { edu } = mover;
    const known = this.#known.get(phb) ?? (await this.#learn(phb, mover));
    const { ram } = this.#guest;
    const isRead = op === 'dma-read';
    const { moved, candidates } =
      known.lender === null
        ? await this.#moveUnseen(edu, known, isRead, ioba, bytes)
        : await this.#move(edu, known, known.lender, isRead, ioba, bytes);
    if (isRead) return { kind: 'dma', pieces: piecesOf(ioba, fatesOfRead(ram, moved, candidates), 'zeros') };
    const parts = partsOf(ram, candidates);
    const fates = fatesOfWrite(ram, moved, parts) ?? (await this.#writeParts(edu, ioba, moved, parts));
    return { kind: 'dma', pieces: piecesOf(ioba, fates, 'dropped') };
  }

  /** Writes the marker once more, each part by itself: they would hide each other. */
  async #writeParts(edu: Edu, ioba: bigint, marker: Buffer, parts: readonly Part[]): Promise<Fates> {
    const fates: Fates = Array.from(marker, () => null);
    for (const from of new Set(parts.map((part) => part.from))) {
      const places = parts.filter((part) => part.from === from);
      const bytes = places[0]!.bytes;
      await this.#guest.mustMake(edu.transfer('write', ioba + BigInt(from), from, bytes));
      const written =
        fatesOfWrite(this.#guest.ram, marker, places) ?? unreachable('parts are the same bytes');
      for (let n = from; n < from + bytes; n += 1) fates[n] = written[n] ?? null;
    }
    return fates;
  }

  /** What gives the entry back that is lent to us. */
  async #putBack({ window }: Lender): Promise<Entry> {
    const { liobn, first } = window;
    const [returned] = await this.#guest.mustMake([getTce(liobn, first)]);
    return putTce(liobn, first, returned!.r4);
  }

  /** What the device read, or what it was given to write; and where the entries led that it may have gone through. */
  async #move(
    edu: Edu,
    { windows, starts }: Known,
    lender: Lender,
    isRead: boolean,
    ioba: bigint,
    bytes: number,
  ): Promise<Moved> {
    const { ram } = this.#guest;
    const { liobn, first } = lender.window;
    const looks = looksAt(windows, starts, ioba, bytes);
    const marker = this.#marker(bytes);
    if (isRead) ram.write(DUMP.at, Buffer.alloc(bytes, UNWRITTEN));
    const entriesWith = (putBack: Entry): readonly Entry[] => [
      ...filling(edu, lender, bytes, putBack),
      ...edu.transfer(isRead ? 'read' : 'write', ioba, 0, bytes),
      ...(isRead ? dumping(edu, lender, bytes, putBack) : []),
    ];
    const before = [getTce(liobn, first), ...looks.map(({ entry }) => entry)];
    const entries = entriesWith(putFirst(liobn, first));
    const isOneBatch = before.length + entries.length <= BATCH_MAX;
    const returned = await this.#guest.make(isOneBatch ? [...before, ...entries] : before);
    if (isOneBatch) allMade(entries, returned.slice(before.length));
    else await this.#guest.mustMake(entriesWith(putTce(liobn, first, returned[0]!.r4)));
    const moved = isRead ? this.#dumped(lender, bytes) : marker;
    edu.holds.set(moved);
    return { moved, candidates: candidatesOf(looks, returned.slice(1)) };
  }

  /** The same where nobody can look into the device's buffer. */
  async #moveUnseen(
    edu: Edu,
    { windows, starts }: Known,
    isRead: boolean,
    ioba: bigint,
    bytes: number,
  ): Promise<Moved> {
    const looks = looksAt(windows, starts, ioba, bytes);
    const returned = await this.#guest.make(looks.map(({ entry }) => entry));
    await this.#guest.mustMake(edu.transfer(isRead ? 'read' : 'write', ioba, 0, bytes));
    if (isRead) {
      edu.holds.fill(0, 0, bytes);
      edu.isUnproven = true;
    }
    return { moved: Buffer.from(edu.holds.subarray(0, bytes)), candidates: candidatesOf(looks, returned) };
  }

  async #learn(phb: number, { edu, starts, ownStart }: Mover): Promise<Known> {
    const windows = await windowsSeen(this.#guest, phb, (liobn) => this.#starts.of(liobn) ?? ownStart);
    const lender = await this.#lenderOf(edu, windows, starts);
    const known: Known = { starts, windows, lender };
    this.#known.set(phb, known);
    if (lender === null) return known;
    if (edu.isUnproven) await this.#prove(lender, edu);
    if (!edu.isFilled) await this.#fill(lender, edu);
    return known;
  }

  /** The uppermost window has the first word wherever it lies, so its first entry serves. */
  async #lenderOf(
    edu: Edu,
    windows: readonly SeenWindow[],
    starts: readonly bigint[],
  ): Promise<Lender | null> {
    if (!this.#wereLoaded) {
      const [window] = windows;
      return window === undefined ? null : { window, region: window.start };
    }
    const lenders = windows.flatMap((window) => {
      const others = starts.filter((start) => start !== window.start);
      return [window.start, ...others].map((region): Lender => ({ window, region }));
    });
    for (const lender of lenders) if (await this.#serves(edu, lender, windows, starts)) return lender;
    return null;
  }

  /** Does what the device writes there come to us? Where it goes elsewhere, memory describes itself again. */
  async #serves(
    edu: Edu,
    lender: Lender,
    windows: readonly SeenWindow[],
    starts: readonly bigint[],
  ): Promise<boolean> {
    const { ram } = this.#guest;
    const ioba = BigInt.asUintN(64, lender.region + (BigInt(DUMP.at) & maskOf(lender.window)));
    const looks = looksAt(windows, starts, ioba, 1);
    const returned = await this.#guest.make(looks.map(({ entry }) => entry));
    ram.write(DUMP.at, Buffer.of(UNWRITTEN));
    await this.#guest.mustMake(dumping(edu, lender, 1, await this.#putBack(lender)));
    fatesOfWrite(ram, edu.holds.subarray(0, 1), partsOf(ram, candidatesOf(looks, returned)));
    return ram.read(DUMP.at, 1)[0] !== UNWRITTEN;
  }

  /** Looks at a buffer that nobody could look at when something was read into it. */
  async #prove(lender: Lender, edu: Edu): Promise<void> {
    const putBack = await this.#putBack(lender);
    this.#guest.ram.write(DUMP.at, Buffer.alloc(TRANSFER_MAX, UNWRITTEN));
    await this.#guest.mustMake(dumping(edu, lender, TRANSFER_MAX, putBack));
    const got = this.#dumped(lender, TRANSFER_MAX);
    const at = got.findIndex((byte, n) => byte !== edu.holds[n]);
    if (at >= 0) {
      const seen = got.subarray(at, at + 16).toString('hex');
      throw new BufferDiffers(
        `a device of PHB ${edu.place.phb} read ${seen} while the PHB had no window: byte ${at} of its buffer`,
      );
    }
    edu.isUnproven = false;
  }

  /** A buffer as it starts holds zeros, which look like what was read from nowhere. */
  async #fill(lender: Lender, edu: Edu): Promise<void> {
    const marker = this.#marker(TRANSFER_MAX);
    await this.#guest.mustMake(filling(edu, lender, TRANSFER_MAX, await this.#putBack(lender)));
    edu.holds.set(marker);
    edu.isFilled = true;
  }

  #marker(bytes: number): Buffer {
    this.#markers += 1;
    const marker = markerBytes(this.#markers, bytes);
    this.#guest.ram.write(MARKER.at, marker);
    return marker;
  }

  #dumped({ window, region }: Lender, bytes: number): Buffer {
    const got = this.#guest.ram.read(DUMP.at, bytes);
    const at = got.indexOf(UNWRITTEN);
    if (at < 0) return got;
    const { liobn, start, shift } = window;
    const named = `LIOBN 0x${liobn.toString(16)} at 0x${start.toString(16)}, pages of 2^${shift} bytes`;
    const place = region === start ? '' : `, which devices find at 0x${region.toString(16)}`;
    throw new BufferDiffers(`byte ${at} of what a device holds did not come through ${named}${place}`);
  }
}

const maskOf = ({ shift }: SeenWindow): bigint => (1n << BigInt(shift)) - 1n;

/** Where the entries led that were looked at; those that are none led nowhere. */
const candidatesOf = (looks: readonly Look[], returned: readonly Returned[]): readonly Candidate[] =>
  looks.flatMap(({ candidateOf }, n) => (returned[n]?.rc === 0n ? [candidateOf(returned[n].r4)] : []));

/** Has a device read the marker. */
const filling = (edu: Edu, lender: Lender, bytes: number, putBack: Entry): readonly Entry[] =>
  lending(lender, MARKER, bytes, putBack, (at, from, count) => edu.transfer('read', at, from, count));

/** Has a device write its buffer where we look at it. */
const dumping = (edu: Edu, lender: Lender, bytes: number, putBack: Entry): readonly Entry[] =>
  lending(lender, DUMP, bytes, putBack, (at, from, count) => edu.transfer('write', at, from, count));

/** Transfers of our own: the first entry leads to the stretch, and then again to where it led before. */
function lending(
  { window, region }: Lender,
  { at }: Stretch,
  bytes: number,
  putBack: Entry,
  transfer: (ioba: bigint, from: number, bytes: number) => readonly Entry[],
): readonly Entry[] {
  const mask = maskOf(window);
  const { liobn, first } = window;
  const step = mask < BigInt(bytes) ? Number(mask) + 1 : bytes;
  const entries: Entry[] = [];
  for (let from = 0; from < bytes; from += step) {
    const gpa = BigInt(at + from);
    const ioba = BigInt.asUintN(64, region + (gpa & mask));
    entries.push(putTce(liobn, first, (gpa & ~mask) | READ_WRITE));
    entries.push(...transfer(ioba, from, Math.min(step, bytes - from)));
  }
  entries.push(putBack);
  return entries;
}
