import type { DmaMade, QemuAnswer } from '@spapr-dma/trace';
import { markerBytes } from './described.js';
import { type Edu, TRANSFER_MAX } from './edu.js';
import { allMade, type Entry, type Guest, getTce, putRead, putTce, type Returned } from './guest.js';
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

/** A transfer that may be part of a batch. */
export interface Ready {
  readonly entries: readonly Entry[];
  /** The answer, by what was returned. */
  readonly finish: (returned: readonly Returned[]) => Promise<QemuAnswer>;
}

/** A transfer whose entries are known. */
interface Prepared {
  /** Looks at entries, first at the one that is lent. */
  readonly looks: readonly Entry[];
  /** What is made then, with what puts back what the lent entry had. */
  readonly moves: (putBack: Entry) => readonly Entry[];
  /** LIOBN and IOBA of the entry that is lent. */
  readonly lent: readonly [number, bigint];
  /** The answer, by what was returned to all that. */
  readonly finish: (returned: readonly Returned[]) => Promise<QemuAnswer>;
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
  async make(call: DmaMade, mover: Mover): Promise<QemuAnswer> {
    const known = this.#known.get(call.phb) ?? (await this.#learn(call.phb, mover));
    const { lender } = known;
    if (lender === null) return this.#answered(call, mover, await this.#moveUnseen(mover.edu, known, call));
    const { looks, moves, lent, finish } = this.#prepared(call, mover, known, lender);
    const atOnce = [...looks, ...moves(putRead(...lent, 0))];
    if (atOnce.length <= BATCH_MAX) return finish(await this.#guest.make(atOnce));
    const looked = await this.#guest.make(looks);
    const moved = await this.#guest.make(moves(putTce(...lent, looked[0]!.r4)));
    return finish([...looked, ...moved]);
  }

  /**
   * A transfer that needs no look at the PHB before it, and goes with other calls; null where it has to be made by
   * itself. Memory is prepared for it: it has to be the next one.
   * @param at where in a batch it begins
   */
  ready(call: DmaMade, mover: Mover, at: number): Ready | null {
    const known = this.#known.get(call.phb);
    if (known === undefined || known.lender === null) return null;
    const { looks, moves, lent, finish } = this.#prepared(call, mover, known, known.lender);
    return { entries: [...looks, ...moves(putRead(...lent, at))], finish };
  }

  /** What a transfer came to that was made. */
  async #answered({ op, ioba }: DmaMade, { edu }: Mover, { moved, candidates }: Moved): Promise<QemuAnswer> {
    const { ram } = this.#guest;
    if (op === 'dma-read')
      return { kind: 'dma', pieces: piecesOf(ioba, fatesOfRead(ram, moved, candidates), 'zeros') };
    const parts = partsOf(ram, candidates);
    const fates = fatesOfWrite(ram, moved, parts) ?? (await this.#writeParts(edu, ioba, moved, parts));
    return { kind: 'dma', pieces: piecesOf(ioba, fates, 'dropped') };
  }

  /**
   * Writes the marker once more for each part, up to its end: so nothing behind it hides it. All of them begin where
   * the transfer did, since QEMU goes on through a page that another window covers.
   */
  async #writeParts(edu: Edu, ioba: bigint, marker: Buffer, parts: readonly Part[]): Promise<Fates> {
    const { ram } = this.#guest;
    const fates: Fates = Array.from(marker, () => null);
    for (const from of new Set(parts.map((part) => part.from))) {
      const places = parts.filter((part) => part.from === from);
      const end = from + places[0]!.bytes;
      await this.#guest.mustMake(edu.transfer('write', ioba, 0, end));
      const part = marker.subarray(from, end);
      const place = places.find(({ gpa, bytes }) => ram.read(gpa, bytes).equals(part));
      for (let n = from; n < end; n += 1) fates[n] = place === undefined ? null : place.gpa + n - from;
      for (const { gpa, bytes } of parts) ram.describe(gpa, bytes);
    }
    return fates;
  }

  /** What gives the entry back that is lent to us. */
  async #putBack({ window }: Lender): Promise<Entry> {
    const { liobn, first } = window;
    const [returned] = await this.#guest.mustMake([getTce(liobn, first)]);
    return putTce(liobn, first, returned!.r4);
  }

  /**
   * What the device reads, or what it is given to write, is seen through the window that is lent; the entries that it
   * may go through are looked at before.
   */
  #prepared(call: DmaMade, mover: Mover, { windows, starts }: Known, lender: Lender): Prepared {
    const { op, ioba, bytes } = call;
    const { edu } = mover;
    const { liobn, first } = lender.window;
    const isRead = op === 'dma-read';
    const candidates = looksAt(windows, starts, ioba, bytes);
    const looks = [getTce(liobn, first), ...candidates.map(({ entry }) => entry)];
    const marker = this.#marker(bytes);
    if (isRead) this.#guest.ram.write(DUMP.at, Buffer.alloc(bytes, UNWRITTEN));
    const moves = (putBack: Entry): readonly Entry[] => [
      ...filling(edu, lender, bytes, putBack),
      ...edu.transfer(isRead ? 'read' : 'write', ioba, 0, bytes),
      ...(isRead ? dumping(edu, lender, bytes, putBack) : []),
    ];
    const finish = (returned: readonly Returned[]): Promise<QemuAnswer> => {
      allMade(moves(putRead(liobn, first, 0)), returned.slice(looks.length));
      const moved = isRead ? this.#dumped(lender, bytes) : marker;
      edu.holds.set(moved);
      return this.#answered(call, mover, {
        moved,
        candidates: candidatesOf(candidates, returned.slice(1)),
      });
    };
    return { looks, moves, lent: [liobn, first], finish };
  }

  /** The same where nobody can look into the device's buffer. */
  async #moveUnseen(edu: Edu, { windows, starts }: Known, { op, ioba, bytes }: DmaMade): Promise<Moved> {
    const isRead = op === 'dma-read';
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
    const [uppermost] = windows;
    if (uppermost === undefined) return null;
    const isSure = !this.#wereLoaded && !windows.some(mayWrap) && isRoomy(uppermost, uppermost.start);
    if (isSure) return { window: uppermost, region: uppermost.start };
    const lenders = windows.flatMap((window) => {
      const others = starts.filter((start) => start !== window.start);
      return [window.start, ...others].map((region): Lender => ({ window, region }));
    });
    for (const lender of lenders) {
      if (!isRoomy(lender.window, lender.region)) continue;
      if (await this.#serves(edu, lender, windows, starts)) return lender;
    }
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

/** A window with so large pages may have 2^64 bytes, which are none for devices. Its count is one of 32 bits. */
const mayWrap = ({ shift }: SeenWindow): boolean => shift > 32;

/** Does a whole buffer go through the window's first page, and is so much of that before the end of the bus? */
const isRoomy = (window: SeenWindow, region: bigint): boolean =>
  1n << BigInt(window.shift) >= BigInt(DUMP.bytes) &&
  region + (BigInt(DUMP.at) & maskOf(window)) + BigInt(DUMP.bytes) <= 1n << 64n;

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
