import { QemuGone, type QemuProcess, startQemu } from '@spapr-dma/qemu-process';
import type { QemuAnswer, QemuCall, QemuMachine, RtasOp } from '@spapr-dma/trace';
import type { CallTarget } from '../target.js';
import { abortOf } from './abort.js';
import { Batch, type BatchedCall, isBatched } from './batch.js';
import { commandLine, pluggedAtStart } from './command-line.js';
import { Devices } from './devices.js';
import { Guest, GuestGone } from './guest.js';
import { LiveError } from './live-error.js';
import { Mailbox } from './mailbox.js';
import { migrate } from './migrate.js';
import { Monitor } from './monitor.js';
import { Ram } from './ram.js';
import { writeStub } from './stub.js';
import { type Ready, Transfers } from './transfers.js';
import { phbOfBuid, WindowStarts } from './window-starts.js';
import { phbOfLiobn } from './windows.js';

export interface LiveMachineOptions {
  /** How long the guest may take for a batch, in ms. Default: 20 s. */
  readonly silentMs?: number;
}

const SILENT_MS = 20_000;

/** The PHB that may have other windows after such a call, by what the call names: a LIOBN, or a part of a BUID. */
const CHANGED: Readonly<Partial<Record<RtasOp, (args: readonly number[]) => number>>> = {
  'ibm,create-pe-dma-window': ([, , buid = 0]) => phbOfBuid(buid),
  'ibm,remove-pe-dma-window': ([liobn = 0]) => phbOfLiobn(liobn),
  'ibm,reset-pe-dma-window': ([, , buid = 0]) => phbOfBuid(buid),
};

/** A device tree is no larger. @see [QEMU] hw/ppc/spapr.c: FDT_MAX_SIZE */
const TREE_BYTES_MAX = 0x20_0000;

/** A call that is made by itself. */
type Single = Exclude<QemuCall, BatchedCall>;

/** A real QEMU that makes calls. */
export class LiveMachine implements CallTarget {
  readonly machine: QemuMachine;
  readonly #ram: Ram;
  readonly #mailbox: Mailbox;
  readonly #batch: Batch;
  readonly #guest: Guest;
  readonly #devices: Devices;
  readonly #starts = new WindowStarts();
  readonly #transfers: Transfers;
  readonly #monitor: Monitor;
  #qemu: QemuProcess;
  /** Devices wrote since memory was looked at. */
  #isUnchecked = false;
  /** Nothing went wrong so far. */
  #isSound = true;

  private constructor(machine: QemuMachine, qemu: QemuProcess, ram: Ram, mailbox: Mailbox) {
    const current = (): QemuProcess => this.#qemu;
    this.machine = machine;
    this.#qemu = qemu;
    this.#ram = ram;
    this.#mailbox = mailbox;
    this.#batch = new Batch(ram);
    this.#guest = new Guest(ram, mailbox, current);
    this.#devices = new Devices(machine);
    this.#transfers = new Transfers(this.#guest, this.#starts);
    this.#monitor = new Monitor(machine, this.#devices, current);
  }

  /**
   * Starts QEMU and waits until its guest answers.
   * @throws LiveError where there is no QEMU, or where it does not start
   */
  static async start(
    machine: QemuMachine,
    { silentMs = SILENT_MS }: LiveMachineOptions = {},
  ): Promise<LiveMachine> {
    const ram = await Ram.described(machine.ramMb << 20);
    const mailbox = new Mailbox(ram, silentMs);
    try {
      const qemu = await startQemu({
        args: (places) => commandLine(machine, pluggedAtStart(machine), places, ram.path),
        prepare: ({ folder }) => writeStub(folder),
      });
      const live = new LiveMachine(machine, qemu, ram, mailbox);
      await live.#describeTree();
      return live;
    } catch (error) {
      ram.close();
      throw error instanceof LiveError
        ? error
        : new LiveError(String((error as Error).message), { cause: error });
    }
  }

  /**
   * @throws LiveError where nobody answers, or where memory or a device holds what it cannot; the machine is of no use
   * then
   */
  async play(calls: readonly QemuCall[]): Promise<readonly QemuAnswer[]> {
    const wasSound = this.#isSound;
    this.#isSound = false;
    const answers = await this.#played(calls);
    this.#isSound = wasSound;
    return answers;
  }

  async #played(calls: readonly QemuCall[]): Promise<readonly QemuAnswer[]> {
    const answers: QemuAnswer[] = [];
    for (let at = 0; at < calls.length; ) {
      const call = calls[at]!;
      if (isBatched(call)) at = await this.#makeBatch(calls, at, answers);
      else {
        answers.push(await this.#orAbort(this.#answerTo(call)));
        at += 1;
      }
      if (answers.at(-1)?.kind === 'abort') break;
    }
    return answers;
  }

  /** QEMU's process. */
  get pid(): number {
    return this.#qemu.pid;
  }

  /** Lets QEMU stand still: its guest polls, and has a processor for itself. */
  pause(): void {
    this.#qemu.pause();
  }

  resume(): void {
    this.#qemu.resume();
  }

  /**
   * Looks at all of guest memory: no device may have written anywhere but where the answers say.
   * @throws MemoryDiffers
   */
  checkMemory(): void {
    this.#ram.check();
    this.#isUnchecked = false;
  }

  /**
   * Ends QEMU, and looks at all of guest memory where devices wrote to it.
   * @throws MemoryDiffers
   */
  async close(): Promise<void> {
    const wasSound = this.#isSound;
    this.#isSound = false;
    await this.#qemu.kill();
    try {
      if (wasSound && this.#isUnchecked) this.checkMemory();
      this.#isSound = wasSound;
    } finally {
      if (this.#isSound) this.#ram.release();
      else this.#ram.close();
    }
  }

  /** Makes as many calls as one batch holds; tells which comes next. */
  async #makeBatch(calls: readonly QemuCall[], from: number, answers: QemuAnswer[]): Promise<number> {
    const batch = this.#batch;
    let at = from;
    for (; at < calls.length; at += 1) {
      const call = calls[at]!;
      if (!isBatched(call) || !batch.add(call)) break;
      this.#forgetAfter(call);
    }
    const { count } = batch;
    const transfer = this.#appended(calls[at]);
    const { total } = batch;
    batch.hand();
    this.#mailbox.post(batch.entries, total);
    const isDone = await this.#mailbox.answered(batch.entries, total, () => this.#qemu.exit !== null);
    const made = isDone ? total : total - this.#mailbox.left;
    const returned = batch.appended();
    for (const [n, answer] of batch.answers(Math.min(made, count)).entries()) {
      answers.push(answer);
      if (answer.kind === 'rtas') this.#starts.saw(calls[from + n]!, answer);
    }
    if (!isDone) answers.push(await abortOf(this.#qemu));
    else if (transfer !== null) {
      answers.push(await this.#orAbort(transfer.finish(returned)));
      at += 1;
    }
    return at;
  }

  /** A transfer is the last of a batch, unless somebody's list stands where it may write. */
  #appended(call: QemuCall | undefined): Ready | null {
    if (call?.kind !== 'dma' || this.#batch.hasListElsewhere) return null;
    const mover = this.#devices.knownMoverOf(call.phb) ?? null;
    const ready = mover && this.#transfers.ready(call, mover, this.#batch.count);
    if (ready === null || !this.#batch.append(ready.entries)) return null;
    this.#isUnchecked ||= call.op === 'dma-write';
    return ready;
  }

  #forgetAfter(call: BatchedCall): void {
    if (call.kind === 'hcall') return;
    const phb = CHANGED[call.op]?.(call.args);
    if (phb !== undefined) this.#transfers.forgetPhb(phb);
    if (call.op !== 'set-indicator') return;
    this.#transfers.forget();
    this.#devices.forget();
  }

  /** What is answered; an abort where QEMU ended instead. */
  async #orAbort(answering: Promise<QemuAnswer>): Promise<QemuAnswer> {
    try {
      return await answering;
    } catch (error) {
      if (error instanceof QemuGone || error instanceof GuestGone) return abortOf(this.#qemu);
      throw error;
    }
  }

  async #answerTo(call: Single): Promise<QemuAnswer> {
    switch (call.kind) {
      case 'dma': {
        this.#isUnchecked ||= call.op === 'dma-write';
        const mover = await this.#devices.moverOf(this.#guest, call.phb);
        return mover === null ? { kind: 'dma', pieces: [] } : this.#transfers.make(call, mover);
      }
      case 'monitor':
        return this.#command(call);
    }
  }

  async #command(call: Extract<Single, { kind: 'monitor' }>): Promise<QemuAnswer> {
    const answer = call.op === 'migrate' ? await this.#migrate() : await this.#monitor.make(call);
    this.#starts.saw(call, answer);
    this.#devices.forget();
    this.#transfers.forget(call.op === 'system_reset' ? { wereLoaded: false } : {});
    if (call.op === 'system_reset' || call.op === 'migrate') await this.#describeTree();
    return answer;
  }

  /** QEMU goes on as another one, if that one takes over. */
  async #migrate(): Promise<QemuAnswer> {
    const plugged = this.#devices.present(await this.#monitor.names());
    const { answer, second } = await migrate(this.machine, this.#qemu, this.#ram.path, plugged);
    if (second === null) return answer;
    this.#qemu = second;
    this.#devices.renew(plugged);
    this.#monitor.renew();
    this.#transfers.forget({ wereLoaded: true });
    return answer;
  }

  /** QEMU writes the device tree into memory whenever it starts: memory describes itself again. */
  async #describeTree(): Promise<void> {
    await this.#guest.ping();
    const at = this.#mailbox.tree;
    this.#ram.describe(at, Math.min(TREE_BYTES_MAX, this.#ram.bytes - at));
  }
}
