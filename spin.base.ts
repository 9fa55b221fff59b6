import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { promisify } from 'node:util';

/** What Spin's verifier says of a model. */
export interface SpinRun {
  readonly states: number;
  readonly transitions: number;
  readonly errors: number;
  /** Processor time of the search alone: the best of the runs. */
  readonly seconds: number;
  readonly compileSeconds: number;
  /** What states and the hash table take; the stack of the search not counted. */
  readonly bytes: number;
  /** All that the verifier says. */
  readonly said: string;
}

export interface SpinOptions {
  /** How many states there are: the hash table and the stack are made for them. */
  readonly states: number;
  /** Of Spin: definitions for the preprocessor. */
  readonly spin?: readonly string[];
  /** Of the C compiler. Default: an exhaustive search for safety without reduction. */
  readonly flags?: readonly string[];
  /** Of the verifier, besides those that follow from `states`. */
  readonly args?: readonly string[];
  /** How often the verifier runs. Default: once. */
  readonly runs?: number;
}

const FLAGS = ['-O2', '-DSAFETY', '-DNOREDUCE'];
const run = promisify(execFile);

const isThere = (command: string, option: string): boolean =>
  spawnSync(command, [option], { stdio: 'ignore' }).status === 0;

/** What a run of Spin needs and this machine lacks, as a sentence; null where nothing. */
export function spinLacks(): string | null {
  if (!isThere('spin', '-V')) return 'there is no command spin (Debian package spin)';
  if (!isThere('gcc', '--version')) return 'there is no command gcc';
  return null;
}

const numberIn = (text: string, pattern: RegExp): number => {
  const [, number] = pattern.exec(text) ?? [];
  if (number === undefined) throw new Error(`Spin says nothing of ${pattern}:\n${text}`);
  return Number(number);
};

/**
 * Has Spin make a verifier of a model, and runs it.
 * @throws Error where Spin or the C compiler refuses the model, or the stack or the memory did not suffice
 */
export async function spinRun(
  text: string,
  { states, spin = [], flags = FLAGS, args = [], runs = 1 }: SpinOptions,
): Promise<SpinRun> {
  const folder = mkdtempSync(join(tmpdir(), 'spin-'));
  const options = { cwd: folder, maxBuffer: 2 ** 24 };
  try {
    writeFileSync(join(folder, 'model.pml'), text);
    await run('spin', [...spin, '-o3', '-a', 'model.pml'], options);
    const begun = performance.now();
    await run('gcc', [...flags, '-w', '-o', 'pan', 'pan.c'], options);
    const compileSeconds = (performance.now() - begun) / 1000;
    const slots = Math.max(10, Math.ceil(Math.log2(states)) + 1);
    const pan = `TIMEFORMAT='%U %S'; time ./pan -w${slots} -m${states + 10} ${args.join(' ')}`;
    let said = '';
    let seconds = Number.POSITIVE_INFINITY;
    for (let n = 0; n < runs; n += 1) {
      const { stdout, stderr } = await run('bash', ['-c', pan], options);
      const [user, system] = stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
      said = stdout;
      seconds = Math.min(seconds, user! + system!);
    }
    if (/max search depth too small|out of memory/.test(said)) throw new Error(said);
    const megabytes = (pattern: RegExp): number => numberIn(said, pattern) * 2 ** 20;
    return {
      states: numberIn(said, /([\d.e+]+) states, stored/),
      transitions: numberIn(said, /([\d.e+]+) transitions/),
      errors: numberIn(said, /errors: (\d+)/),
      seconds,
      compileSeconds,
      bytes:
        megabytes(/([\d.]+)\s+actual memory usage for states/) +
        megabytes(/([\d.]+)\s+memory used for hash table/),
      said,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
