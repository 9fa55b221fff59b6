import { Command, Option } from 'commander';
import { type CompareCall, type CompareOptions, compareCallOf, withCompareOptions } from './compare-call.js';

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
  /** Whether the chart of one story shows accesses between the machines of the host too. */
  readonly all: boolean;
  /** Whether a counterexample is shown step by step. */
  readonly step: boolean;
  readonly json: boolean;
  /** Null where the stories are played once. */
  readonly compare: CompareCall | null;
}

interface RunOptions extends CompareOptions {
  readonly list?: true;
  readonly preset?: string;
  readonly set?: readonly string[];
  readonly chart?: ChartKind;
  readonly all?: true;
  readonly step?: true;
  readonly json?: true;
}

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function runCommand(accept: (call: RunCall) => void): Command {
  const command = new Command('run')
    .summary('play stories and check what must hold after every step')
    .description(
      'Plays stories through the machines and checks the properties after every step. Without STORY it plays all of ' +
        'them and prints a line for each; with one STORY it prints who says what to whom, and the windows at the ' +
        'end. A FILE that spapr-dma check --out wrote in place of a STORY is played to the violation.',
    )
    .argument('[STORY...]', 'names of stories, as --list shows them, or one FILE of a counterexample')
    .option('--list', 'list stories, presets and switches')
    .option('--preset <name>', 'play with this preset instead of the one a story is written for')
    .option('--set <name=value>', 'set a switch; may be given several times', collected)
    .addOption(
      new Option('--chart <kind>', 'print the messages of one story as a chart')
        .choices(chartKinds)
        .conflicts(['json', 'list']),
    )
    .option('--all', 'with one story, show accesses between the machines of the host too');
  command.option('--step', 'with a FILE, show each step when Enter is pressed');
  return withCompareOptions(command)
    .option('--json', 'print one JSON document and nothing else')
    .addHelpText(
      'after',
      `
Examples:
  spapr-dma run                               all stories, one line each
  spapr-dma run boot-emulated                 one story, message by message
  spapr-dma run boot-emulated --chart mermaid the same as a chart for Mermaid
  spapr-dma run --preset repaired             what the stories do with every switch fixed
  spapr-dma run found.json --step             what spapr-dma check --out found.json found
  spapr-dma run --list                        what can be played and set
  spapr-dma run --compare replayPolicy        what replays of large windows cost, policy by policy
  spapr-dma run --compare disableOrder        what holds in the stories with each value of a switch

--compare replayPolicy plays two situations with each policy: the guest makes a window of 64K pages while a
passed-through device is there, and a device is passed through after the guest has made the window and mapped
through KVM. A sparse table has an entry at the start of each 256 MiB, 16 of them at most; a dense one maps all of
the guest's memory. With another switch, or with STORY, the stories are played with each value.

Status: 0 all as expected, 1 something unexpected, 2 the call is unusable. With FILE: 0 the violation shows again, 1 it
does not, 2 the file cannot be played.`,
    )
    .action((stories: string[], { list, preset, set, chart, all, step, json, ...compare }: RunOptions) =>
      accept({
        verb: 'run',
        stories,
        list: list ?? false,
        preset: preset ?? null,
        set: set ?? [],
        chart: chart ?? null,
        all: all ?? false,
        step: step ?? false,
        json: json ?? false,
        compare: compareCallOf(compare),
      }),
    );
}
