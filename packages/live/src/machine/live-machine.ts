import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type QemuProcess, startQemu } from '@spapr-dma/qemu-process';
import type { QemuAnswer, QemuCall, QemuMachine } from '@spapr-dma/trace';
import type { CallTarget } from '../target.js';
import { abortOf } from './abort.js';
import { Batch, isBatched } from './batch.js';
import { commandLine, pluggedAtStart } from './command-line.js';
import { Mailbox } from './mailbox.js';
import { Ram } from './ram.js';
import { stubImage } from './stub.js';

export interface LiveMachineOptions {
  /** How long the guest may take for a batch, in ms. Default: 20 s. */
  readonly silentMs?: number;
}

const SILENT_MS = 20_000;

/** A real QEMU that makes calls. */
export class LiveMachine implements CallTarget {
  readonly machine: QemuMachine;
  readonly #ram: Ram;
  readonly #mailbox: Mailbox;
  readonly #batch: Batch;
  #qemu: QemuProcess;

  private constructor(machine: QemuMachine, qemu: QemuProcess, ram: Ram, silentMs: number) {
    this.machine = machine;
    this.#qemu = qemu;
    this.#ram = ram;
    this.#mailbox = new Mailbox(ram, silentMs);
    this.#batch = new Batch(ram);
  }

  /**
   * Starts QEMU and waits until its guest answers.
   * @throws Error of one sentence where there is no QEMU, or where it does not start
   */
  static async start(
    machine: QemuMachine,
    { silentMs = SILENT_MS }: LiveMachineOptions = {},
  ): Promise<LiveMachine> {
    const plugged = pluggedAtStart(machine);
    let ram: Ram | undefined;
    const qemu = await startQemu({
      args: (places) => commandLine(machine, plugged, places),
      prepare: ({ folder, memory }) => {
        writeFileSync(join(folder, 'stub'), stubImage());
        ram = Ram.at(memory, machine.ramMb << 20);
      },
    });
    const live = new LiveMachine(machine, qemu, ram!, silentMs);
    await ram!.describeAll();
    return live;
  }

  async play(calls: readonly QemuCall[]): Promise<readonly QemuAnswer[]> {
    const answers: QemuAnswer[] = [];
    for (let at = 0; at < calls.length; ) {
      const call = calls[at]!;
      if (!isBatched(call)) throw new Error(`no ${call.op} yet`);
      at = this.#gather(calls, at);
      if (await this.#flush(answers)) return answers;
    }
    return answers;
  }

  async close(): Promise<void> {
    await this.#qemu.kill();
    this.#ram.close();
  }

  /** Takes as many calls as one batch holds; tells which comes next. */
  #gather(calls: readonly QemuCall[], from: number): number {
    for (let at = from; at < calls.length; at += 1) {
      const call = calls[at]!;
      if (!isBatched(call) || !this.#batch.add(call)) return at;
    }
    return calls.length;
  }

  /** Has the batch made. Is QEMU gone by it? */
  async #flush(answers: QemuAnswer[]): Promise<boolean> {
    const batch = this.#batch;
    const { count } = batch;
    batch.hand();
    this.#mailbox.post(batch.entries, count);
    const isDone = await this.#mailbox.answered(batch.entries, count, () => this.#qemu.exit !== null);
    const made = isDone ? count : count - this.#mailbox.left;
    for (const answer of batch.answers(made)) answers.push(answer);
    if (!isDone) answers.push(await abortOf(this.#qemu));
    return !isDone;
  }
}
