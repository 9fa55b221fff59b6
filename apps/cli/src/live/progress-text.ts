import type { LiveProgress } from '@spapr-dma/live';
import { counted, grouped } from '../text/words.js';

/** A line for whoever waits. @param passed milliseconds */
export function progressText(progress: LiveProgress, passed: number): string {
  const { calls, machines, findings, machine, shrinking } = progress;
  const seconds = passed / 1000;
  const rate = seconds > 0.5 ? `, ${grouped(calls / seconds)} a second` : '';
  const found = findings === 0 ? '' : `, ${counted(findings, 'finding')}`;
  const phbs = counted(machine.phbs.length, 'PHB');
  const now =
    shrinking === null
      ? `${machine.machine ?? 'pseries'} with ${phbs}`
      : `shrinking: ${counted(shrinking.calls, 'call')} left after ${counted(shrinking.tries, 'try', 'tries')}`;
  return `${counted(calls, 'call')}${rate}, machine ${grouped(machines)}${found}; ${now}`;
}
