import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import type { Call } from './call.js';
import { CallError } from './call-error.js';
import { captureCommand } from './capture/capture-call.js';
import { checkCommand } from './check/check-call.js';
import { followCommand } from './follow/follow-call.js';
import { liveCommand } from './live/live-call.js';
import { runCommand } from './run/run-call.js';
import { sizeCommand } from './size/size-call.js';
import { excerpt } from './text/words.js';
import { vectorsCommand } from './vectors/vectors-call.js';
import { type Verb, verbs } from './verbs.js';

const version = (): string => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
};

const examples = `
Examples:
  spapr-dma run                            all stories, one line each
  spapr-dma check --matrix                 which switch breaks what
  spapr-dma follow traces/12-kexec.log.gz  what a real QEMU did
  spapr-dma follow --help                  all about one verb

Status: 0 it holds or was accepted; 1 it does not hold; 2 the call or the input is unusable.`;

/** A complaint of the parser as one sentence that says where to read on. */
function sentenceOf({ code, message }: CommanderError, verb: Verb | null): string {
  const complaint = excerpt(message)
    .replace(/^error: /, '')
    .replace(/unknown command/, 'unknown verb')
    .replace(/ ?\(Did you mean (?:one of )?(.*?)\?\)$/, ', did you mean $1')
    .replace(/\. Expected/, ': expected')
    .replace(/(?<=is invalid)\. Allowed choices are (.*?)\.?$/, ', it can be $1')
    .replace(/\.$/, '');
  const help = verb === null ? 'spapr-dma --help' : `spapr-dma ${verb} --help`;
  const told =
    code === 'commander.help'
      ? `a verb is missing (${verbs.slice(0, -1).join(', ')} or ${verbs.at(-1)})`
      : complaint;
  return `${told}; see ${help}`;
}

/** Whether the call asks for JSON, told even where it cannot be parsed. */
export function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}

/** Reads a call, with `width` columns for help; throws CallError where it is unusable. */
export function parseCall(args: readonly string[], width: number): Call {
  let call: Call | undefined;
  let text = '';
  const accept = (accepted: Call) => {
    call = accepted;
  };
  const refuse = (verb: Verb | null) => (error: CommanderError) => {
    if (error.exitCode !== 0) throw new CallError(sentenceOf(error, verb), verb);
    throw error;
  };
  const output = {
    writeOut: (written: string) => {
      text += written;
    },
    writeErr: () => {},
    getOutHelpWidth: () => width,
    getOutHasColors: () => false,
  };
  const program = new Command('spapr-dma')
    .description('An executable specification of DMA in POWER guests.')
    .usage('VERB [options]')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .commandsGroup('Verbs:')
    .helpCommand('help [VERB]', 'print the help of a verb')
    .addOption(new Option('--json').hideHelp())
    .configureOutput(output)
    .exitOverride(refuse(null))
    .addHelpText('after', examples);
  for (const make of [
    runCommand,
    checkCommand,
    followCommand,
    vectorsCommand,
    liveCommand,
    captureCommand,
    sizeCommand,
  ]) {
    const command = make(accept);
    program.addCommand(
      command
        .helpOption('-h, --help', 'print this help')
        .configureOutput(output)
        .exitOverride(refuse(command.name() as Verb)),
    );
  }
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return call ?? { verb: 'text', text };
}
