import { parseArgs } from 'node:util';
import type { Fault } from './fault.ts';
import { JUDGES, type JudgeName } from './judges.ts';

/** What was asked for cannot be done as it was asked. */
export class UsageError extends Error {}

export interface Options {
  readonly faults: readonly Fault[];
  readonly judges: readonly JudgeName[];
  readonly jobs: number;
  readonly json: boolean;
  readonly keep: boolean;
}

const JOBS_MAX = 16;

export const usage = `Usage: npm run mutate -- [options]

Plants faults in the machine of packages/qemu-spapr, one at a time and in a copy, and tells who notices.

Options:
  --only NAME      only this fault, or those whose names begin so; may be given several times
  --judges NAMES   ask only these, joined by commas: ${Object.keys(JUDGES).join(', ')}
  --jobs N         so many copies at a time, each of which keeps a core busy (default: 1)
  --keep           put what came out into tools/mutate/result.json, from which docs/mutation.md is made
  --list           name the faults
  --json           print one JSON document and nothing else
  --help           print this

Status: 0 each fault was noticed, or is explained; 1 one was not; 2 the call or the list of faults is unusable.`;

const isJudge = (name: string): name is JudgeName => name in JUDGES;

function faultsNamed(all: readonly Fault[], names: readonly string[]): readonly Fault[] {
  if (names.length === 0) return all;
  for (const name of names) {
    if (!all.some((fault) => fault.name.startsWith(name))) {
      throw new UsageError(`there is no fault ${name}; --list names them`);
    }
  }
  return all.filter((fault) => names.some((name) => fault.name.startsWith(name)));
}

function judgesNamed(text: string | undefined): readonly JudgeName[] {
  const names = text === undefined ? Object.keys(JUDGES) : text.split(',').map((name) => name.trim());
  return [...new Set(names)].map((name) => {
    if (isJudge(name)) return name;
    throw new UsageError(`there is no judge ${name || '""'}; they are ${Object.keys(JUDGES).join(', ')}`);
  });
}

function jobsOf(text: string): number {
  const jobs = Number(text);
  if (/^\d+$/.test(text) && jobs >= 1 && jobs <= JOBS_MAX) return jobs;
  throw new UsageError(`--jobs takes a number from 1 to ${JOBS_MAX}, and not ${text || '""'}`);
}

/**
 * Reads the command line; a text where that is all that was asked for.
 * @throws UsageError
 */
export function parseOptions(args: readonly string[], all: readonly Fault[]): Options | string {
  let values: ReturnType<typeof parsed>['values'];
  try {
    ({ values } = parsed(args));
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\. .*$/s, ''));
  }
  if (values.help) return usage;
  if (values.list) return all.map(({ name, file, what }) => `${name} (${file}): ${what}`).join('\n');
  return {
    faults: faultsNamed(all, values.only ?? []),
    judges: judgesNamed(values.judges),
    jobs: jobsOf(values.jobs ?? '1'),
    json: values.json ?? false,
    keep: values.keep ?? false,
  };
}

const parsed = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    strict: true,
    options: {
      only: { type: 'string', multiple: true },
      judges: { type: 'string' },
      jobs: { type: 'string' },
      keep: { type: 'boolean' },
      list: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
