import { ENTRIES, ENTRY_BYTES, MAILBOX } from './layout.js';
import { LiveError } from './live-error.js';
import type { Ram } from './ram.js';

/** The stub gave no answer. */
export class StubSilent extends LiveError {
  override readonly name = 'StubSilent';
}

/** How often the answer is looked for before others get their turn, and before we sleep between two looks. */
const SPINS = { eager: 20, busy: 100 };
/** How long we sleep, in ms, where the turn of others took no longer than that: they have nothing to do. */
const SLEEP = { ms: 0.05, idleMs: 0.1 };
/** Nobody ever wakes us. */
const NOBODY = new Int32Array(new SharedArrayBuffer(4));

/** Our side of the stub: batches of entries go through guest memory, and come back in the same place. */
export class Mailbox {
  readonly #ram: Ram;
  readonly #silentMs: number;
  readonly #head = Buffer.alloc(16);
  readonly #byte = Buffer.alloc(1);
  #bell = 0;

  /**
   * Made before the guest runs: memory may be that of another machine, which was ended in the middle of something.
   * @param silentMs how long the guest may take for a batch
   */
  constructor(ram: Ram, silentMs: number) {
    this.#ram = ram;
    ram.write(MAILBOX.at, Buffer.alloc(MAILBOX.bytes));
    this.#silentMs = silentMs;
  }

  /** The device tree's address, once the stub has answered anything. */
  get tree(): number {
    return Number(this.#ram.read(MAILBOX.at + MAILBOX.tree, 8).readBigUInt64BE());
  }

  /** Entries not done: the one that QEMU died of, and those behind it. */
  get left(): number {
    return Number(this.#ram.read(MAILBOX.at + MAILBOX.left, 8).readBigUInt64BE());
  }

  /** Hands over a batch. */
  post(entries: Buffer, count: number): void {
    this.#ram.write(ENTRIES.at, entries, count * ENTRY_BYTES);
    this.#head.writeUInt32BE(count, 4);
    this.#head.writeUInt32BE(ENTRIES.at, 12);
    this.#ram.write(MAILBOX.at + MAILBOX.count, this.#head);
    this.#bell = (this.#bell + 1) & 0xff;
    this.#byte[0] = this.#bell;
    this.#ram.write(MAILBOX.at + MAILBOX.bell, this.#byte);
  }

  /**
   * Waits until the batch is done, and fetches it. False where QEMU ended before; what was done is fetched.
   * @throws StubSilent
   */
  async answered(entries: Buffer, count: number, isGone: () => boolean): Promise<boolean> {
    const begun = performance.now();
    let isDone = this.#isAnswered();
    for (let spins = 1; !isDone; spins += 1) {
      const wasGone = isGone();
      isDone = this.#isAnswered();
      if (isDone || wasGone) break;
      if (spins < SPINS.eager) continue;
      const turn = performance.now();
      await new Promise((resolve) => setImmediate(resolve));
      const now = performance.now();
      if (spins > SPINS.busy && now - turn < SLEEP.idleMs) Atomics.wait(NOBODY, 0, 0, SLEEP.ms);
      if (now - begun > this.#silentMs) {
        throw new StubSilent(`the guest did not answer ${count} calls within ${this.#silentMs} ms`);
      }
    }
    this.#ram.readInto(entries, ENTRIES.at, count * ENTRY_BYTES);
    return isDone;
  }

  #isAnswered(): boolean {
    this.#ram.readInto(this.#byte, MAILBOX.at + MAILBOX.answered);
    return this.#byte[0] === this.#bell;
  }
}
