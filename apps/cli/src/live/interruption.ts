import type { LiveReport } from '@spapr-dma/live';
import type { Fault } from '../answer.js';
import { counted } from '../text/words.js';

/** What is told of a comparison that the person ended. */
export const interruption = (calls: number): Fault => ({
  line: null,
  text: `interrupted after ${counted(calls, 'call')}; what is reported came before`,
});

/** Why a comparison ended before its last call; null where it did not. */
export function endOf({ interrupted, fault, calls }: LiveReport): Fault | null {
  if (interrupted) return interruption(calls);
  if (fault === null) return null;
  return {
    line: null,
    text: `${fault.replace(/\.$/, '')}, after ${counted(calls, 'call')}; what is reported came before`,
  };
}
