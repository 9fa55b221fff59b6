/** `npm run mutate`: plants faults in the machine of `packages/qemu-spapr`, and tells who notices. */
import { argv, stderr, stdout } from 'node:process';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults/index.ts';
import type { JudgeName } from './judges.ts';
import { type Options, parseOptions, UsageError } from './options.ts';
import { caughtBy, type Judged, keepResult, keptResult, merged, type Result } from './result.ts';
import { SURVIVORS } from './survivors.ts';
import { work } from './work.ts';

/** What came out of a run. */
interface Run {
  readonly judged: Result;
  readonly skipped: ReadonlyMap<JudgeName, string>;
}

async function run({ faults, judges, jobs, keep }: Options, signal: AbortSignal): Promise<Run> {
  const judged: Record<string, Judged> = {};
  const skipped = new Map<JudgeName, string>();
  const left = [...faults];
  const onSkipped = (judge: JudgeName, why: string) => {
    if (!skipped.has(judge)) stderr.write(`${judge} is not asked: ${why}\n`);
    skipped.set(judge, why);
  };
  const onJudged = (fault: Fault, found: Judged, seconds: number) => {
    judged[fault.name] = found;
    if (keep) keepResult(merged(keptResult(), judged, FAULTS));
    const done = Object.keys(judged).length;
    const by = caughtBy(found).join(', ') || 'NOBODY';
    stderr.write(`${done}/${faults.length} ${fault.name}: ${by} (${seconds.toFixed(0)} s)\n`);
  };
  // Where one cannot go on, the others end with what they are at.
  const stopped = (error: unknown): never => {
    left.length = 0;
    throw error;
  };
  const workers = Array.from({ length: Math.min(jobs, faults.length) }, () =>
    work(() => left.shift(), { judges, signal, onSkipped, onJudged }).catch(stopped),
  );
  const ends = await Promise.allSettled(workers);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined && !signal.aborted) throw failed.reason;
  return { judged, skipped };
}

/** Faults of this run that nobody noticed, neither now nor, where a judge was not asked now, in the kept result. */
function survivorsOf({ judged }: Run): readonly string[] {
  const all = merged(keptResult(), judged, FAULTS);
  return Object.keys(judged).filter(
    (name) => caughtBy(all[name] ?? { digest: '', verdicts: {} }).length === 0,
  );
}

function textOf(ran: Run, { faults, judges }: Options): string {
  const asked = judges.filter((judge) => !ran.skipped.has(judge));
  const all = Object.values(ran.judged);
  const counts = asked.map(
    (judge) => `${judge} ${all.filter((found) => caughtBy(found).includes(judge)).length}`,
  );
  const survivors = survivorsOf(ran);
  return [
    `${all.length - survivors.length} of ${all.length} faults noticed; by ${counts.join(', ')}`,
    ...survivors.map((name) => {
      const what = faults.find((fault) => fault.name === name)?.what ?? '';
      return `nobody noticed ${name}: ${SURVIVORS[name] ?? `${what} Nothing explains why.`}`;
    }),
  ].join('\n');
}

const documentOf = ({ judged, skipped }: Run, { faults }: Options) => ({
  faults: faults
    .filter(({ name }) => name in judged)
    .map(({ name, file, what }) => ({ name, file, what, verdicts: judged[name]?.verdicts })),
  skipped: Object.fromEntries(skipped),
});

async function main(): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stop.abort());
  }
  const wantsJson = argv.includes('--json');
  try {
    const options = parseOptions(argv.slice(2), FAULTS);
    if (typeof options === 'string') {
      stdout.write(`${options}\n`);
      return 0;
    }
    const ran = await run(options, stop.signal);
    const error = stop.signal.aborted ? 'interrupted: what had been judged until then stands here' : null;
    if (options.json) stdout.write(`${JSON.stringify({ ...documentOf(ran, options), error }, null, 2)}\n`);
    else stdout.write(`${textOf(ran, options)}\n`);
    if (error !== null) stderr.write(`mutate: ${error}.\n`);
    if (error !== null) return 2;
    return survivorsOf(ran).every((name) => name in SURVIVORS) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (wantsJson) stdout.write(`${JSON.stringify({ faults: [], skipped: {}, error: error.message })}\n`);
    stderr.write(`mutate: ${error.message}.\n`);
    return 2;
  }
}

process.exitCode = await main();
