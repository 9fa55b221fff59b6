import { Command, Option } from 'commander';

export const chartKinds = ['terminal', 'mermaid', 'plantuml'] as const;
export type ChartKind = (typeof chartKinds)[number];

/** `spapr-dma run [STORY…]` */
export interface RunCall {
  readonly verb: 'run';
  /** Names as typed; all stories where there is none. */
  readonly stories: readonly string[];
  readonly list: boolean;
  /** Null where each story takes the preset it is written for. */
  readonly preset: string | null;
  /** `name=value` as typed, in their order. */
  readonly set: readonly string[];
  /** Null where the number of stories decides between table and chart. */
  readonly chart: ChartKind | null;
}

interface RunOptions {
  readonly list?: true;
  readonly preset?: string;
  readonly set?: readonly string[];
  readonly chart?: ChartKind;
}

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function runCommand(accept: (call: RunCall) => void): Command {
  return new Command('run')
    .summary('play stories and check what must hold after every step')
    .description(
      'Plays stories through the machines and checks the properties after every step. Without STORY it plays all of ' +
        'them and prints a line for each; with one STORY it prints who says what to whom, and the windows at the end.',
    )
    .argument('[STORY...]', 'names of stories, as --list shows them')
    .option('--list', 'list stories, presets and switches')
    .option('--preset <name>', 'play with this preset instead of the one a story is written for')
    .option('--set <name=value>', 'set a switch; may be given several times', collected)
    .addOption(
      new Option('--chart <kind>', 'print the messages of one story as a chart')
        .choices(chartKinds)
        .conflicts(['json', 'list']),
    )
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma run                               all stories, one line each
  spapr-dma run boot-emulated                 one story, message by message
  spapr-dma run boot-emulated --chart mermaid the same as a chart for Mermaid
  spapr-dma run --preset repaired             what the stories do with every switch fixed
  spapr-dma run --list                        what can be played and set

Status: 0 all as expected, 1 something unexpected, 2 the call is unusable.`,
    )
    .action((stories: string[], { list, preset, set, chart }: RunOptions) =>
      accept({
        verb: 'run',
        stories,
        list: list ?? false,
        preset: preset ?? null,
        set: set ?? [],
        chart: chart ?? null,
      }),
    );
}
