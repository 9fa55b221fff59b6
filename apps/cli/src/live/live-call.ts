import { Command, InvalidArgumentError, Option } from 'commander';
import { CallError } from '../call-error.js';

/** `spapr-dma live [FILE…]` */
export interface LiveCall {
  readonly verb: 'live';
  /** Recorded calls to replay; calls are made up where there is none. */
  readonly files: readonly string[];
  readonly seed: number;
  readonly calls: number;
  /** Machine versions as typed; all that QEMU has where there is none. */
  readonly machines: readonly string[];
  /** `name=value` as typed, in their order. */
  readonly set: readonly string[];
  /** A folder for the files of findings. */
  readonly out: string;
  /** Whether it ends with the first difference, and looks where most of them are. */
  readonly untilDifference: boolean;
  /** Whether it is told which branches of the specification were reached. */
  readonly branches: boolean;
  /** Whether the known defects are confirmed, one after the other. */
  readonly defects: boolean;
}

interface LiveCommandOptions {
  readonly seed?: number;
  readonly calls?: number;
  readonly machine?: readonly string[];
  readonly set?: readonly string[];
  readonly out?: string;
  readonly untilDifference?: true;
  readonly branches: boolean;
  readonly defects?: true;
}

/** Where chance begins, unless somebody says so: the same call makes the same calls. */
export const SEED = 1;

/** Calls, unless somebody says how many: some seconds, in which most of what can happen does. */
export const CALLS = 100_000;

/** Where files of findings go, unless somebody says so. It is made when there is one. */
export const OUT = 'live-findings';

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}, in digits alone.`);
    }
    return value;
  };

export function liveCommand(accept: (call: LiveCall) => void): Command {
  return new Command('live')
    .summary('send the same random calls to a real QEMU and to the specification')
    .description(
      'Starts a real qemu-system-ppc64, makes up hypercalls, RTAS calls, DMA, resets, hotplug and migrations, sends them ' +
        'to it and to the specification, and compares every answer. A difference is shrunk to the fewest calls that ' +
        'show it. Where QEMU ends by an assertion, as the specification says it must, that is a finding, and the run ' +
        'goes on with another QEMU. With FILE it replays recorded calls on the real QEMU instead.',
    )
    .argument('[FILE...]', 'recorded calls, such as those of a finding, plain or .gz; - is standard input')
    .addOption(
      new Option('--seed <n>', `where chance begins (default: ${SEED})`).argParser(number(0, 0xffff_ffff)),
    )
    .addOption(
      new Option('--calls <n>', `how many calls to make (default: ${CALLS})`).argParser(
        number(1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .option(
      '--machine <version>',
      'a machine version to ask, such as pseries-7.2; may be given several times (default: all)',
      collected,
    )
    .option('--set <name=value>', 'set a switch of the specification; may be given several times', collected)
    .option('--out <folder>', `where files of findings go (default: ${OUT}, made when there is one)`)
    .option(
      '--until-difference',
      'end with the first difference; calls that change windows are more frequent, and lives of machines short',
    )
    .option('--no-branches', 'do not watch which branches of the specification are reached: somewhat faster')
    .option(
      '--defects',
      'for each known defect, compare with the specification without it until they differ: that confirms it',
    )
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma live                                  ${CALLS.toLocaleString('en-US')} calls, the same ones each time
  spapr-dma live --seed 7 --calls 1000000         a million others
  spapr-dma live --machine pseries-2.6            one machine version
  spapr-dma live --set createAddrCheck=fixed      what a QEMU would answer that looks where windows are
  spapr-dma live --defects                        which known defects this QEMU has
  spapr-dma live ${OUT}/*.jsonl            findings once more

A finding is told with a file that spapr-dma live and spapr-dma vectors replay. Findings that stand under vectors/
already are not written again.

Status: 0 every answer is as specified, also where QEMU ends as specified; 1 one differs, or a known defect does not
show; 2 the call or a file is unusable, there is no QEMU, or it was interrupted.`,
    )
    .action((files: string[], options: LiveCommandOptions) => accept(liveCallOf(files, options)));
}

/** Why options do not go together, as a sentence without its end; null where they do. */
function contradictionIn(files: readonly string[], options: LiveCommandOptions): string | null {
  const making = (['seed', 'calls', 'machine', 'out', 'untilDifference', 'defects'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (files.length > 0 && making !== undefined) {
    return `--${making.replace('D', '-d')} is for calls that are made up, and does not go with a FILE`;
  }
  if (options.defects && options.untilDifference) return '--defects ends with differences anyway';
  if (options.defects && options.set !== undefined)
    return '--defects sets the switches itself, without --set';
  if (files.filter((file) => file === '-').length > 1) return 'standard input can be read only once';
  return null;
}

function liveCallOf(files: readonly string[], options: LiveCommandOptions): LiveCall {
  const why = contradictionIn(files, options);
  if (why !== null) throw new CallError(`${why}; see spapr-dma live --help`, 'live');
  return {
    verb: 'live',
    files,
    seed: options.seed ?? SEED,
    calls: options.calls ?? CALLS,
    machines: [...new Set(options.machine ?? [])],
    set: options.set ?? [],
    out: options.out ?? OUT,
    untilDifference: options.untilDifference ?? false,
    branches: options.branches,
    defects: options.defects ?? false,
  };
}
