import type { HcallMade, QemuAnswer, QemuCall, RtasMade } from '@spapr-dma/trace';
import { type Entry, type Returned, returnedIn, writeEntries } from './guest.js';
import { BATCH_MAX, CELLS, ENTRIES, ENTRY_BYTES, isListSafe, LISTS } from './layout.js';
import { LiveError } from './live-error.js';
import { HCALLS, KVMPPC_H_RTAS, TOKENS } from './opcodes.js';
import type { Ram } from './ram.js';

/** What the stub makes by itself. */
export type BatchedCall = HcallMade | RtasMade;

const LIST_BYTES = 0x1000;
const LIST_MAX = 512;
/** Token, number of arguments, number of return cells. */
const CELLS_HEAD = 12;
const CELL_BYTES = 4;
/** What return cells hold before a call. */
const UNTOUCHED = 0xdead_beef;

/** What ibm,configure-connector hands a description over in. */
const AREA_BYTES = 0x1000;
/** r3 of an entry that is an RTAS call, repeated as long as it says that there is more. */
const REPEATED = -3n;

/** One call of which a guest makes many: a description comes piece by piece, and the last status counts. */
const takesSteps = ({ op, args, nret }: RtasMade): boolean =>
  op === 'ibm,configure-connector' && args.length === 2 && nret === 1;

const isRtas = (call: BatchedCall): call is RtasMade => call.kind === 'rtas';

const isElsewhere = (page: bigint): boolean => page < LISTS.at || page >= LISTS.at + LISTS.bytes;

/** Where an RTAS call's return cells stand. */
const retsAt = (call: RtasMade): number => CELLS_HEAD + call.args.length * CELL_BYTES;

/**
 * Bytes of its cells. A call writes what it always answers, however few return cells it was asked for: a status where
 * there is none, and get-sensor-state two cells where there is one. They must not be another call's.
 */
const cellBytes = (call: RtasMade): number => retsAt(call) + Math.max(call.nret, 2) * CELL_BYTES;

/** Calls on their way to the stub and back. */
export class Batch {
  readonly entries = Buffer.alloc(ENTRIES.bytes);
  readonly #entries = new DataView(this.entries.buffer, this.entries.byteOffset);
  readonly #cells = Buffer.alloc(CELLS.bytes);
  readonly #list = Buffer.alloc(LIST_BYTES);
  readonly #listView = new DataView(this.#list.buffer, this.#list.byteOffset);
  readonly #ram: Ram;
  readonly #calls: BatchedCall[] = [];
  /** Where each RTAS call's cells stand, in the order of those calls. */
  readonly #places: number[] = [];
  /** Pages that hold a list, and whose. */
  readonly #lists = new Map<bigint, HcallMade>();
  #used = 0;
  #appended = 0;

  constructor(ram: Ram) {
    this.#ram = ram;
  }

  /** Calls in it. */
  get count(): number {
    return this.#calls.length;
  }

  /** Entries in it: calls, and what was appended. */
  get total(): number {
    return this.#calls.length + this.#appended;
  }

  /** Stands a list where devices reach memory? */
  get hasListElsewhere(): boolean {
    return [...this.#lists.keys()].some(isElsewhere);
  }

  /**
   * Takes a call in; false where it has to wait for the next batch.
   * @throws LiveError where its list would stand on the stub or its mail
   */
  add(call: BatchedCall): boolean {
    const at = this.#calls.length * ENTRY_BYTES;
    if (this.#calls.length === BATCH_MAX) return false;
    if (isRtas(call)) {
      const cells = this.#addCells(call);
      if (cells === null) return false;
      if (takesSteps(call)) this.#entries.setBigInt64(at, REPEATED);
      else this.#put(at, KVMPPC_H_RTAS);
      this.#put(at + 8, cells);
      this.#put(at + 16, cells + retsAt(call));
    } else {
      if (call.op === 'H_PUT_TCE_INDIRECT' && !this.#addList(call)) return false;
      this.#put(at, HCALLS[call.op]);
      const { args } = call;
      for (let n = 0; n < args.length; n += 1) this.#entries.setBigUint64(at + 8 + n * 8, args[n]!);
    }
    this.#calls.push(call);
    return true;
  }

  /** Takes in entries of our own behind all calls; false where there is no room. */
  append(entries: readonly Entry[]): boolean {
    if (this.count + entries.length > BATCH_MAX) return false;
    writeEntries(this.#entries, this.count, entries);
    this.#appended = entries.length;
    return true;
  }

  /** What became of those. */
  appended(): readonly Returned[] {
    return returnedIn(this.#entries, this.count, this.#appended);
  }

  /** The last thing before the bell: cells go where the guest finds them. Lists are there already. */
  hand(): void {
    if (this.#used > 0) this.#ram.write(CELLS.at, this.#cells, this.#used);
  }

  /** The answers to the first calls, and an empty batch. */
  answers(count = this.#calls.length): QemuAnswer[] {
    if (this.#used > 0) this.#ram.readInto(this.#cells, CELLS.at, this.#used);
    const answers: QemuAnswer[] = [];
    let rtas = 0;
    for (let n = 0; n < count; n += 1) {
      const call = this.#calls[n]!;
      if (!isRtas(call)) answers.push(this.#hcallAnswer(n * ENTRY_BYTES, call));
      else {
        answers.push(this.#rtasAnswer(n * ENTRY_BYTES, call, this.#places[rtas]!));
        rtas += 1;
      }
    }
    this.#clear();
    return answers;
  }

  #clear(): void {
    for (const page of this.#lists.keys()) {
      if (isElsewhere(page)) this.#ram.describe(Number(page), LIST_BYTES);
    }
    this.#lists.clear();
    this.#calls.length = 0;
    this.#appended = 0;
    this.#places.length = 0;
    this.#used = 0;
  }

  /** A register that fits a number. */
  #put(at: number, value: number): void {
    this.#entries.setUint32(at, 0);
    this.#entries.setUint32(at + 4, value);
  }

  #hcallAnswer(at: number, { op }: HcallMade): QemuAnswer {
    const rc = this.#rc(at);
    const tce = op === 'H_GET_TCE' && rc === 0 ? this.#entries.getBigUint64(at + 8) : null;
    return { kind: 'hcall', rc, tce };
  }

  #rtasAnswer(at: number, call: RtasMade, cells: number): QemuAnswer {
    const rets = Array.from({ length: call.nret }, (_, n) => {
      const cell = this.#cells.readUInt32BE(cells + retsAt(call) + n * CELL_BYTES);
      return n === 0 ? cell | 0 : cell;
    });
    return { kind: 'rtas', rc: this.#rc(at), rets };
  }

  #rc(at: number): number {
    const low = this.#entries.getInt32(at + 4);
    const high = this.#entries.getInt32(at);
    return high === low >> 31 ? low : Number(this.#entries.getBigInt64(at));
  }

  /** Where the call's cells will stand; null where there is no room. */
  #addCells(call: RtasMade): number | null {
    const at = this.#used;
    const end = (at + cellBytes(call) + 15) & ~15;
    const areaBytes = takesSteps(call) ? AREA_BYTES : 0;
    if (end + areaBytes > CELLS.bytes) return null;
    const cells = this.#cells;
    cells.writeUInt32BE(TOKENS[call.op], at);
    cells.writeUInt32BE(call.args.length, at + 4);
    cells.writeUInt32BE(call.nret, at + 8);
    call.args.forEach((arg, n) => {
      cells.writeUInt32BE(arg >>> 0, at + CELLS_HEAD + n * CELL_BYTES);
    });
    for (let ret = at + retsAt(call); ret < end; ret += CELL_BYTES) cells.writeUInt32BE(UNTOUCHED, ret);
    if (areaBytes > 0) this.#addArea(call, at, end);
    this.#used = end + areaBytes;
    this.#places.push(at);
    return CELLS.at + at;
  }

  /** A guest names a connector in the area where it wants the description. */
  #addArea(call: RtasMade, at: number, area: number): void {
    this.#cells.writeUInt32BE(CELLS.at + area, at + CELLS_HEAD);
    this.#cells.fill(0, area, area + AREA_BYTES);
    this.#cells.writeUInt32BE((call.args[0] ?? 0) >>> 0, area);
  }

  /** Puts the list where the call says that it is, if anybody looks there. */
  #addList(call: HcallMade): boolean {
    const [, , page = 0n, npages = 0n] = call.args;
    const { list } = call;
    const isRead = page % BigInt(LIST_BYTES) === 0n && npages > 0n && npages <= LIST_MAX;
    if (!isRead || page >= BigInt(this.#ram.bytes)) return true;
    if (!isListSafe(page)) {
      throw new LiveError(`a list at 0x${page.toString(16)} would stand on the program that makes the calls`);
    }
    const other = this.#lists.get(page);
    if (other !== undefined) return other.list === list && other.args[3] === npages;
    const count = Number(npages);
    const given = Math.min(list.length, count);
    for (let n = 0; n < given; n += 1) this.#listView.setBigUint64(n * 8, list[n]!);
    this.#list.fill(0, given * 8, count * 8);
    this.#ram.write(Number(page), this.#list, count * 8);
    this.#lists.set(page, call);
    return true;
  }
}

export const isBatched = (call: QemuCall): call is BatchedCall =>
  call.kind === 'hcall' || call.kind === 'rtas';
