import { join } from 'node:path';
import { Guard } from './guard.js';
import { qemuLacks } from './lacks.js';
import type { QemuExit, QemuPlaces } from './places.js';
import { Qmp } from './qmp.js';

export interface QemuOptions {
  /** What QEMU is started with, besides its monitor; where it names files of its own, made of their places. */
  readonly args: readonly string[] | ((places: QemuPlaces) => readonly string[]);
  /** Makes files before QEMU starts. */
  readonly prepare?: (places: QemuPlaces) => void | Promise<void>;
  /** Takes what QEMU writes to its standard output, a console for example. */
  readonly onStdout?: (bytes: Uint8Array) => void;
}

/** A socket's path is no longer than this. */
const SOCKET_PATH_MAX = 107;
/** What is kept of what QEMU says on its standard error. */
const STDERR_MAX = 1 << 20;
/** How long QEMU may take to end when asked, in ms. */
const QUIT_MS = 5000;

/** A QEMU that runs, and that ends when whoever started it does. */
export interface QemuProcess {
  readonly pid: number;
  readonly places: QemuPlaces;
  readonly qmp: Qmp;
  /** Resolves when QEMU and all its files are gone. */
  readonly exited: Promise<QemuExit>;
  /** How it ended; null while it runs. */
  readonly exit: QemuExit | null;
  /** What it said on its standard error. Complete when `exited`. */
  readonly stderr: string;
  /** Lets it stand still: it takes no processor time. */
  pause(): void;
  resume(): void;
  /** Asks it to end, which flushes its files; ends it where it does not. */
  quit(): Promise<QemuExit>;
  /** Ends it at once. */
  kill(): Promise<QemuExit>;
}

/** One that has a guard. */
class Guarded implements QemuProcess {
  readonly pid: number;
  readonly places: QemuPlaces;
  readonly qmp: Qmp;
  readonly exited: Promise<QemuExit>;
  readonly #guard: Guard;
  readonly #said: { text: string };
  #isPaused = false;
  #exit: QemuExit | null = null;

  constructor(guard: Guard, qmp: Qmp, pid: number, said: { text: string }) {
    this.pid = pid;
    this.places = guard.places;
    this.qmp = qmp;
    this.#guard = guard;
    this.#said = said;
    this.exited = guard.exited.then((exit) => {
      this.#exit = exit;
      return exit;
    });
  }

  get exit(): QemuExit | null {
    return this.#exit;
  }

  get stderr(): string {
    return this.#said.text;
  }

  pause(): void {
    this.#signal('SIGSTOP');
    this.#isPaused = true;
  }

  resume(): void {
    this.#signal('SIGCONT');
    this.#isPaused = false;
  }

  async quit(): Promise<QemuExit> {
    if (this.#isPaused) this.resume();
    this.qmp.command('quit').catch(() => {});
    const timer = setTimeout(() => this.#guard.kill(), QUIT_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  kill(): Promise<QemuExit> {
    this.#guard.kill();
    return this.exited;
  }

  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#exit !== null) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has just ended, which is told by `exited`.
    }
  }
}

const howItEnded = ({ status, signal }: QemuExit, stderr: string): string => {
  const how = signal === null ? `with status ${status}` : `by ${signal}`;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return `QEMU ended ${how}${last === '' ? '' : `: ${last}`}`;
};

/**
 * Starts `qemu-system-ppc64` and waits until its monitor answers.
 *
 * QEMU, its folder and its memory file are gone when QEMU ends, and QEMU ends when this process does, in whatever
 * way: also by SIGKILL, and by what a terminal sends. A QEMU that aborts leaves no core file.
 * @throws Error of one sentence where there is no QEMU, or where it ends at once
 */
export async function startQemu({ args, prepare, onStdout }: QemuOptions): Promise<QemuProcess> {
  const lacks = qemuLacks();
  if (lacks !== null) throw new Error(lacks);
  const monitorAt = ({ folder }: QemuPlaces): string => join(folder, 'qmp');
  const guard = new Guard((places) => [
    ...(typeof args === 'function' ? args(places) : args),
    ...['-chardev', `socket,id=qmp,path=${monitorAt(places)}`, '-mon', 'chardev=qmp,mode=control'],
  ]);
  const said = { text: '' };
  guard.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.text.length < STDERR_MAX) said.text += text;
  });
  if (onStdout === undefined) guard.stdout.resume();
  else guard.stdout.on('data', onStdout);
  try {
    const path = monitorAt(guard.places);
    if (Buffer.byteLength(path) > SOCKET_PATH_MAX) {
      throw new Error(`the folder for temporary files is too deep for a socket: ${guard.places.folder}`);
    }
    await guard.ready();
    await prepare?.(guard.places);
    const qmp = await Qmp.at(path);
    guard.exited.then((exit) => qmp.end(howItEnded(exit, said.text)));
    const qemu = new Guarded(guard, qmp, await guard.start(), said);
    await qmp.command('qmp_capabilities');
    return qemu;
  } catch (error) {
    guard.kill();
    await guard.exited;
    throw error;
  }
}
