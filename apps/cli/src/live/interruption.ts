import type { Fault } from '../answer.js';
import { counted } from '../text/words.js';

/** What is told of a comparison that the person ended. */
export const interruption = (calls: number): Fault => ({
  line: null,
  text: `interrupted after ${counted(calls, 'call')}; what is reported came before`,
});
