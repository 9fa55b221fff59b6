import {
  accessesIn,
  type ChartFormat,
  chartedCounterexample,
  type ExplainedStep,
  type PlayedCounterexample,
  pathChart,
} from '@spapr-dma/system';
import type { Paint } from '../text/paint.js';
import { counted, excerpt } from '../text/words.js';

/** The chart alone, as it is written for other tools too. */
export const chartOf = (played: PlayedCounterexample, format: ChartFormat, all: boolean): string =>
  pathChart(chartedCounterexample(played), format, { all });

/** The chart for people, without its title, and what it does not show. */
export function drawnText(played: PlayedCounterexample, all: boolean): string {
  const [, , ...lanes] = chartOf(played, 'terminal', all).split('\n');
  const left = all ? 0 : accessesIn(played);
  const hidden = counted(left, 'access', 'accesses');
  const told = left === 0 ? '' : ` Not shown: ${hidden} between the machines of the host; --all shows them.`;
  return `${lanes.join('\n')}\nThe chart begins after ${counted(played.setupSteps, 'step')} of setup.${told}\n`;
}

/** How long a way is, and whether it goes round. */
export const lengthText = (steps: number, loopAfter: number | null): string =>
  loopAfter === null
    ? `after ${counted(steps, 'step')}`
    : `after ${counted(loopAfter, 'step')}, and then for ever in a round of ${counted(steps - loopAfter, 'step')}`;

/** One step in a few lines: what happened, what it changed, and what it broke. */
export function stepText(
  played: PlayedCounterexample,
  { n, text, changes }: ExplainedStep,
  paint: Paint,
): string {
  const { steps, violation, others } = played;
  const broken = [...(violation === null ? [] : [violation]), ...others].filter(({ step }) => step === n);
  const width = String(steps.length).length;
  const margin = ' '.repeat(width + 2);
  return [
    `${String(n).padStart(width)}  ${excerpt(text)}\n`,
    ...changes.map((change) => `${margin}  ${change}\n`),
    ...broken.map(({ name, text: why }) => `${margin}${paint.bad(`✗ ${name}`)}: ${excerpt(why, 1000)}\n`),
  ].join('');
}
