import { open, readFile, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type QemuExit, type QemuProcess, startQemu } from '@spapr-dma/qemu-process';
import { CaptureError, fileError } from '../capture-error.js';
import { cpioArchive } from '../image/cpio.js';
import type { GuestImage } from '../image/guest-image.js';
import type { Scenario } from '../scenario.js';
import { commandLine, diskFile, FILES, machineArguments } from './arguments.js';
import { type ConsoleListener, GuestConsole } from './console.js';
import type { Mark } from './description.js';
import { GrowingFile } from './growing-file.js';
import { GUEST_INIT } from './guest-init.js';
import { Monitor } from './monitor.js';

const DISK_BYTES = 256 << 20;
/** Less than this is none. */
const SPACE_BYTES_MIN = 64 << 10;

export interface StartOptions {
  readonly scenario: Scenario;
  readonly image: GuestImage;
  readonly listener: ConsoleListener;
  /** The machine whose guest this one waits for, and whose disks it has. */
  readonly from: RecordedMachine | null;
}

/** A QEMU that is recorded. */
export class RecordedMachine {
  readonly marks: Mark[] = [];
  readonly console: GuestConsole;
  readonly monitor: Monitor;
  readonly commandLine: string;
  readonly exited: Promise<QemuExit>;
  readonly #qemu: QemuProcess;
  readonly #trace: GrowingFile;
  readonly #said: GrowingFile;
  readonly #began = performance.now();
  #ended: number | null = null;
  #wasFull = false;
  readonly disks: string;

  private constructor(
    qemu: QemuProcess,
    { scenario, listener, from }: StartOptions,
    files: readonly [trace: GrowingFile, console: GrowingFile],
  ) {
    const { folder } = qemu.places;
    this.#qemu = qemu;
    [this.#trace, this.#said] = files;
    this.disks = from?.disks ?? folder;
    this.exited = qemu.exited;
    this.console = new GuestConsole(join(folder, FILES.consoleSocket), listener);
    this.monitor = new Monitor(qemu.qmp, () => this.seconds);
    const places = { folder, disks: this.disks, isArriving: from !== null };
    const args = machineArguments(scenario, { vmlinux: 'vmlinux' }, places);
    this.commandLine = commandLine(args, [folder, this.disks]);
    // The events that nobody waits for are put down as they come.
    const taking = setInterval(() => {
      this.monitor.takeEvents();
      this.#lookForSpace(folder);
    }, 200);
    qemu.exited.then(() => {
      this.#ended = performance.now();
      clearInterval(taking);
    });
  }

  /** Starts QEMU, and with it the guest, if it does not come from elsewhere. */
  static async start(options: StartOptions): Promise<RecordedMachine> {
    const { scenario, image, from } = options;
    const files: GrowingFile[] = [];
    try {
      const qemu = await startQemu({
        args: ({ folder }) =>
          machineArguments(scenario, image, {
            folder,
            disks: from?.disks ?? folder,
            isArriving: from !== null,
          }),
        prepare: async ({ folder }) => {
          files.push(await GrowingFile.at(join(folder, FILES.trace)));
          files.push(await GrowingFile.at(join(folder, FILES.console)));
          await writeFile(join(folder, FILES.initrd), await initrdOf(scenario, image));
          if (from === null) await makeDisks(folder, scenario.disks);
        },
      });
      const [trace, said] = files as [GrowingFile, GrowingFile];
      return new RecordedMachine(qemu, options, [trace, said]);
    } catch (error) {
      for (const file of files) await file.close();
      const told = fileError('the folder for temporary files', error);
      throw told instanceof CaptureError ? told : new CaptureError((error as Error).message);
    }
  }

  /** Since QEMU was started, until it ended. */
  get seconds(): number {
    return Math.round((this.#ended ?? performance.now()) - this.#began) / 1000;
  }

  get stderr(): string {
    return this.#qemu.stderr.trim();
  }

  get exit(): QemuExit | null {
    return this.#qemu.exit;
  }

  /** Whether there was no space for its files: QEMU goes on then, and what it cannot write is lost. */
  get wasFull(): boolean {
    return this.#wasFull;
  }

  /** Where a guest from elsewhere comes in. */
  get arrivingAt(): string {
    return `unix:${join(this.#qemu.places.folder, FILES.arriving)}`;
  }

  async mark(text: string): Promise<void> {
    const { seconds } = this;
    this.marks.push({ seconds, text, lines: await this.#trace.lines() });
  }

  trace(): Promise<Buffer> {
    return this.#trace.content();
  }

  said(): Promise<Buffer> {
    return this.#said.content();
  }

  #lookForSpace(folder: string): void {
    statfs(folder).then(
      ({ bavail, bsize }) => {
        if (bavail * bsize < SPACE_BYTES_MIN) this.#wasFull = true;
      },
      () => {}, // It is gone with QEMU.
    );
  }

  /** Ends QEMU, where it did not end by itself; its log is complete then. */
  async end(): Promise<void> {
    if (this.exit === null) await this.#qemu.quit();
  }

  /** Ends QEMU at once, and lets go of its files. */
  async close(): Promise<void> {
    await this.#qemu.kill();
    await this.#trace.close();
    await this.#said.close();
  }
}

/** The root file system of the image with the scenario in it. */
async function initrdOf(scenario: Scenario, image: GuestImage): Promise<Buffer> {
  const base = await readFile(image.initrd);
  const scripts = cpioArchive([
    { kind: 'file', path: 'init', data: Buffer.from(GUEST_INIT), executable: true },
    { kind: 'file', path: 'scenario', data: Buffer.from(scenario.script) },
  ]);
  const whole = Buffer.concat([base, scripts]);
  if (scenario.hasOwnImage !== true) return whole;
  const own = cpioArchive([
    { kind: 'folder', path: 'boot' },
    { kind: 'file', path: 'boot/vmlinux', data: await readFile(image.vmlinux) },
    { kind: 'file', path: 'boot/initrd', data: whole },
  ]);
  return Buffer.concat([whole, own]);
}

async function makeDisks(folder: string, disks: number): Promise<void> {
  for (let disk = 0; disk < disks; disk++) {
    const file = await open(join(folder, diskFile(disk)), 'w');
    await file.truncate(DISK_BYTES);
    await file.close();
  }
}
