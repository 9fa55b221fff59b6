import { Command, InvalidArgumentError, Option } from 'commander';
import { CallError } from '../call-error.js';
import { type ChartKind, chartKinds } from '../run/run-call.js';
import { bytesOf } from '../text/byte-size.js';

export const orders = ['breadth', 'depth', 'random'] as const;
export type Order = (typeof orders)[number];

/** How a search goes; null where the engine or the model decides. */
export interface SearchCall {
  readonly order: Order;
  readonly seed: number | null;
  readonly walks: number | null;
  readonly depth: number | null;
  readonly states: number | null;
  /** Bytes for the store of states. */
  readonly memory: number | null;
  readonly workers: number;
  readonly symmetry: boolean | null;
  readonly partialOrder: boolean | null;
  readonly until: 'first' | 'all';
  /** A file into which the search is saved, and how often, in seconds. */
  readonly checkpoint: string | null;
  readonly every: number | null;
  /** A file from which a saved search goes on. */
  readonly resume: string | null;
}

/** `spapr-dma check [MODEL…]` */
export interface CheckCall {
  readonly verb: 'check';
  /** Names as typed. */
  readonly models: readonly string[];
  readonly matrix: boolean;
  /** Without a model: check every one. With one: show accesses between the machines of the host too. */
  readonly all: boolean;
  /** Null where each model takes its own. */
  readonly preset: string | null;
  /** `name=value` as typed, in their order. */
  readonly set: readonly string[];
  readonly size: 'minimal' | 'power9' | null;
  /** Names of properties; the model's own where there is none. */
  readonly properties: readonly string[];
  readonly search: SearchCall;
  readonly chart: ChartKind | null;
  /** Files for the counterexample: as a trace of states, and to be played again. */
  readonly itf: string | null;
  readonly out: string | null;
  /** A file for the model itself. */
  readonly promela: string | null;
}

interface CheckOptions {
  readonly matrix?: true;
  readonly all?: true;
  readonly preset?: string;
  readonly set?: readonly string[];
  readonly size?: 'minimal' | 'power9';
  readonly property?: readonly string[];
  readonly order?: Order;
  readonly seed?: number;
  readonly walks?: number;
  readonly depth?: number;
  readonly states?: number;
  readonly memory?: number;
  readonly workers?: number;
  readonly symmetry?: boolean;
  readonly partialOrder?: boolean;
  readonly until?: 'first' | 'all';
  readonly checkpoint?: string;
  readonly every?: number;
  readonly resume?: string;
  readonly chart?: ChartKind;
  readonly itf?: string;
  readonly out?: string;
  readonly promela?: string;
}

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

const number =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
    }
    return value;
  };

const anyCount = number(1, Number.MAX_SAFE_INTEGER);

function memory(text: string): number {
  const value = bytesOf(text);
  if (value === null || value < 0x10_0000n || value > 1n << 46n) {
    throw new InvalidArgumentError('It is a size such as 512M or 2G.');
  }
  return Number(value);
}

function withSearchOptions(command: Command): Command {
  return command
    .optionsGroup('The search:')
    .addOption(
      new Option('--order <order>', 'which state to go on from: the nearest, the last, or any').choices(
        orders,
      ),
    )
    .option('--seed <n>', 'with --order random, where chance begins', number(0, 0xffff_ffff))
    .option('--walks <n>', 'with --order random, how many walks', anyCount)
    .option('--depth <n>', 'go at most so many steps from the start', anyCount)
    .option('--states <n>', 'stop after so many states', anyCount)
    .option('--memory <size>', 'stop where the states take as many bytes, such as 2G', memory)
    .option('--workers <n>', 'share the work out among so many threads', number(1, 64))
    .option('--symmetry', 'take states as one that differ only in names of equals')
    .option('--no-symmetry', 'tell them apart')
    .option('--partial-order', 'take steps whose order nobody can tell in one order only')
    .option('--no-partial-order', 'take them in every order')
    .addOption(
      new Option('--until <when>', 'stop with the first violation, or when all is seen').choices([
        'first',
        'all',
      ]),
    )
    .option('--checkpoint <file>', 'save the search into a file, at intervals and on Ctrl-C')
    .option('--every <seconds>', 'with --checkpoint, the interval', number(1, 86_400))
    .option('--resume <file>', 'go on with a search that was saved');
}

export function checkCommand(accept: (call: CheckCall) => void): Command {
  const command = new Command('check')
    .summary('search every interleaving of a model for a violation')
    .description(
      'Searches every interleaving of the machines of a model, with all that its environment may do, for a state or a ' +
        'step that violates a property, and prints the shortest way there as a chart. Without MODEL it lists the ' +
        'models there are.',
    )
    .argument('[MODEL...]', 'names of models')
    .option(
      '--matrix',
      'check the model of every switch and value, and print which property each of them breaks',
    )
    .option(
      '--all',
      'without MODEL, check every model; with one, show accesses between the machines of the host too',
    )
    .option('--preset <name>', 'check with this preset instead of the one of the model')
    .option('--set <name=value>', 'set a switch; may be given several times', collected)
    .addOption(new Option('--size <size>', 'how large windows and memory are').choices(['minimal', 'power9']))
    .option('--property <name>', 'check this property; may be given several times', collected);
  return withSearchOptions(command)
    .optionsGroup('The answer:')
    .addOption(
      new Option('--chart <kind>', 'print the way to the violation as a chart')
        .choices(chartKinds)
        .conflicts('json'),
    )
    .option('--itf <file>', 'write the states on the way, in the Informal Trace Format')
    .option('--out <file>', 'write the way there, for spapr-dma run FILE')
    .option('--promela <file>', 'write the model in Promela, for Spin')
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma check                                     the models there are
  spapr-dma check plug-against-map                    one model
  spapr-dma check plug-against-map --preset 2015      the same with older software
  spapr-dma check plug-against-map --property S-5     one property of it
  spapr-dma check --matrix                            which switch breaks what
  spapr-dma check --all                               every model, held against what it is known to come to

Status: 0 it holds, 1 it is violated, 2 the call is unusable, or the search ended early for a reason that nobody asked
for. With --matrix and --all: 0 all as expected, 1 something else.`,
    )
    .action((models: string[], options: CheckOptions) => accept(checkCallOf(models, options)));
}

function checkCallOf(models: readonly string[], options: CheckOptions): CheckCall {
  const { order = 'breadth', seed, walks, workers = 1 } = options;
  const call: CheckCall = {
    verb: 'check',
    models: [...new Set(models)],
    matrix: options.matrix ?? false,
    all: options.all ?? false,
    preset: options.preset ?? null,
    set: options.set ?? [],
    size: options.size ?? null,
    properties: [...new Set(options.property ?? [])],
    search: {
      order,
      seed: seed ?? null,
      walks: walks ?? null,
      depth: options.depth ?? null,
      states: options.states ?? null,
      memory: options.memory ?? null,
      workers,
      symmetry: options.symmetry ?? null,
      partialOrder: options.partialOrder ?? null,
      until: options.until ?? 'first',
      checkpoint: options.checkpoint ?? null,
      every: options.every ?? null,
      resume: options.resume ?? null,
    },
    chart: options.chart ?? null,
    itf: options.itf ?? null,
    out: options.out ?? null,
    promela: options.promela ?? null,
  };
  const why = contradictionIn(call, options);
  if (why !== null) throw new CallError(`${why}; see spapr-dma check --help`, 'check');
  return call;
}

/** Options that want exactly one model. */
const OF_ONE = ['chart', 'itf', 'out', 'promela', 'checkpoint', 'resume'] as const;
/** What changes a model: then nothing is known of what it comes to. */
const CHANGING = ['preset', 'set', 'size', 'property'] as const;
/** What says how to search: without a model there is nothing to search. */
const SEARCHING = ['order', 'seed', 'walks', 'depth', 'states', 'memory', 'until'] as const;

/** What says so too, and goes with a search of all models. */
const SEARCHING_ANY = ['workers', 'symmetry', 'partialOrder'] as const;

const OF_BREADTH = ['workers', 'checkpoint', 'resume'] as const;
const REDUCTIONS = ['symmetry', 'partialOrder'] as const;

const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Why options do not go together, as a sentence without its end; null where they do. */
function contradictionIn({ models, matrix, all, search }: CheckCall, options: CheckOptions): string | null {
  const given = <Name extends keyof CheckOptions>(names: readonly Name[]) =>
    names.find((name) => options[name] !== undefined);
  const one = given(OF_ONE);
  if (matrix && models.length > 0) return '--matrix takes no MODEL';
  if (matrix && all) return '--matrix and --all do not go together';
  if (one !== undefined && models.length !== 1) return `--${one} takes exactly one MODEL`;
  const stray = given(CHANGING) ?? given(SEARCHING);
  if (stray !== undefined && models.length === 0) return `--${stray} needs a MODEL`;
  const idle = given(SEARCHING_ANY);
  if (idle !== undefined && models.length === 0 && !matrix && !all) {
    return `--${dashed(idle)} needs a MODEL, --matrix or --all`;
  }
  if (search.order !== 'random' && (search.seed !== null || search.walks !== null)) {
    return `--${search.seed === null ? 'walks' : 'seed'} goes with --order random`;
  }
  if (search.every !== null && search.checkpoint === null) return '--every goes with --checkpoint';
  if (search.partialOrder === true) {
    if (search.workers > 1) return '--partial-order takes one thread';
    if (search.checkpoint !== null || search.resume !== null) return '--partial-order cannot be saved';
  }
  // Only a search that goes nearest first can do these; without a reduction the others do what they always do.
  const nearest = given(OF_BREADTH) ?? REDUCTIONS.find((name) => options[name] === true);
  if (nearest !== undefined && search.order !== 'breadth')
    return `--${dashed(nearest)} goes with --order breadth`;
  return null;
}
