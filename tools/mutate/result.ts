import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Fault } from './fault.ts';
import { type Complaints, JUDGES, type JudgeName } from './judges.ts';

/** The first that a judge held against a fault; null where it was silent. */
export type Verdict = string | null;

/** What is known of one fault. */
export interface Judged {
  /** Of the fault's text: a result is of that text only. */
  readonly digest: string;
  /** Of those that were asked. */
  readonly verdicts: Readonly<Partial<Record<JudgeName, Verdict>>>;
}

/** What is kept of all runs, by the name of the fault. */
export type Result = Readonly<Record<string, Judged>>;

const RESULT_FILE = fileURLToPath(new URL('result.json', import.meta.url));
const TEXT_MAX = 160;

export const digestOf = ({ file, before, after }: Fault): string =>
  createHash('sha256')
    .update(JSON.stringify([file, before, after]))
    .digest('hex')
    .slice(0, 12);

export function verdictOf(complaints: Complaints): Verdict {
  const first = complaints[0] ?? null;
  return first !== null && first.length > TEXT_MAX ? `${first.slice(0, TEXT_MAX - 1)}…` : first;
}

/** The judges that caught it. */
export const caughtBy = ({ verdicts }: Judged): readonly JudgeName[] =>
  (Object.entries(verdicts) as [JudgeName, Verdict][])
    .filter(([, verdict]) => verdict !== null)
    .map(([judge]) => judge);

/** Did nobody notice it, though all were asked who can be asked everywhere? */
export const isUnnoticed = (judged: Judged): boolean =>
  caughtBy(judged).length === 0 &&
  (Object.keys(JUDGES) as JudgeName[]).every((judge) => judge === 'live' || judge in judged.verdicts);

/** An older result with what a newer one says; what an older text of a fault met is forgotten. */
export function merged(old: Result, now: Result, faults: readonly Fault[]): Result {
  const all = faults.flatMap((fault): readonly [string, Judged][] => {
    const digest = digestOf(fault);
    const known = [old[fault.name], now[fault.name]].filter((judged) => judged?.digest === digest);
    if (known.length === 0) return [];
    return [
      [fault.name, { digest, verdicts: Object.assign({}, ...known.map((judged) => judged?.verdicts)) }],
    ];
  });
  return Object.fromEntries(all);
}

export const keptResult = (): Result =>
  existsSync(RESULT_FILE) ? (JSON.parse(readFileSync(RESULT_FILE, 'utf8')) as Result) : {};

export const keepResult = (result: Result): void =>
  writeFileSync(RESULT_FILE, `${JSON.stringify(result, null, 2)}\n`);
