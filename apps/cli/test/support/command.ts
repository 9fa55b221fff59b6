import { type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const bin = fileURLToPath(new URL('../../bin/spapr-dma.js', import.meta.url));
export const repository = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');

export interface Ended {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Given {
  /** Standard input; nothing where it is left out. */
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

const ownEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:NO_COLOR|FORCE_COLOR|NODE_OPTIONS)$/.test(name)),
);

export const start = (args: readonly string[], given: Given = {}, options: SpawnOptions = {}) =>
  spawn(process.execPath, [bin, ...args], {
    cwd: repository,
    env: { ...ownEnv, ...given.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
  });

/** Runs the command as a person would, and waits for its end. */
export function spaprDma(args: readonly string[], given: Given = {}): Promise<Ended> {
  const child = start(args, given);
  const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  child.stdout?.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  child.stdin?.on('error', () => {}); // It may end before it has read all.
  child.stdin?.end(given.input ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) =>
      resolve({
        status,
        stdout: Buffer.concat(chunks.stdout).toString('utf8'),
        stderr: Buffer.concat(chunks.stderr).toString('utf8'),
      }),
    );
  });
}
