import { showsAgain } from '@spapr-dma/system';
import { chartOf, drawnText, lengthText } from '../played/played-text.js';
import type { Paint } from '../text/paint.js';
import { counted, enumerated, excerpt, grouped, seconds, share } from '../text/words.js';
import type { CheckCall } from './check-call.js';
import { boundText, type Report } from './report.js';

const units = ['bytes', 'KiB', 'MiB', 'GiB'];

/** `123 KiB`: with as many digits as tell something. */
export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${value < 10 && unit > 0 ? value.toFixed(1) : grouped(value)} ${units[unit]}`;
}

/** What differs from the preset, as typed. */
const setText = (set: Readonly<Record<string, string>>): string =>
  Object.entries(set)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

function headText({ entry, found }: Report, { set }: CheckCall): string {
  const changes = [setText(entry.set), ...set].filter((part) => part !== '').join(' ');
  const with_ = changes === '' ? '' : ` with ${changes}`;
  return `${entry.name}: ${entry.scenario.title}\n${found.preset}${with_}, ${found.size}\n`;
}

/** The verdict in a word, as it is painted. */
export function verdictText({ found: { result } }: Pick<Report, 'found'>, paint: Paint): string {
  const { verdict, bound } = result;
  if (verdict === 'holds') return paint.good('holds');
  if (verdict === 'violated') return paint.bad('violated');
  return paint.warn(`nothing found until ${bound === null ? 'its end' : boundText(bound)}`);
}

function expectationText({ expectation, found }: Report, paint: Paint): string {
  if (expectation === null) return '';
  if (!expectation.isMet) return `, ${paint.bad('not as expected')}`;
  return found.result.verdict === 'bounded' ? '' : ', as expected';
}

/** What broke, what it says, and where. */
function violationText({ violation, played, found }: Report): string {
  if (violation === null) return '';
  const main = found.violations.find(({ property }) => property === violation.property);
  const where = main === undefined ? '' : `, ${lengthText(main.choices.length, main.loopAfter)}`;
  const title = played?.counterexample.property.title;
  const others = found.violations
    .filter((each) => each !== main)
    .map(
      ({ property, text, choices }) =>
        `  also ${property} after ${counted(choices.length, 'step')}: ${text}\n`,
    );
  const idle = found.result.unreached
    .filter(({ property }) => property !== violation.property)
    .map(({ property, sometimes }) => `  also ${property}: it never happens that ${sometimes}.\n`);
  return [
    `  ${violation.property}${where}: ${excerpt(violation.text, 1000)}\n`,
    title === undefined ? '' : `  What must hold: ${title}\n`,
    ...others,
    ...idle,
  ].join('');
}

function figuresText({ found: { result }, search }: Report): string {
  const { states, transitions, depth, memoHits, bytesPerState, localStates, asked } = result;
  const rate = result.seconds > 0 ? `, ${grouped(states / result.seconds)} states a second` : '';
  const how = [
    `${search.order === 'random' ? 'random walks' : `${search.order} first`}`,
    ...(search.workers > 1 ? [counted(search.workers, 'thread')] : []),
    ...(search.symmetry === null ? [] : [`symmetry ${search.symmetry ? 'on' : 'off'}`]),
    ...(search.partialOrder === true ? ['partial order'] : []),
  ].join(', ');
  const locals = Object.entries(localStates).map(([name, count]) => `${name} ${grouped(count)}`);
  return [
    `Search: ${counted(states, 'state')}, ${counted(transitions, 'transition')}, depth ${depth}; ${how}.\n`,
    `Time: ${seconds(result.seconds)}${rate}; memory: ${bytesText(states * bytesPerState)}, ${grouped(bytesPerState)} bytes a state.\n`,
    `Remembered: ${share(memoHits, 1)} of the steps; machines were asked ${counted(asked, 'time')}.\n`,
    `Local states: ${locals.join(', ')}.\n`,
  ].join('');
}

function replayText(played: NonNullable<Report['played']>, paint: Paint): string {
  if (showsAgain(played)) return 'Played again, in running actors and step by step: the same.\n';
  return `${paint.bad('Played again it does not show: this is a mistake in spapr-dma.')}\n`;
}

/** Where files were written, for whoever asked for them. */
function filesText({ played, found }: Report, { out, itf, promela, search }: CheckCall): string {
  const ways = [out, itf].filter((file) => file !== null);
  const written = [...(promela === null ? [] : [promela]), ...(played === null ? [] : ways)];
  const again = out === null || played === null ? '' : ` Play it with: spapr-dma run ${out}`;
  return [
    written.length === 0 ? '' : `Written: ${enumerated(written)}.${again}\n`,
    search.checkpoint === null || found.result.bound === null
      ? ''
      : `Saved: ${search.checkpoint}. Go on with --resume ${search.checkpoint}\n`,
    played === null && ways.length > 0 ? `There is no counterexample to write to ${enumerated(ways)}.\n` : '',
  ].join('');
}

/** The chart alone, as it is written for other tools; null where there is nothing to draw. */
export function chartAlone({ played }: Report, { chart, all }: CheckCall): string | null {
  return played === null || chart === null || chart === 'terminal' ? null : chartOf(played, chart, all);
}

/** A model that was checked, for people. */
export function reportText(report: Report, call: CheckCall, paint: Paint): string {
  const { played, expectation } = report;
  const drawn = played === null ? '' : `\n${drawnText(played, call.all)}`;
  const differences = (expectation?.differences ?? []).map((text) => `  ${text}\n`);
  return [
    headText(report, call),
    drawn,
    `\nVerdict: ${verdictText(report, paint)}${expectationText(report, paint)}.\n`,
    ...differences,
    violationText(report),
    figuresText(report),
    played === null ? '' : replayText(played, paint),
    filesText(report, call),
  ].join('');
}
