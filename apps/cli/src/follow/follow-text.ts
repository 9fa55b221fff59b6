import type { FollowReport } from '@spapr-dma/trace';
import type { Paint } from '../text/paint.js';
import { abridged, type Cell, table } from '../text/table.js';
import { counted, excerpt, inputName, seconds } from '../text/words.js';
import { eventsText, ratesText } from './rates-text.js';
import { windowState, windowsText } from './windows-text.js';

const eventsMax = 6;
const phasesMax = 12;
const findingsMax = 40;

function verdictText(log: string, report: FollowReport, paint: Paint): string {
  const { accepted, lines, divergence, branches, reordered, aborted, clock, lost } = report;
  const verdict =
    divergence !== null
      ? paint.bad(`refused on line ${divergence.line}`)
      : accepted
        ? paint.good('accepted')
        : paint.warn('not followed to its end');
  const details = [
    counted(lines, 'line'),
    ...(branches > 1 ? [`up to ${counted(branches, 'machine')} that explain them`] : []),
    ...(aborted ? ['QEMU aborted at its end'] : []),
    ...(clock.backwards > 0
      ? [`time running backwards ${counted(clock.backwards, 'time')} from line ${clock.firstLine} on`]
      : []),
    ...(lost.events > 0
      ? [`${counted(lost.events, 'event')} lost by QEMU, as line ${lost.firstLine} says first`]
      : []),
    ...(reordered > 0 ? [`${counted(reordered, 'translation')} out of order`] : []),
  ];
  return `${inputName(log)}: ${verdict}, ${details.join(', ')}.\n`;
}

/** Where log and specification part, with the last windows that bear the LIOBN of that line. */
function divergenceText({ divergence, windows }: FollowReport): string {
  if (divergence === null) return '';
  const { line, text, expected, observed } = divergence;
  const liobn = /\bliobn[=: ]*(?:0x)?0*([0-9a-f]+)/i.exec(text)?.[1]?.toLowerCase();
  const named = windows.findLast((window) => liobn !== undefined && window.liobn === `0x${liobn}`);
  const rows = [
    ['line', excerpt(text)],
    ['expected', excerpt(expected, 1000)],
    ['seen', excerpt(observed, 1000)],
    ...(named === undefined ? [] : [['window', windowState(named)]]),
  ];
  return `Log and specification part on line ${line}\n${rows.map(([name, told]) => `  ${name!.padEnd(9)} ${told}\n`).join('')}`;
}

function phasesText(phases: FollowReport['phases']): string {
  if (phases.length === 0) return '';
  const rows = phases.map(({ name, line, seconds: since }) => [
    name,
    `${line}`,
    since === null ? '-' : seconds(since),
  ]);
  const columns = [
    { title: '' },
    { title: 'from line', align: 'right' },
    { title: 'after', align: 'right' },
  ] as const;
  const leftOut = (count: number) => [`… ${counted(count, 'more phase')}: see --json`];
  return `Phases\n${table(columns, abridged<string[]>(rows, phasesMax, leftOut), '  ')}`;
}

function phbsText(phbs: FollowReport['phbs']): string {
  if (phbs.length === 0) return '';
  const columns = ['index', 'buid', 'dma_win_addr', 'dma_win_size', 'dma64_win_addr', 'pgsz'];
  const rows = phbs.map(({ index, buid, dmaWinAddr, dmaWinSize, dma64WinAddr, pgszMask }) => [
    `${index}`,
    buid,
    ...[dmaWinAddr, dmaWinSize, dma64WinAddr, pgszMask].map((value) => value ?? '-'),
  ]);
  return `PHBs (- where the log does not tell)\n${table(
    columns.map((title) => ({ title })),
    rows,
    '  ',
  )}`;
}

/** Kind, lines and sentence; the sentence names LIOBN and counts. */
function findingsText(findings: FollowReport['findings'], paint: Paint): string {
  if (findings.length === 0) return '';
  const columns = [{ title: '' }, { title: 'lines' }, { title: '' }] as const;
  const rows = findings.map(({ kind, line, lastLine, text }): Cell[] => [
    { text: kind, paint: paint.warn },
    line === lastLine ? `${line}` : `${line}-${lastLine}`,
    excerpt(text, 500),
  ]);
  const leftOut = (count: number): Cell[] => [`… ${counted(count, 'more finding')}: see --json`];
  return `Findings\n${table(columns, abridged(rows, findingsMax, leftOut), '  ')}`;
}

/** The report for people. */
export function followText(log: string, report: FollowReport, paint: Paint): string {
  if (report.lines === 0 && report.error !== null) return '';
  const parts = [
    verdictText(log, report, paint),
    divergenceText(report),
    phasesText(report.phases),
    phbsText(report.phbs),
    windowsText(report),
    ratesText(report.rates),
    findingsText(report.findings, paint),
    eventsText('Followed', report.events, eventsMax) + eventsText('Ignored', report.ignored, eventsMax),
  ];
  return parts.filter((part) => part !== '').join('\n');
}
