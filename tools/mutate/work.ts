import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { FAULTY_SOURCES, type Fault, planted } from './fault.ts';
import { ASKINGS, type Asking, type Complaints, type JudgeName } from './judges.ts';
import { UsageError } from './options.ts';
import { digestOf, type Judged, verdictOf } from './result.ts';
import { makeScratch, projectsIn, type Scratch } from './scratch.ts';

/** Who is asked, and how long each may take. */
interface Asked {
  readonly asking: Asking;
  readonly wanted: readonly JudgeName[];
  readonly limit: number;
}

export interface WorkOptions {
  readonly judges: readonly JudgeName[];
  readonly signal: AbortSignal;
  /** A judge cannot be asked here. */
  readonly onSkipped: (judge: JudgeName, why: string) => void;
  readonly onJudged: (fault: Fault, judged: Judged, seconds: number) => void;
}

/** A judge that has complained of nothing may take so many times longer before it counts as one that does not end. */
const PATIENCE = 8;
const PATIENCE_SECONDS_MIN = 60;

const PROJECT = 'packages/qemu-spapr/tsconfig.src.json';

async function timed<T>(what: () => Promise<T>): Promise<{ readonly value: T; readonly seconds: number }> {
  const start = performance.now();
  const value = await what();
  return { value, seconds: (performance.now() - start) / 1000 };
}

/** Who can be asked here: all that say nothing of the machine without a fault. */
async function askable(scratch: Scratch, { judges, onSkipped }: WorkOptions): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  for (const asking of ASKINGS) {
    const wanted = asking.judges.filter((judge) => judges.includes(judge));
    if (wanted.length === 0) continue;
    const why = (await asking.lacks?.(scratch)) ?? null;
    if (why !== null) {
      for (const judge of wanted) onSkipped(judge, why);
      continue;
    }
    const { value, seconds } = await timed(() => asking.ask(scratch, asking.limit, wanted));
    for (const judge of wanted) {
      const [complaint] = value.get(judge) ?? [];
      if (complaint === undefined) continue;
      throw new UsageError(
        `${judge} complains of the machine without any fault, so that it can judge none: ${complaint}`,
      );
    }
    asked.push({ asking, wanted, limit: Math.ceil(Math.max(PATIENCE_SECONDS_MIN, PATIENCE * seconds)) });
  }
  if (asked.length === 0) throw new UsageError('none of these judges can be asked here');
  return asked;
}

async function complaintsOf(scratch: Scratch, asked: readonly Asked[]) {
  const all = new Map<JudgeName, Complaints>();
  for (const { asking, wanted, limit } of asked) {
    for (const [judge, complaints] of await asking.ask(scratch, limit, wanted)) all.set(judge, complaints);
  }
  return all;
}

/** Plants one fault after the other in a copy of its own, and asks. Takes faults as long as there are any. */
export async function work(next: () => Fault | undefined, options: WorkOptions): Promise<void> {
  const { signal, onJudged } = options;
  const scratch = makeScratch(signal);
  try {
    const complaint = await scratch.build(projectsIn(scratch.folder));
    if (complaint !== null) throw new UsageError(`the sources do not build: ${complaint.split('\n')[0]}`);
    const asked = await askable(scratch, options);
    for (let fault = next(); fault !== undefined && !signal.aborted; fault = next()) {
      const here = fault;
      const { value, seconds } = await timed(() => judgedFault(scratch, here, asked));
      if (!signal.aborted) onJudged(here, value, seconds);
    }
  } finally {
    await scratch.remove();
  }
}

async function judgedFault(scratch: Scratch, fault: Fault, asked: readonly Asked[]): Promise<Judged> {
  const file = `${FAULTY_SOURCES}/${fault.file}`;
  const source = readFileSync(join(scratch.folder, file), 'utf8');
  scratch.write(file, planted(source, fault));
  try {
    const complaint = await scratch.build([PROJECT]);
    if (complaint !== null)
      throw new UsageError(`${fault.name} does not compile: ${complaint.split('\n')[0]}`);
    const complaints = await complaintsOf(scratch, asked);
    const verdicts = [...complaints].map(([judge, held]) => [judge, verdictOf(held)]);
    return { digest: digestOf(fault), verdicts: Object.fromEntries(verdicts) };
  } finally {
    scratch.write(file, source);
  }
}
