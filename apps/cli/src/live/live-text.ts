import type { LiveFinding, LiveReport } from '@spapr-dma/live';
import type { Paint } from '../text/paint.js';
import { table } from '../text/table.js';
import { counted, enumerated, excerpt, grouped, printable, seconds } from '../text/words.js';
import type { Compared, Defect, ReplayedFile } from './live-document.js';

/** Calls of a finding that are shown where there are more: the last ones, since the last of all shows it. */
const STEPS_MAX = 40;

/** Situations, and places of the specification, that are listed. */
const SITUATIONS_MAX = 12;
const PLACES_MAX = 12;

const shownFile = (file: string): string => printable(file);

const verdictText = (differences: number, paint: Paint): string =>
  differences === 0
    ? paint.good('every answer is as specified')
    : paint.bad(`${counted(differences, 'answer differs', 'answers differ')}`);

/** The versions asked, as a range where they are many. */
function versionsText(versions: readonly string[]): string {
  const sorted = [...versions].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return sorted.length < 4 ? enumerated(sorted) : `${sorted[0]} to ${sorted.at(-1)}`;
}

function headText({ report, switches }: Compared, paint: Paint): string {
  const { qemu, seed, calls, machines, versions, differences, seconds: took } = report;
  const set = Object.entries(switches).map(([name, value]) => `${name}=${value}`);
  const against = set.length === 0 ? '' : ` against the specification with ${enumerated(set)}`;
  const rate = took > 0 ? `, ${grouped(calls / took)} a second` : '';
  return [
    `QEMU ${qemu}, seed ${seed}${against}: ${verdictText(differences, paint)}.\n`,
    `${counted(calls, 'call')} to ${counted(machines, 'machine')} (${versionsText(versions)}) in ${seconds(took)}${rate}.\n`,
  ].join('');
}

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** What was answered: an operation a line, its most frequent status first. A transfer may have several. */
function coverageText(coverage: LiveReport['coverage']): string {
  const sorted = Object.entries(coverage).sort(([, a], [, b]) => sumOf(b) - sumOf(a));
  const rows = sorted.map(([op, statuses]) => {
    const counts = Object.entries(statuses).sort(([, a], [, b]) => b - a);
    return [op, counts.map(([status, count]) => `${status}: ${grouped(count)}`).join(', ')];
  });
  return rows.length === 0 ? '' : `\n${table([{ title: 'operation' }, { title: 'answers' }], rows)}`;
}

/** Those of one key together, in the order of their first. */
function groupedBy<Each>(all: readonly Each[], keyOf: (each: Each) => string): readonly (readonly Each[])[] {
  const groups = new Map<string, Each[]>();
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return [...groups.values()];
}

/** Statuses that were not met, with the operations that have them, those first that could have been. */
function unreachedText(unreached: LiveReport['unreached'], paint: Paint): string {
  if (unreached.length === 0) return '';
  const sorted = [...unreached].sort((a, b) => Number(a.why !== null) - Number(b.why !== null));
  const ofStatus = groupedBy(sorted, ({ status, why }) => `${status} ${why}`).map((group) => ({
    status: group[0]!.status,
    why: group[0]!.why,
    ops: group.map(({ op }) => op).join(', '),
  }));
  const rows = groupedBy(ofStatus, ({ ops, why }) => `${ops} ${why}`).map((group) => [
    group.map(({ status }) => status).join(', '),
    group[0]!.ops,
    group[0]!.why ?? { text: 'These calls did not come to it.', paint: paint.warn },
  ]);
  return `\nNot answered\n${table([{ title: 'status' }, { title: 'of' }, { title: 'why' }], rows)}`;
}

function situationsText(situations: LiveReport['situations']): string {
  const all = Object.entries(situations);
  const missed = all.filter(([, count]) => count === 0).map(([name]) => name);
  if (all.length === 0) return '';
  const more = missed.length - SITUATIONS_MAX;
  return [
    `\nSituations reached: ${all.length - missed.length} of ${all.length}${missed.length === 0 ? '.' : '. Not:'}\n`,
    ...missed.slice(0, SITUATIONS_MAX).map((name) => `  ${name}\n`),
    more > 0 ? `  and ${grouped(more)} more, all in --json\n` : '',
  ].join('');
}

/** What of the specification did not run, without what calls cannot reach. */
function branchesText({ files, unreached }: NonNullable<Compared['branches']>): string {
  const reached = files.reduce((sum, file) => sum + file.reached, 0);
  const functions = files.reduce((sum, file) => sum + file.functions, 0);
  const missed = unreached.filter(({ why }) => why === null);
  const explained = unreached.length - missed.length;
  const more = missed.length - PLACES_MAX;
  const rows = missed
    .slice(0, PLACES_MAX)
    .map(({ file, line, name, text }) => [`${file}:${line}`, name, excerpt(text, 80)]);
  return [
    `\nSpecification: ${reached} of ${functions} functions ran. Not reached: ${counted(explained, 'place')} that such calls cannot reach, `,
    `and ${missed.length} more${missed.length === 0 ? '.' : ':'}\n`,
    rows.length === 0
      ? ''
      : table([{ title: 'place' }, { title: 'function' }, { title: 'code' }], rows, '  '),
    more > 0 ? `  and ${grouped(more)} more, all in --json\n` : '',
  ].join('');
}

/** The calls that show something, the last one last. */
function stepsText(steps: readonly string[]): string {
  const left = Math.max(0, steps.length - STEPS_MAX);
  const shown = steps.slice(left).map((step) => `    ${excerpt(step, 1000)}\n`);
  return `${left === 0 ? '' : `    … ${counted(left, 'call')} before\n`}${shown.join('')}`;
}

function findingText(finding: LiveFinding, paint: Paint): string {
  const { kind, file, calls, text, steps, times, known, repeatable } = finding;
  const after = `after ${counted(calls, 'call')}`;
  const what =
    kind === 'difference'
      ? `${paint.bad('difference')} ${after}`
      : `${paint.strong('QEMU ends')} ${after}, as specified`;
  const met = times === 1 ? '' : `, met ${counted(times, 'time')}`;
  const where = file === null ? '' : `; ${shownFile(file)}${known ? ' (known)' : ''}`;
  return [
    `  ${what}${met}${where}\n`,
    `    ${excerpt(text, 1000)}\n`,
    repeatable ? '' : `    ${paint.warn('It did not come again on a fresh machine.')}\n`,
    kind === 'difference' ? stepsText(steps) : '',
  ].join('');
}

function findingsText(findings: readonly LiveFinding[], paint: Paint): string {
  if (findings.length === 0) return '';
  return `\nFindings\n${findings.map((finding) => findingText(finding, paint)).join('')}`;
}

/** A comparison of calls that were made up. */
export function liveText(compared: Compared, paint: Paint): string {
  const { coverage, unreached, situations, findings } = compared.report;
  const { branches } = compared;
  return [
    headText(compared, paint),
    coverageText(coverage),
    unreachedText(unreached, paint),
    situationsText(situations),
    branches === null ? '' : branchesText(branches),
    findingsText(findings, paint),
  ].join('');
}

function defectText(defect: Defect, paint: Paint): string {
  const { switch: name, about, source, confirmed, file, calls, text, steps } = defect;
  const mark = confirmed ? paint.strong('confirmed') : paint.warn('not seen');
  const after = calls === null ? '' : ` by ${counted(calls, 'call')}`;
  return [
    `${name} (${source}; ${about}): ${mark}${after}${file === null ? '' : `; ${shownFile(file)}`}\n`,
    text === null ? '' : `  ${excerpt(text, 1000)}\n`,
    stepsText(steps),
  ].join('');
}

/** Which known defects showed. */
export function defectsText({ report, defects }: Compared, paint: Paint): string {
  const { qemu, calls, seconds: took } = report;
  const confirmed = defects.filter((defect) => defect.confirmed).length;
  return [
    `QEMU ${qemu}: ${confirmed} of ${counted(defects.length, 'known defect')} confirmed, `,
    `with ${counted(calls, 'call')} in ${seconds(took)}.\n`,
    'The specification without a defect answers the last call otherwise; the one that has it answers as QEMU does.\n\n',
    defects.map((defect) => defectText(defect, paint)).join('\n'),
  ].join('');
}

function fileText({ file, machine, calls, differences, unlikeRecorded, abort }: ReplayedFile, paint: Paint) {
  const recorded =
    unlikeRecorded === 0
      ? ''
      : `, ${paint.warn(`${counted(unlikeRecorded, 'answer')} otherwise than recorded`)}`;
  const end = abort === null ? '' : `\n  QEMU ends with the last one: ${excerpt(abort, 1000)}`;
  return `${shownFile(file)}: ${counted(calls, 'call')} to a ${machine}: ${verdictText(differences, paint)}${recorded}.${end}\n`;
}

/** Files that were replayed, and what differed. */
export function replayedText({ report, files }: Compared, paint: Paint): string {
  const differing = report.findings.filter(({ kind }) => kind === 'difference');
  return `${files.map((file) => fileText(file, paint)).join('')}${findingsText(differing, paint)}`;
}
