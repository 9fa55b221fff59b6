import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { JsonTestResults } from 'vitest/node';
import { countReport } from '../report.mjs';
import type { Ended } from './child.ts';
import type { Scratch } from './scratch.ts';

/** What somebody holds against the machine; nothing where all is as it should be. */
export type Complaints = readonly string[];

export type JudgeName = 'logs' | 'vectors' | 'cases' | 'timelines' | 'live' | 'stories' | 'laws' | 'units';

/** One or more judges that are asked together. */
export interface Asking {
  readonly judges: readonly JudgeName[];
  /** Seconds that it may take where nobody knows how long it takes. */
  readonly limit: number;
  /** What those that are wanted hold against the machine as it stands in the copy. */
  readonly ask: (
    scratch: Scratch,
    limit: number,
    wanted: readonly JudgeName[],
  ) => Promise<ReadonlyMap<JudgeName, Complaints>>;
  /** Why it cannot be asked here; null where it can. */
  readonly lacks?: (scratch: Scratch) => Promise<string | null>;
}

/** What each judge is, as the documents tell it. */
export const JUDGES: Readonly<Record<JudgeName, string>> = {
  logs: '`follow` on every trace log in `traces/`: what a real QEMU 7.2 without KVM wrote',
  vectors: '`vectors` on every recording under `vectors/qemu-7.2/`: what it answered to calls',
  cases: 'the chosen calls in `vectors/qemu-7.2/cases/`, with its answers',
  timelines:
    'the recordings of a whole POWER9 host, with KVM and VFIO: `traces/full-stack/` and `call-order.md`',
  live: '`live` with a fixed seed, beside a real QEMU that runs',
  stories: '`run`: every story, with the properties after every step',
  laws: 'the property tests of the package: any calls, drawn from a fixed seed',
  units: 'the other tests of the package',
};

/** Where recordings of a real QEMU are, by kind: neither stories nor tests have a hand in them. */
export const RECORDINGS: readonly JudgeName[] = ['logs', 'vectors', 'cases', 'timelines'];

const late = (limit: number): string => `did not end within ${limit} s`;

/** The last line of what a program said as it failed. */
const lastWords = ({ stderr, status }: Ended): string =>
  stderr.trim().split('\n').at(-1) ?? `ended with status ${status}`;

interface CommandAnswer {
  readonly args: readonly string[];
  readonly status: number;
  readonly complaint: string;
}

/** A call by its verb, and its file where it has one. */
const toldOf = (args: readonly string[]): string => args.slice(0, 2).join(' ');

/**
 * Asks with calls of the command, one after the other in one process; where one of them ends that, or does not end, the
 * next ones get another process.
 */
async function askCommand(
  scratch: Scratch,
  calls: readonly (readonly string[])[],
  limit: number,
): Promise<Complaints> {
  const ended = await scratch.run(['tools/mutate/ask-command.mjs', JSON.stringify(calls)], limit);
  const answers = ended.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as CommandAnswer);
  const complaints = answers
    .filter(({ status }) => status !== 0)
    .map(({ args, status, complaint }) => `${toldOf(args)}: status ${status}, ${complaint}`);
  const [open, ...left] = calls.slice(answers.length);
  if (open === undefined) return complaints;
  const why = ended.isLate ? late(limit) : lastWords(ended);
  const others = left.length > 0 ? await askCommand(scratch, left, limit) : [];
  return [...complaints, `${toldOf(open)}: ${why}`, ...others];
}

/** Files below a folder of the copy, relative to the copy. */
const filesIn = ({ folder }: Scratch, under: string, wanted: RegExp): readonly string[] =>
  readdirSync(join(folder, under), { recursive: true, encoding: 'utf8' })
    .map((name) => `${under}/${name}`)
    .filter((file) => wanted.test(file))
    .sort();

/** Judges that are asked by calls of the command, each by a verb of its own. */
const commandJudges = (
  limit: number,
  judges: Readonly<Partial<Record<JudgeName, (scratch: Scratch) => readonly (readonly string[])[]>>>,
): Asking => {
  const all = Object.entries(judges) as [JudgeName, (scratch: Scratch) => readonly (readonly string[])[]][];
  return {
    judges: all.map(([judge]) => judge),
    limit,
    ask: async (scratch, seconds, wanted) => {
      const calls = all
        .filter(([judge]) => wanted.includes(judge))
        .map(([judge, callsOf]) => ({ judge, calls: callsOf(scratch) }));
      const told = await askCommand(
        scratch,
        calls.flatMap((each) => each.calls),
        seconds,
      );
      return new Map(
        calls.map(({ judge, calls: own }) => {
          const verbs = new Set(own.map(([verb]) => verb));
          return [judge, told.filter((complaint) => verbs.has(/^\w+/.exec(complaint)?.[0]))] as const;
        }),
      );
    },
  };
};

/** So many stories a call, so that the first ones that complain end the judging early. */
const STORIES_AT_ONCE = 9;

/** Calls that play all stories. */
function storyCalls(scratch: Scratch): readonly (readonly string[])[] {
  const names = filesIn(scratch, 'stories', /\.story\.json$/).map((file) =>
    file.replace(/^stories\/|\.story\.json$/g, ''),
  );
  const calls = Math.ceil(names.length / STORIES_AT_ONCE);
  return Array.from({ length: calls }, (_, at) => ['run', ...names.filter((_name, i) => i % calls === at)]);
}

interface TestRun {
  readonly folder: string;
  readonly files: readonly string[];
  /** What the names of tests match that are run; all of them where it is left out. */
  readonly named?: string;
  /** Is the first complaint enough? */
  readonly stopsEarly: boolean;
}

/** Runs tests. What they hold against the machine, by their file. */
async function askTests(
  scratch: Scratch,
  { folder, files, named, stopsEarly }: TestRun,
  limit: number,
): Promise<ReadonlyMap<string, Complaints> | string> {
  const report = join(scratch.folder, 'mutate-report.json');
  const ended = await scratch.run(
    [
      join(scratch.folder, 'node_modules/vitest/vitest.mjs'),
      'run',
      `--config=${join(scratch.folder, 'tools/mutate/vitest.config.ts')}`,
      '--reporter=json',
      `--outputFile=${report}`,
      ...(stopsEarly ? ['--bail=1'] : []),
      ...(named === undefined ? [] : [`--testNamePattern=${named}`]),
      ...files,
    ],
    limit,
    folder,
  );
  if (ended.isLate) return late(limit);
  const results = JSON.parse(readFileSync(report, 'utf8')) as JsonTestResults;
  const { failures } = countReport(results, join(scratch.folder, folder));
  const byFile = new Map<string, string[]>(
    results.testResults.map(({ name }) => [relative(join(scratch.folder, folder), name), []]),
  );
  for (const failure of failures) {
    const [file = '', ...rest] = failure.split(': ');
    byFile.get(file)?.push(rest.join(': '));
  }
  const outside = failures.some((failure) => !byFile.has(failure.split(': ')[0] ?? ''));
  return outside ? 'an error outside of the tests' : byFile;
}

const PACKAGE = 'packages/qemu-spapr';
const LAWS = ['test/laws.test.ts', 'test/canonical.test.ts'];
const CASES = ['test/recorded-cases.test.ts'];

/** The judges that are tests of the package, and their files; the readme's test tells nothing of the machine. */
function packageTests(scratch: Scratch): ReadonlyMap<JudgeName, readonly string[]> {
  const all = filesIn(scratch, `${PACKAGE}/test`, /\.test\.ts$/).map((file) =>
    file.slice(PACKAGE.length + 1),
  );
  const special = [...LAWS, ...CASES, 'test/readme.test.ts'];
  return new Map([
    ['cases', CASES],
    ['laws', LAWS],
    ['units', all.filter((file) => !special.includes(file))],
  ]);
}

/** The package's tests in one run, which saves most of the time; one by one where that run does not end. */
async function askPackageTests(
  scratch: Scratch,
  limit: number,
  wanted: readonly JudgeName[],
): Promise<ReadonlyMap<JudgeName, Complaints>> {
  const tests = [...packageTests(scratch)].filter(([judge]) => wanted.includes(judge));
  const ask = (files: readonly string[], isOne: boolean) =>
    askTests(scratch, { folder: PACKAGE, files, stopsEarly: isOne }, limit);
  const all =
    tests.length > 1
      ? await ask(
          tests.flatMap(([, files]) => files),
          false,
        )
      : null;
  const complaints = new Map<JudgeName, Complaints>();
  for (const [judge, files] of tests) {
    const own = all === null || typeof all === 'string' ? await ask(files, true) : all;
    complaints.set(judge, typeof own === 'string' ? [own] : files.flatMap((file) => own.get(file) ?? []));
  }
  return complaints;
}

/** The tests that play whole recordings; those that doctor them tell nothing of the machine. */
async function askTimelines(scratch: Scratch, limit: number): Promise<ReadonlyMap<JudgeName, Complaints>> {
  const told = await askTests(
    scratch,
    {
      folder: 'packages/system',
      files: ['test/full-stack/full-stack.test.ts', 'test/call-order/call-order.test.ts'],
      stopsEarly: true,
      named: 'what the real ones showed|functions of the recording in its order',
    },
    limit,
  );
  return new Map([['timelines', typeof told === 'string' ? [told] : [...told.values()].flat()]]);
}

const LIVE_SEED = '5';
const LIVE_CALLS = '20000';

const live: Asking = {
  judges: ['live'],
  limit: 240,
  ask: async (scratch, limit) => {
    const ended = await scratch.run(['tools/mutate/ask-live.mjs', LIVE_SEED, LIVE_CALLS], limit);
    const told = ended.stdout.trim();
    if (ended.isLate) return new Map([['live', [late(limit)]]]);
    if (ended.status !== 0) return new Map([['live', [lastWords(ended)]]]);
    return new Map([['live', told === '' ? [] : [told]]]);
  },
  lacks: async (scratch) => {
    const asked =
      "import('@spapr-dma/qemu-process').then(({ qemuLacks }) => process.stdout.write(qemuLacks() ?? ''))";
    const { stdout } = await scratch.run(['--input-type=module', '--eval', asked], 60, 'packages/live');
    return stdout === '' ? null : stdout;
  },
};

/** All that can be asked, cheap things first. */
export const ASKINGS: readonly Asking[] = [
  commandJudges(240, {
    vectors: (scratch) =>
      filesIn(scratch, 'vectors/qemu-7.2', /\.jsonl(?:\.gz)?$/).map((file) => ['vectors', file]),
    logs: (scratch) => filesIn(scratch, 'traces', /^traces\/[^/]*\.log\.gz$/).map((file) => ['follow', file]),
    stories: storyCalls,
  }),
  { judges: ['cases', 'laws', 'units'], limit: 240, ask: askPackageTests },
  { judges: ['timelines'], limit: 240, ask: askTimelines },
  live,
];
