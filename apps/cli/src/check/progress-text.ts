import type { Progress } from '@spapr-dma/checker';
import { counted, grouped, seconds } from '../text/words.js';

/** How long a search will still take, from what it is known to come to; null where nobody can tell. */
function remaining({ states, seconds: passed }: Progress, statesKnown: number | null): number | null {
  if (statesKnown === null || statesKnown <= states || passed < 0.5) return null;
  return ((statesKnown - states) * passed) / states;
}

/** A line for whoever waits. */
export function progressText(name: string, progress: Progress, statesKnown: number | null): string {
  const { states, depth, frontier, seconds: passed } = progress;
  const rate = passed > 0 ? `, ${grouped(states / passed)} a second` : '';
  const left = remaining(progress, statesKnown);
  const estimate = left === null ? '' : `, about ${seconds(left)} to go`;
  return `${name}: ${counted(states, 'state')}${rate}, depth ${depth}, ${grouped(frontier)} to go on from${estimate}`;
}
