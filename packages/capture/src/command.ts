import { spawn } from 'node:child_process';
import { CaptureError } from './capture-error.js';

/** How a command is run. Tests put another one in its place. */
export type RunCommand = (
  command: string,
  args: readonly string[],
  options?: { readonly cwd?: string; readonly signal?: AbortSignal | undefined },
) => Promise<CommandResult>;

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Programs for administrators are not on everybody's path. */
const ADMINISTRATORS = ['/usr/sbin', '/sbin'];

export const searchPath = (env: Readonly<Record<string, string | undefined>> = process.env): string =>
  [env.PATH ?? '/usr/bin:/bin', ...ADMINISTRATORS].join(':');

/** Runs a command to its end, in the language of the programs, whatever its status. */
export const runCommand: RunCommand = (command, args, { cwd, signal } = {}) =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, PATH: searchPath(), LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
    const child = spawn(command, args, { cwd, signal, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', (error) => {
      reject(signal?.aborted ? interrupted() : new CaptureError(`${command} does not run: ${error.message}`));
    });
    child.on('close', (status) => resolve({ status: status ?? 1, stdout, stderr }));
  });

export const interrupted = (): CaptureError => new CaptureError('interrupted');

/** What a command complained of: apt's errors where there are any, else its last line. */
export function complaintOf({ stdout, stderr }: CommandResult): string {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  const [error] = lines.filter((line) => /^E: /.test(line));
  return (error ?? lines.at(-1) ?? 'it does not say why').replace(/^\w+: /, '').trim();
}

/** The output of a command that has to succeed. */
export async function outputOf(run: RunCommand, ...call: Parameters<RunCommand>): Promise<string> {
  const result = await run(...call);
  if (call[2]?.signal?.aborted) throw interrupted();
  if (result.status !== 0) throw new CaptureError(`${call[0]} fails: ${complaintOf(result)}`);
  return result.stdout;
}
