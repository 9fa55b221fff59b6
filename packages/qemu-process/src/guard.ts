import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, rmSync } from 'node:fs';
import { constants as osConstants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { QEMU } from './lacks.js';
import type { QemuExit, QemuPlaces } from './places.js';

/**
 * The guard: a shell in a session of its own, so that what a terminal sends to its processes does not reach it or
 * QEMU. Its standard input is a pipe whose other end only we hold: it closes when we end, in whatever way. QEMU
 * starts with the first line that comes through it; what comes next, a line or the pipe's end, kills QEMU. When QEMU
 * is gone, so are its files.
 *
 * On descriptor 3 it tells that the folder is there, and later QEMU's process id.
 */
const SCRIPT = `
ulimit -c 0
trap '' HUP INT TERM
folder=$1 memory=$2
shift 2
umask 077
mkdir -- "$folder" || exit 1
echo ready >&3
if read -r line; then
  exec 4<&0
  "$@" </dev/null 3>&- 4<&- &
  qemu=$!
  echo "$qemu" >&3
  (read -r line <&4; kill -KILL "$qemu") >/dev/null 2>&1 3>&- &
  watch=$!
  exec 3>&- 4<&-
  wait "$qemu" 2>/dev/null
  status=$?
  kill -KILL "$watch" 2>/dev/null
else
  status=1
fi
rm -rf -- "$folder" "$memory"
exit "$status"
`;

const SHARED_MEMORY = '/dev/shm';

/** tmpfs where the system has one, so that guest memory is written to no disk. */
function memoryFolder(): string {
  try {
    accessSync(SHARED_MEMORY, constants.W_OK);
    return SHARED_MEMORY;
  } catch {
    return tmpdir();
  }
}

/** A shell tells a signal by a status above this. */
const SIGNALLED = 128;

const signalOf = (number: number): string =>
  Object.entries(osConstants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;

function exitOf(status: number | null): QemuExit {
  if (status === null || status <= SIGNALLED) return { status, signal: null };
  return { status: null, signal: signalOf(status - SIGNALLED) };
}

/** A guard, before and while it has a QEMU. */
export class Guard {
  readonly places: QemuPlaces;
  /** Resolves when QEMU and its files are gone, and all that it said was read. */
  readonly exited: Promise<QemuExit>;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly #child: ChildProcess;
  readonly #told: AsyncIterator<string>;
  #pid: number | null = null;

  constructor(args: (places: QemuPlaces) => readonly string[]) {
    const name = `spapr-dma-qemu-${randomBytes(8).toString('hex')}`;
    this.places = { folder: join(tmpdir(), name), memory: join(memoryFolder(), `${name}.memory`) };
    const { folder, memory } = this.places;
    this.#child = spawn('sh', ['-c', SCRIPT, 'sh', folder, memory, QEMU, ...args(this.places)], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    const [stdin, stdout, stderr, told] = this.#child.stdio as unknown as [
      Writable,
      Readable,
      Readable,
      Readable,
    ];
    // The guard may be gone before it reads what we write.
    stdin.on('error', () => {});
    this.stdout = stdout;
    this.stderr = stderr;
    this.#told = lines(told);
    this.exited = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('exit', () => this.#afterGuard());
      this.#child.on('close', (status) => resolve(exitOf(status)));
    });
  }

  /** Waits until the folder is there. */
  async ready(): Promise<void> {
    await this.#told.next();
  }

  /** Starts QEMU. */
  async start(): Promise<number> {
    this.#child.stdin!.write('start\n');
    const { value } = await this.#told.next();
    const pid = Number(value);
    if (!Number.isInteger(pid) || pid <= 0) throw new Error(`${QEMU} does not start`);
    this.#pid = pid;
    return pid;
  }

  /** Ends QEMU at once, also one that stands still. */
  kill(): void {
    this.#child.stdin!.end();
  }

  /** What the guard did not do because somebody killed it. */
  #afterGuard(): void {
    if (this.#child.signalCode === null) return;
    try {
      if (this.#pid !== null) process.kill(this.#pid, 'SIGKILL');
    } catch {
      // It was gone already.
    }
    rmSync(this.places.folder, { recursive: true, force: true });
    rmSync(this.places.memory, { force: true });
  }
}

async function* lines(stream: Readable): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  return undefined;
}
