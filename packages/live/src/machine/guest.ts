import type { QemuProcess } from '@spapr-dma/qemu-process';
import { BATCH_MAX, CELLS, ENTRIES, ENTRY_BYTES } from './layout.js';
import { LiveError } from './live-error.js';
import type { Mailbox } from './mailbox.js';
import { H_LOGICAL_CI_STORE, HCALLS, KVMPPC_H_RTAS, TOKENS } from './opcodes.js';
import type { Ram } from './ram.js';

/** QEMU ended while we asked it something of our own. */
export class GuestGone extends Error {
  override readonly name = 'GuestGone';
  constructor() {
    super('QEMU ended');
  }
}

/** A hypercall of our own: r3 and what follows. */
export type Entry = readonly (bigint | number)[];

/** r3, signed, and r4 after it. */
export interface Returned {
  readonly rc: bigint;
  readonly r4: bigint;
}

/** An RTAS call of our own: its name, its arguments, and the number of return cells. */
export type RtasEntry = readonly [name: keyof typeof TOKENS, args: readonly number[], nret: number];

/** Room for the cells of one of those. */
const RTAS_BYTES = 64;

/** r3 of the hypercall that carried it, and the return cells, signed, the status first. */
export interface RtasReturned {
  readonly rc: number;
  readonly rets: readonly number[];
}

/** r3 of an entry that is no hypercall but a wait, and of one that is an H_PUT_TCE with a TCE from memory. */
const WAIT = -1n;
const COPY = -2n;

export const getTce = (liobn: number, ioba: bigint): Entry => [HCALLS.H_GET_TCE, liobn, ioba];
export const putTce = (liobn: number, ioba: bigint, tce: bigint): Entry => [
  HCALLS.H_PUT_TCE,
  liobn,
  ioba,
  tce,
];
/** Writes what an H_GET_TCE read that is entry `at` of the batch. */
export const putRead = (liobn: number, ioba: bigint, at: number): Entry => [
  COPY,
  liobn,
  ioba,
  ENTRIES.at + at * ENTRY_BYTES + 8,
];
/** Writes a device's register of 8 bytes. */
export const store = (address: bigint, value: bigint | number): Entry => [
  H_LOGICAL_CI_STORE,
  8,
  address,
  value,
];
/** Waits until bit 0 of a device's register of 8 bytes is clear. */
export const waitFor = (address: bigint): Entry => [WAIT, 8, address];

/** Writes entries where a batch has them, from entry `at` on. */
export function writeEntries(batch: DataView, at: number, entries: readonly Entry[]): void {
  entries.forEach((entry, n) => {
    entry.forEach((value, register) => {
      batch.setBigUint64((at + n) * ENTRY_BYTES + register * 8, BigInt(value));
    });
  });
}

/** What became of so many entries, from entry `at` on. */
export const returnedIn = (batch: DataView, at: number, count: number): Returned[] =>
  Array.from({ length: count }, (_, n) => ({
    rc: batch.getBigInt64((at + n) * ENTRY_BYTES),
    r4: batch.getBigUint64((at + n) * ENTRY_BYTES + 8),
  }));

/**
 * Was each of the calls made?
 * @throws LiveError naming the first that was not
 */
export function allMade(entries: readonly Entry[], returned: readonly Returned[]): void {
  const at = returned.findIndex(({ rc }) => rc !== 0n);
  if (at < 0) return;
  const call = entries[at]!.map((value) => `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`).join(' ');
  throw new LiveError(`the guest's own call ${call} was answered with ${returned[at]!.rc}`);
}

/** The guest of a QEMU, asked for things that are no calls of anybody's test. */
export class Guest {
  readonly ram: Ram;
  readonly mailbox: Mailbox;
  readonly #qemu: () => QemuProcess;
  readonly #entries = Buffer.alloc(ENTRIES.bytes);
  readonly #view = new DataView(this.#entries.buffer, this.#entries.byteOffset);

  constructor(ram: Ram, mailbox: Mailbox, qemu: () => QemuProcess) {
    this.ram = ram;
    this.mailbox = mailbox;
    this.#qemu = qemu;
  }

  /**
   * Waits until the guest runs.
   * @throws GuestGone
   */
  async ping(): Promise<void> {
    await this.#batch([]);
  }

  /**
   * Makes hypercalls, one after the other.
   * @throws GuestGone
   */
  async make(entries: readonly Entry[]): Promise<Returned[]> {
    const returned: Returned[] = [];
    for (let at = 0; at < entries.length; at += BATCH_MAX) {
      returned.push(...(await this.#batch(entries.slice(at, at + BATCH_MAX))));
    }
    return returned;
  }

  /**
   * The same of which none may fail.
   * @throws LiveError naming the one that did; GuestGone
   */
  async mustMake(entries: readonly Entry[]): Promise<readonly Returned[]> {
    const returned = await this.make(entries);
    allMade(entries, returned);
    return returned;
  }

  /**
   * Makes RTAS calls, one after the other.
   * @throws GuestGone
   */
  async rtas<Calls extends readonly RtasEntry[]>(
    ...calls: Calls
  ): Promise<{ [call in keyof Calls]: RtasReturned }> {
    const cells = Buffer.alloc(calls.length * RTAS_BYTES);
    calls.forEach(([name, args, nret], call) => {
      [TOKENS[name], args.length, nret, ...args].forEach((value, n) => {
        cells.writeUInt32BE(value >>> 0, call * RTAS_BYTES + n * 4);
      });
    });
    this.ram.write(CELLS.at, cells);
    const returned = await this.make(calls.map((_, n) => [KVMPPC_H_RTAS, CELLS.at + n * RTAS_BYTES]));
    this.ram.readInto(cells, CELLS.at);
    return calls.map(([, args, nret], call) => ({
      rc: Number(returned[call]!.rc),
      rets: Array.from({ length: nret }, (_, n) =>
        cells.readInt32BE(call * RTAS_BYTES + (3 + args.length + n) * 4),
      ),
    })) as { [call in keyof Calls]: RtasReturned };
  }

  async #batch(entries: readonly Entry[]): Promise<Returned[]> {
    writeEntries(this.#view, 0, entries);
    this.mailbox.post(this.#entries, entries.length);
    const isGone = (): boolean => this.#qemu().exit !== null;
    if (!(await this.mailbox.answered(this.#entries, entries.length, isGone))) throw new GuestGone();
    return returnedIn(this.#view, 0, entries.length);
  }
}
