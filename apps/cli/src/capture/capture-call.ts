import { Command, InvalidArgumentError, Option } from 'commander';
import { CallError } from '../call-error.js';

/** `spapr-dma capture [SCENARIO…]` */
export interface CaptureCall {
  readonly verb: 'capture';
  /** All of them where there is none. */
  readonly scenarios: readonly string[];
  /** Lists the scenarios instead. */
  readonly list: boolean;
  /** Where recordings go. */
  readonly out: string;
  /** Where guests are kept; the user's cache where it is null. */
  readonly cache: string | null;
  /** A kernel as typed; null where each scenario has its own. */
  readonly kernel: string | null;
  /** Whether newer packages are looked for. */
  readonly update: boolean;
  /** Of one guest, in seconds. */
  readonly timeLimit: number;
}

interface CaptureOptions {
  readonly list?: true;
  readonly out?: string;
  readonly cache?: string;
  readonly kernel?: string;
  readonly update?: true;
  readonly timeLimit?: number;
}

/** Where recordings go, unless somebody says so. */
export const OUT = 'recordings';

/** A guest is through in less than a minute on a quiet machine. */
export const TIME_LIMIT = 600;

function seconds(text: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('It is a whole number of seconds, from 1 to 999999.');
}

export function captureCommand(accept: (call: CaptureCall) => void): Command {
  return new Command('capture')
    .summary('record a real Linux guest under QEMU, and follow the recording')
    .description(
      'Starts qemu-system-ppc64 with a real Linux guest, lets it do what a scenario says, and keeps the trace log, the ' +
        "guest's console, and a description of both. Each recording is followed in the specification at once. The guest is " +
        'made of Debian packages for ppc64el, which apt fetches without touching the system, and which are kept for the ' +
        'next time.',
    )
    .argument('[SCENARIO...]', 'what to record (default: every scenario)')
    .option('--list', 'list the scenarios, and record nothing')
    .option('--out <folder>', `where recordings go, in place of older ones (default: ${OUT})`)
    .option('--cache <folder>', "where guests are kept (default: spapr-dma in the user's cache)")
    .option(
      '--kernel <kernel>',
      'another kernel than that of the scenario: 4k or 64k for the newest with such pages, or the beginning of a ' +
        'release, such as 6.1',
    )
    .option('--update', 'look for newer packages, also where a guest is there')
    .addOption(
      new Option('--time-limit <seconds>', `how long one guest may take (default: ${TIME_LIMIT})`).argParser(
        seconds,
      ),
    )
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma capture --list
  spapr-dma capture ddw                        a guest that makes a dynamic window
  spapr-dma capture reset kexec --out lately   two of them, elsewhere
  spapr-dma capture ddw --kernel 6.1           with the newest kernel 6.1
  spapr-dma follow ${OUT}/ddw.log.gz     all that the recording shows

Status: 0 each recording was accepted; 1 one was not; 2 the call is unusable, something is missing, or a guest did not
do what it should.`,
    )
    .action((scenarios: string[], options: CaptureOptions) => accept(captureCallOf(scenarios, options)));
}

function captureCallOf(scenarios: readonly string[], options: CaptureOptions): CaptureCall {
  const { list = false, out = OUT, cache = null, kernel = null, update = false, timeLimit } = options;
  const others = Object.keys(options).filter((name) => name !== 'list');
  if (list && (scenarios.length > 0 || others.length > 0))
    throw new CallError(
      '--list records nothing, and goes with nothing; see spapr-dma capture --help',
      'capture',
    );
  return {
    verb: 'capture',
    scenarios: [...new Set(scenarios)],
    list,
    out,
    cache,
    kernel,
    update,
    timeLimit: timeLimit ?? TIME_LIMIT,
  };
}
