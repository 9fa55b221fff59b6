import { spawn } from 'node:child_process';

/** How a program ended. */
export interface Ended {
  /** Null where it was ended from here. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly isLate: boolean;
}

export interface RunOptions {
  readonly cwd: string;
  /** Seconds after which it is ended. */
  readonly limit: number;
  /** Ends it when aborted. */
  readonly signal: AbortSignal;
  /** Told of its process group, so that somebody else can end that where we cannot. */
  readonly onGroup: (pid: number, runs: boolean) => void;
}

/** Most of what is made while a log is followed or a story is played is dropped at once: a quarter of the time. */
const HEAP = '--max-semi-space-size=64';

/** Runs a program of this Node's in a process group of its own, so that it ends with all that it started. */
export function runNode(args: readonly string[], options: RunOptions): Promise<Ended> {
  const { cwd, limit, signal, onGroup } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${HEAP}`.trim() },
    });
    const { pid } = child;
    if (pid !== undefined) onGroup(pid, true);
    const end = () => {
      if (pid !== undefined) endGroup(pid);
    };
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, limit * 1000);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      if (pid !== undefined) onGroup(pid, false);
    };
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('close', (status) => {
      settle();
      resolve({ status, stdout, stderr, isLate });
    });
  });
}

/** Ends a process and all that it started; one that has ended already is left alone. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
